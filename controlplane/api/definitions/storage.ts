import { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import { CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment, VolumeAttributesClass } from '#api/kinds/storage/v1.ts';
import { defineKind } from '#api/scheme.ts';
import { validatePersistentVolume, validatePersistentVolumeClaim } from '#api/validation/persistentVolumes.ts';
import {
  validateCsiDriver,
  validateCsiNode,
  validateStorageCapacity,
  validateStorageClass,
  validateVolumeAttachment,
  validateVolumeAttributesClass,
} from '#api/validation/storage.ts';

export const persistentVolumeKind = defineKind({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  schema: PersistentVolume,
  plural: 'persistentvolumes',
  namespaced: false,
  shortNames: ['pv'],
  subresources: ['status'],
  validate: validatePersistentVolume,
});
export const persistentVolumeClaimKind = defineKind({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  schema: PersistentVolumeClaim,
  plural: 'persistentvolumeclaims',
  namespaced: true,
  shortNames: ['pvc'],
  subresources: ['status'],
  validate: validatePersistentVolumeClaim,
});
export const storageClassKind = defineKind({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  schema: StorageClass,
  plural: 'storageclasses',
  namespaced: false,
  shortNames: ['sc'],
  validate: validateStorageClass,
});
export const volumeAttachmentKind = defineKind({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttachment',
  schema: VolumeAttachment,
  plural: 'volumeattachments',
  namespaced: false,
  subresources: ['status'],
  validate: validateVolumeAttachment,
});
export const csiDriverKind = defineKind({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  schema: CSIDriver,
  plural: 'csidrivers',
  namespaced: false,
  validate: validateCsiDriver,
});
export const csiNodeKind = defineKind({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSINode',
  schema: CSINode,
  plural: 'csinodes',
  namespaced: false,
  validate: validateCsiNode,
});
export const csiStorageCapacityKind = defineKind({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIStorageCapacity',
  schema: CSIStorageCapacity,
  plural: 'csistoragecapacities',
  namespaced: true,
  validate: validateStorageCapacity,
});
export const volumeAttributesClassKind = defineKind({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttributesClass',
  schema: VolumeAttributesClass,
  plural: 'volumeattributesclasses',
  namespaced: false,
  shortNames: ['vac'],
  validate: validateVolumeAttributesClass,
});
