import { always, atomicList, field, knownTexts, map, object, oneOf, quantity, string, time, type Static } from '#api/schema.ts';
import { PersistentVolumeAccessMode, PersistentVolumeMode } from '#api/kinds/core/persistentVolumeClaim.ts';
import { persistentVolumeSourceFields } from '#api/kinds/core/persistentVolumeSources.ts';
import { ObjectReference } from '#api/kinds/core/references.ts';
import { NodeSelector } from '#api/kinds/core/scheduling.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const PersistentVolumeReclaimPolicy = oneOf(['Recycle', 'Delete', 'Retain']);
export type PersistentVolumeReclaimPolicy = Static<typeof PersistentVolumeReclaimPolicy>;

export const VolumeNodeAffinity = object('io.k8s.api.core.v1.VolumeNodeAffinity', {
  required: field(NodeSelector, 'Nodes that can reach the volume'),
});
export interface VolumeNodeAffinity extends Static<typeof VolumeNodeAffinity> {}

export const PersistentVolumeSpec = object('io.k8s.api.core.v1.PersistentVolumeSpec', {
  capacity: map(quantity(), 'Size, as storage: 10Gi'),
  ...persistentVolumeSourceFields,
  accessModes: atomicList(PersistentVolumeAccessMode, 'Ways it can be mounted'),
  claimRef: field(ObjectReference, 'Claim it is bound to'),
  persistentVolumeReclaimPolicy: field(PersistentVolumeReclaimPolicy, 'What becomes of it when the claim is gone', { default: 'Retain' }),
  storageClassName: string('Class of storage it belongs to'),
  mountOptions: atomicList(string(), 'Options of mount'),
  volumeMode: field(PersistentVolumeMode, 'File system or raw block device', { default: 'Filesystem' }),
  nodeAffinity: field(VolumeNodeAffinity, 'Nodes that can reach it'),
  volumeAttributesClassName: string('Class of attributes it has'),
});
export interface PersistentVolumeSpec extends Static<typeof PersistentVolumeSpec> {}

export const PersistentVolumePhase = knownTexts(['Pending', 'Available', 'Bound', 'Released', 'Failed']);
export type PersistentVolumePhase = Static<typeof PersistentVolumePhase>;

export const PersistentVolumeStatus = object('io.k8s.api.core.v1.PersistentVolumeStatus', {
  phase: field(PersistentVolumePhase, 'Available, Bound, Released or Failed', { default: 'Pending' }),
  message: string('Cause in a sentence, for people'),
  reason: string('Cause in one word, for programs'),
  lastPhaseTransitionTime: time('When the phase last changed'),
});
export interface PersistentVolumeStatus extends Static<typeof PersistentVolumeStatus> {}

/** Of a spec, what is about the volume and not where it is kept. */
export const NOT_VOLUME_SOURCES: ReadonlySet<string> = new Set([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]);

export const PersistentVolume = kind(
  'io.k8s.api.core.v1.PersistentVolume',
  {
    spec: always(field(PersistentVolumeSpec, 'What is wanted')),
    status: field(PersistentVolumeStatus, 'What was last seen of it; written by the system', { default: {} }),
  },
  'A piece of storage of the cluster.',
);
export interface PersistentVolume extends Static<typeof PersistentVolume> {}
