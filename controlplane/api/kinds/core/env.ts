import { boolean, field, object, quantity, required, string, type Static } from '#api/schema.ts';
import { localObjectReferenceFields } from '#api/kinds/core/references.ts';

export const ObjectFieldSelector = object(
  'io.k8s.api.core.v1.ObjectFieldSelector',
  {
    apiVersion: string(undefined, { default: 'v1' }),
    fieldPath: required(string()),
  },
  { mapType: 'atomic' },
);
export interface ObjectFieldSelector extends Static<typeof ObjectFieldSelector> {}

export const ResourceFieldSelector = object(
  'io.k8s.api.core.v1.ResourceFieldSelector',
  {
    containerName: string(),
    resource: required(string()),
    divisor: quantity(),
  },
  { mapType: 'atomic' },
);
export interface ResourceFieldSelector extends Static<typeof ResourceFieldSelector> {}

export const ConfigMapKeySelector = object(
  'io.k8s.api.core.v1.ConfigMapKeySelector',
  {
    ...localObjectReferenceFields,
    key: required(string()),
    optional: boolean(),
  },
  { mapType: 'atomic' },
);
export interface ConfigMapKeySelector extends Static<typeof ConfigMapKeySelector> {}

export const SecretKeySelector = object(
  'io.k8s.api.core.v1.SecretKeySelector',
  {
    ...localObjectReferenceFields,
    key: required(string()),
    optional: boolean(),
  },
  { mapType: 'atomic' },
);
export interface SecretKeySelector extends Static<typeof SecretKeySelector> {}

export const FileKeySelector = object(
  'io.k8s.api.core.v1.FileKeySelector',
  {
    volumeName: required(string()),
    path: required(string()),
    key: required(string()),
    optional: boolean(),
  },
  { mapType: 'atomic' },
);
export interface FileKeySelector extends Static<typeof FileKeySelector> {}

export const EnvVarSource = object('io.k8s.api.core.v1.EnvVarSource', {
  fieldRef: ObjectFieldSelector,
  resourceFieldRef: ResourceFieldSelector,
  configMapKeyRef: ConfigMapKeySelector,
  secretKeyRef: SecretKeySelector,
  fileKeyRef: field(FileKeySelector, undefined, { gate: 'EnvFiles' }),
});
export interface EnvVarSource extends Static<typeof EnvVarSource> {}

export const EnvVar = object('io.k8s.api.core.v1.EnvVar', {
  name: required(string()),
  value: string(),
  valueFrom: EnvVarSource,
});
export interface EnvVar extends Static<typeof EnvVar> {}

export const ConfigMapEnvSource = object('io.k8s.api.core.v1.ConfigMapEnvSource', {
  ...localObjectReferenceFields,
  optional: boolean(),
});
export interface ConfigMapEnvSource extends Static<typeof ConfigMapEnvSource> {}

export const SecretEnvSource = object('io.k8s.api.core.v1.SecretEnvSource', {
  ...localObjectReferenceFields,
  optional: boolean(),
});
export interface SecretEnvSource extends Static<typeof SecretEnvSource> {}

export const EnvFromSource = object('io.k8s.api.core.v1.EnvFromSource', {
  prefix: string(),
  configMapRef: ConfigMapEnvSource,
  secretRef: SecretEnvSource,
});
export interface EnvFromSource extends Static<typeof EnvFromSource> {}
