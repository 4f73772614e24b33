import { atomicList, knownTexts, object, oneOf, required, string, type Static } from '#api/schema.ts';

export const localObjectReferenceFields = {
  name: string('Name of the object'),
};
export const LocalObjectReference = object('io.k8s.api.core.v1.LocalObjectReference', localObjectReferenceFields, {
  doc: 'An object in the same namespace.',
  mapType: 'atomic',
});
export interface LocalObjectReference extends Static<typeof LocalObjectReference> {}

export const ObjectReference = object(
  'io.k8s.api.core.v1.ObjectReference',
  {
    kind: string('Kind of the object'),
    namespace: string('Namespace of the object'),
    name: string('Name of the object'),
    uid: string('Identity of the object'),
    apiVersion: string('Group and version of its kind'),
    resourceVersion: string('Version that is meant'),
    fieldPath: string('Part of the object that is meant'),
  },
  { doc: 'Any object, or a part of it.', mapType: 'atomic' },
);
export interface ObjectReference extends Static<typeof ObjectReference> {}

export const TypedLocalObjectReference = object(
  'io.k8s.api.core.v1.TypedLocalObjectReference',
  {
    apiGroup: string('Group of the kind'),
    kind: required(string('Kind of the object')),
    name: required(string('Name of the object')),
  },
  { mapType: 'atomic' },
);
export interface TypedLocalObjectReference extends Static<typeof TypedLocalObjectReference> {}

export const TypedObjectReference = object('io.k8s.api.core.v1.TypedObjectReference', {
  apiGroup: string('Group of the kind'),
  kind: required(string('Kind of the object')),
  name: required(string('Name of the object')),
  namespace: string('Namespace of the object', { gate: 'CrossNamespaceVolumeDataSource' }),
});
export interface TypedObjectReference extends Static<typeof TypedObjectReference> {}

export const SecretReference = object(
  'io.k8s.api.core.v1.SecretReference',
  {
    name: string('Name of the secret'),
    namespace: string('Namespace of the secret'),
  },
  { mapType: 'atomic' },
);
export interface SecretReference extends Static<typeof SecretReference> {}

export const ConditionStatus = knownTexts(['True', 'False', 'Unknown']);
export type ConditionStatus = Static<typeof ConditionStatus>;

export const Protocol = oneOf(['TCP', 'UDP', 'SCTP']);
export type Protocol = Static<typeof Protocol>;

export const TopologySelectorLabelRequirement = object('io.k8s.api.core.v1.TopologySelectorLabelRequirement', {
  key: required(string('Name of the label')),
  values: required(atomicList(string(), 'Any of these values')),
});
export interface TopologySelectorLabelRequirement extends Static<typeof TopologySelectorLabelRequirement> {}

export const TopologySelectorTerm = object(
  'io.k8s.api.core.v1.TopologySelectorTerm',
  {
    matchLabelExpressions: atomicList(TopologySelectorLabelRequirement, 'Labels of nodes that are allowed'),
  },
  { mapType: 'atomic' },
);
export interface TopologySelectorTerm extends Static<typeof TopologySelectorTerm> {}
