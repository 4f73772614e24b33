import { atomicList, boolean, bytes, map, mapList, string, type Static } from '#api/schema.ts';
import { LocalObjectReference, ObjectReference } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const ConfigMap = kind('io.k8s.api.core.v1.ConfigMap', {
  immutable: boolean(),
  data: map(string()),
  binaryData: map(bytes()),
});
export interface ConfigMap extends Static<typeof ConfigMap> {}

export const Secret = kind('io.k8s.api.core.v1.Secret', {
  immutable: boolean(),
  data: map(bytes()),
  stringData: map(string()),
  type: string(undefined, { default: 'Opaque' }),
});
export interface Secret extends Static<typeof Secret> {}

export const ServiceAccount = kind('io.k8s.api.core.v1.ServiceAccount', {
  secrets: mapList(ObjectReference, ['name']),
  imagePullSecrets: atomicList(LocalObjectReference),
  automountServiceAccountToken: boolean(),
});
export interface ServiceAccount extends Static<typeof ServiceAccount> {}
