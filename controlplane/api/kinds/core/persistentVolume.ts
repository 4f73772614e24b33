import { always, atomicList, field, knownTexts, map, object, oneOf, quantity, string, time, type Static } from '#api/schema.ts';
import { PersistentVolumeAccessMode, PersistentVolumeMode } from '#api/kinds/core/persistentVolumeClaim.ts';
import { persistentVolumeSourceFields } from '#api/kinds/core/persistentVolumeSources.ts';
import { ObjectReference } from '#api/kinds/core/references.ts';
import { NodeSelector } from '#api/kinds/core/scheduling.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const PersistentVolumeReclaimPolicy = oneOf(['Recycle', 'Delete', 'Retain']);
export type PersistentVolumeReclaimPolicy = Static<typeof PersistentVolumeReclaimPolicy>;

export const VolumeNodeAffinity = object('io.k8s.api.core.v1.VolumeNodeAffinity', {
  required: NodeSelector,
});
export interface VolumeNodeAffinity extends Static<typeof VolumeNodeAffinity> {}

export const PersistentVolumeSpec = object('io.k8s.api.core.v1.PersistentVolumeSpec', {
  capacity: map(quantity()),
  ...persistentVolumeSourceFields,
  accessModes: atomicList(PersistentVolumeAccessMode),
  claimRef: ObjectReference,
  persistentVolumeReclaimPolicy: field(PersistentVolumeReclaimPolicy, undefined, { default: 'Retain' }),
  storageClassName: string(),
  mountOptions: atomicList(string()),
  volumeMode: field(PersistentVolumeMode, undefined, { default: 'Filesystem' }),
  nodeAffinity: VolumeNodeAffinity,
  volumeAttributesClassName: string(),
});
export interface PersistentVolumeSpec extends Static<typeof PersistentVolumeSpec> {}

export const PersistentVolumePhase = knownTexts(['Pending', 'Available', 'Bound', 'Released', 'Failed']);
export type PersistentVolumePhase = Static<typeof PersistentVolumePhase>;

export const PersistentVolumeStatus = object('io.k8s.api.core.v1.PersistentVolumeStatus', {
  phase: field(PersistentVolumePhase, undefined, { default: 'Pending' }),
  message: string(),
  reason: string(),
  lastPhaseTransitionTime: time(),
});
export interface PersistentVolumeStatus extends Static<typeof PersistentVolumeStatus> {}

export const PersistentVolume = kind('io.k8s.api.core.v1.PersistentVolume', {
  spec: always(PersistentVolumeSpec),
  status: field(PersistentVolumeStatus, undefined, { default: {} }),
});
export interface PersistentVolume extends Static<typeof PersistentVolume> {}
