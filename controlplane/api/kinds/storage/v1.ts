import {
  always,
  atomicList,
  boolean,
  field,
  int32,
  int64,
  list,
  map,
  mapList,
  object,
  oneOf,
  quantity,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { PersistentVolumeReclaimPolicy, PersistentVolumeSpec } from '#api/kinds/core/persistentVolume.ts';
import { TopologySelectorTerm } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const VolumeBindingMode = oneOf(['Immediate', 'WaitForFirstConsumer']);
export type VolumeBindingMode = Static<typeof VolumeBindingMode>;

export const StorageClass = kind('io.k8s.api.storage.v1.StorageClass', {
  provisioner: required(string()),
  parameters: map(string()),
  reclaimPolicy: field(PersistentVolumeReclaimPolicy, undefined, { default: 'Delete' }),
  mountOptions: atomicList(string()),
  allowVolumeExpansion: boolean(),
  volumeBindingMode: field(VolumeBindingMode, undefined, { default: 'Immediate' }),
  allowedTopologies: atomicList(TopologySelectorTerm),
});
export interface StorageClass extends Static<typeof StorageClass> {}

export const VolumeAttachmentSource = object('io.k8s.api.storage.v1.VolumeAttachmentSource', {
  persistentVolumeName: string(),
  inlineVolumeSpec: PersistentVolumeSpec,
});
export interface VolumeAttachmentSource extends Static<typeof VolumeAttachmentSource> {}

export const VolumeAttachmentSpec = object('io.k8s.api.storage.v1.VolumeAttachmentSpec', {
  attacher: required(string()),
  source: required(VolumeAttachmentSource),
  nodeName: required(string()),
});
export interface VolumeAttachmentSpec extends Static<typeof VolumeAttachmentSpec> {}

export const VolumeError = object('io.k8s.api.storage.v1.VolumeError', {
  time: time(),
  message: string(),
  errorCode: int32(undefined, { gate: 'MutableCSINodeAllocatableCount' }),
});
export interface VolumeError extends Static<typeof VolumeError> {}

export const VolumeAttachmentStatus = object('io.k8s.api.storage.v1.VolumeAttachmentStatus', {
  attached: always(boolean()),
  attachmentMetadata: map(string()),
  attachError: VolumeError,
  detachError: VolumeError,
});
export interface VolumeAttachmentStatus extends Static<typeof VolumeAttachmentStatus> {}

export const VolumeAttachment = kind('io.k8s.api.storage.v1.VolumeAttachment', {
  spec: always(VolumeAttachmentSpec),
  status: VolumeAttachmentStatus,
});
export interface VolumeAttachment extends Static<typeof VolumeAttachment> {}

export const FSGroupPolicy = oneOf(['ReadWriteOnceWithFSType', 'File', 'None']);
export type FSGroupPolicy = Static<typeof FSGroupPolicy>;

export const VolumeLifecycleMode = oneOf(['Persistent', 'Ephemeral']);
export type VolumeLifecycleMode = Static<typeof VolumeLifecycleMode>;

export const TokenRequest = object('io.k8s.api.storage.v1.TokenRequest', {
  audience: required(string()),
  expirationSeconds: int64(),
});
export interface TokenRequest extends Static<typeof TokenRequest> {}

export const CSIDriverSpec = object('io.k8s.api.storage.v1.CSIDriverSpec', {
  attachRequired: boolean(undefined, { default: true }),
  podInfoOnMount: boolean(undefined, { default: false }),
  volumeLifecycleModes: list(VolumeLifecycleMode, undefined, { listType: 'set', default: ['Persistent'] }),
  storageCapacity: boolean(undefined, { gate: 'CSIStorageCapacity', default: false }),
  fsGroupPolicy: field(FSGroupPolicy, undefined, { default: 'ReadWriteOnceWithFSType' }),
  tokenRequests: atomicList(TokenRequest),
  requiresRepublish: boolean(undefined, { default: false }),
  seLinuxMount: boolean(undefined, { gate: 'SELinuxMountReadWriteOncePod', default: false }),
  nodeAllocatableUpdatePeriodSeconds: int64(undefined, { gate: 'MutableCSINodeAllocatableCount' }),
  serviceAccountTokenInSecrets: boolean(undefined, { gate: 'CSIServiceAccountTokenSecrets' }),
  preventPodSchedulingIfMissing: boolean(undefined, { gate: 'VolumeLimitScaling' }),
});
export interface CSIDriverSpec extends Static<typeof CSIDriverSpec> {}

export const CSIDriver = kind('io.k8s.api.storage.v1.CSIDriver', {
  spec: always(CSIDriverSpec),
});
export interface CSIDriver extends Static<typeof CSIDriver> {}

export const VolumeNodeResources = object('io.k8s.api.storage.v1.VolumeNodeResources', {
  count: int32(),
});
export interface VolumeNodeResources extends Static<typeof VolumeNodeResources> {}

export const CSINodeDriver = object('io.k8s.api.storage.v1.CSINodeDriver', {
  name: required(string()),
  nodeID: required(string()),
  topologyKeys: atomicList(string()),
  allocatable: VolumeNodeResources,
});
export interface CSINodeDriver extends Static<typeof CSINodeDriver> {}

export const CSINodeSpec = object('io.k8s.api.storage.v1.CSINodeSpec', {
  drivers: required(mapList(CSINodeDriver, ['name'])),
});
export interface CSINodeSpec extends Static<typeof CSINodeSpec> {}

export const CSINode = kind('io.k8s.api.storage.v1.CSINode', {
  spec: always(CSINodeSpec),
});
export interface CSINode extends Static<typeof CSINode> {}

export const CSIStorageCapacity = kind('io.k8s.api.storage.v1.CSIStorageCapacity', {
  nodeTopology: LabelSelector,
  storageClassName: required(string()),
  capacity: quantity(),
  maximumVolumeSize: quantity(),
});
export interface CSIStorageCapacity extends Static<typeof CSIStorageCapacity> {}

export const VolumeAttributesClass = kind('io.k8s.api.storage.v1.VolumeAttributesClass', {
  driverName: required(string()),
  parameters: map(string()),
});
export interface VolumeAttributesClass extends Static<typeof VolumeAttributesClass> {}
