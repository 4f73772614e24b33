import { atomicList, boolean, bytes, map, mapList, string, type Static } from '#api/schema.ts';
import { LocalObjectReference, ObjectReference } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const ConfigMap = kind(
  'io.k8s.api.core.v1.ConfigMap',
  {
    immutable: boolean('Nothing can be changed any more'),
    data: map(string(), 'Texts by key'),
    binaryData: map(bytes(), 'Bytes by key, base64'),
  },
  'Settings for programs.',
);
export interface ConfigMap extends Static<typeof ConfigMap> {}

export const Secret = kind(
  'io.k8s.api.core.v1.Secret',
  {
    immutable: boolean('Nothing can be changed any more'),
    data: map(bytes(), 'Bytes by key, base64'),
    stringData: map(string(), 'Texts by key, only for writing'),
    type: string('What it is for', { default: 'Opaque' }),
  },
  "Settings that are not for everyone's eyes.",
);
export interface Secret extends Static<typeof Secret> {}

export const ServiceAccount = kind(
  'io.k8s.api.core.v1.ServiceAccount',
  {
    secrets: mapList(ObjectReference, ['name'], 'Secrets its pods may use'),
    imagePullSecrets: atomicList(LocalObjectReference, 'Secrets for pulling images, given to its pods'),
    automountServiceAccountToken: boolean('Whether its pods get a token'),
  },
  'An identity for programs in pods.',
);
export interface ServiceAccount extends Static<typeof ServiceAccount> {}
