import { atomicList, knownTexts, object, oneOf, required, string, type Static } from '#api/schema.ts';

export const localObjectReferenceFields = {
  name: string(),
};
export const LocalObjectReference = object('io.k8s.api.core.v1.LocalObjectReference', localObjectReferenceFields, { mapType: 'atomic' });
export interface LocalObjectReference extends Static<typeof LocalObjectReference> {}

export const ObjectReference = object(
  'io.k8s.api.core.v1.ObjectReference',
  {
    kind: string(),
    namespace: string(),
    name: string(),
    uid: string(),
    apiVersion: string(),
    resourceVersion: string(),
    fieldPath: string(),
  },
  { mapType: 'atomic' },
);
export interface ObjectReference extends Static<typeof ObjectReference> {}

export const TypedLocalObjectReference = object(
  'io.k8s.api.core.v1.TypedLocalObjectReference',
  {
    apiGroup: string(),
    kind: required(string()),
    name: required(string()),
  },
  { mapType: 'atomic' },
);
export interface TypedLocalObjectReference extends Static<typeof TypedLocalObjectReference> {}

export const TypedObjectReference = object('io.k8s.api.core.v1.TypedObjectReference', {
  apiGroup: string(),
  kind: required(string()),
  name: required(string()),
  namespace: string(undefined, { gate: 'CrossNamespaceVolumeDataSource' }),
});
export interface TypedObjectReference extends Static<typeof TypedObjectReference> {}

export const SecretReference = object(
  'io.k8s.api.core.v1.SecretReference',
  {
    name: string(),
    namespace: string(),
  },
  { mapType: 'atomic' },
);
export interface SecretReference extends Static<typeof SecretReference> {}

export const ConditionStatus = knownTexts(['True', 'False', 'Unknown']);
export type ConditionStatus = Static<typeof ConditionStatus>;

export const Protocol = oneOf(['TCP', 'UDP', 'SCTP']);
export type Protocol = Static<typeof Protocol>;

export const TopologySelectorLabelRequirement = object('io.k8s.api.core.v1.TopologySelectorLabelRequirement', {
  key: required(string()),
  values: required(atomicList(string())),
});
export interface TopologySelectorLabelRequirement extends Static<typeof TopologySelectorLabelRequirement> {}

export const TopologySelectorTerm = object(
  'io.k8s.api.core.v1.TopologySelectorTerm',
  {
    matchLabelExpressions: atomicList(TopologySelectorLabelRequirement),
  },
  { mapType: 'atomic' },
);
export interface TopologySelectorTerm extends Static<typeof TopologySelectorTerm> {}
