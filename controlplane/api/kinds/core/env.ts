import { boolean, field, object, quantity, required, string, type Static } from '#api/schema.ts';
import { localObjectReferenceFields } from '#api/kinds/core/references.ts';

export const ObjectFieldSelector = object(
  'io.k8s.api.core.v1.ObjectFieldSelector',
  {
    apiVersion: string('Version that the path belongs to', { default: 'v1' }),
    fieldPath: required(string("Path in the pod, such as metadata.name or metadata.labels['app']")),
  },
  { mapType: 'atomic' },
);
export interface ObjectFieldSelector extends Static<typeof ObjectFieldSelector> {}

export const ResourceFieldSelector = object(
  'io.k8s.api.core.v1.ResourceFieldSelector',
  {
    containerName: string('Container that is meant; the own one when left out'),
    resource: required(string('Such as limits.cpu')),
    divisor: quantity('Unit of the answer'),
  },
  { mapType: 'atomic' },
);
export interface ResourceFieldSelector extends Static<typeof ResourceFieldSelector> {}

export const ConfigMapKeySelector = object(
  'io.k8s.api.core.v1.ConfigMapKeySelector',
  {
    ...localObjectReferenceFields,
    key: required(string('Key in the config map')),
    optional: boolean('Whether it may be missing'),
  },
  { mapType: 'atomic' },
);
export interface ConfigMapKeySelector extends Static<typeof ConfigMapKeySelector> {}

export const SecretKeySelector = object(
  'io.k8s.api.core.v1.SecretKeySelector',
  {
    ...localObjectReferenceFields,
    key: required(string('Key in the secret')),
    optional: boolean('Whether it may be missing'),
  },
  { mapType: 'atomic' },
);
export interface SecretKeySelector extends Static<typeof SecretKeySelector> {}

export const FileKeySelector = object(
  'io.k8s.api.core.v1.FileKeySelector',
  {
    volumeName: required(string('Volume that has the file')),
    path: required(string('Path of the file in the volume')),
    key: required(string('Variable in the file')),
    optional: boolean('Whether it may be missing'),
  },
  { mapType: 'atomic' },
);
export interface FileKeySelector extends Static<typeof FileKeySelector> {}

export const EnvVarSource = object(
  'io.k8s.api.core.v1.EnvVarSource',
  {
    fieldRef: field(ObjectFieldSelector, 'A field of the pod'),
    resourceFieldRef: field(ResourceFieldSelector, 'A resource of a container'),
    configMapKeyRef: field(ConfigMapKeySelector, 'A key of a config map'),
    secretKeyRef: field(SecretKeySelector, 'A key of a secret'),
    fileKeyRef: field(FileKeySelector, 'A variable in a file', { gate: 'EnvFiles' }),
  },
  { doc: 'Where the value of a variable comes from; one of these.' },
);
export interface EnvVarSource extends Static<typeof EnvVarSource> {}

export const EnvVar = object('io.k8s.api.core.v1.EnvVar', {
  name: required(string('Name of the variable')),
  value: string('Value; $(NAME) stands for variables before it'),
  valueFrom: field(EnvVarSource, 'Where the value comes from instead'),
});
export interface EnvVar extends Static<typeof EnvVar> {}

export const ConfigMapEnvSource = object('io.k8s.api.core.v1.ConfigMapEnvSource', {
  ...localObjectReferenceFields,
  optional: boolean('Whether it may be missing'),
});
export interface ConfigMapEnvSource extends Static<typeof ConfigMapEnvSource> {}

export const SecretEnvSource = object('io.k8s.api.core.v1.SecretEnvSource', {
  ...localObjectReferenceFields,
  optional: boolean('Whether it may be missing'),
});
export interface SecretEnvSource extends Static<typeof SecretEnvSource> {}

export const EnvFromSource = object('io.k8s.api.core.v1.EnvFromSource', {
  prefix: string('Put in front of every name'),
  configMapRef: field(ConfigMapEnvSource, 'All keys of this config map'),
  secretRef: field(SecretEnvSource, 'All keys of this secret'),
});
export interface EnvFromSource extends Static<typeof EnvFromSource> {}
