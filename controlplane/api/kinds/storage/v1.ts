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

export const StorageClass = kind(
  'io.k8s.api.storage.v1.StorageClass',
  {
    provisioner: required(string('Who makes the volumes')),
    parameters: map(string(), 'What the provisioner is told'),
    reclaimPolicy: field(PersistentVolumeReclaimPolicy, 'What becomes of volumes when their claim is gone', { default: 'Delete' }),
    mountOptions: atomicList(string(), 'Options of mount'),
    allowVolumeExpansion: boolean('Whether volumes can grow'),
    volumeBindingMode: field(VolumeBindingMode, 'When a volume is made', { default: 'Immediate' }),
    allowedTopologies: atomicList(TopologySelectorTerm, 'Where volumes can be'),
  },
  'A kind of storage, and who provides it.',
);
export interface StorageClass extends Static<typeof StorageClass> {}

export const VolumeAttachmentSource = object('io.k8s.api.storage.v1.VolumeAttachmentSource', {
  persistentVolumeName: string('Name of the volume'),
  inlineVolumeSpec: field(PersistentVolumeSpec, 'The volume itself'),
});
export interface VolumeAttachmentSource extends Static<typeof VolumeAttachmentSource> {}

export const VolumeAttachmentSpec = object('io.k8s.api.storage.v1.VolumeAttachmentSpec', {
  attacher: required(string('Driver that attaches')),
  source: required(field(VolumeAttachmentSource, 'Volume to attach')),
  nodeName: required(string('Node to attach it to')),
});
export interface VolumeAttachmentSpec extends Static<typeof VolumeAttachmentSpec> {}

export const VolumeError = object('io.k8s.api.storage.v1.VolumeError', {
  time: time('When it went wrong'),
  message: string('Cause in a sentence, for people'),
  errorCode: int32('gRPC code', { gate: 'MutableCSINodeAllocatableCount' }),
});
export interface VolumeError extends Static<typeof VolumeError> {}

export const VolumeAttachmentStatus = object('io.k8s.api.storage.v1.VolumeAttachmentStatus', {
  attached: always(boolean('Whether it is attached')),
  attachmentMetadata: map(string(), 'What the driver said'),
  attachError: field(VolumeError, 'Why attaching failed'),
  detachError: field(VolumeError, 'Why detaching failed'),
});
export interface VolumeAttachmentStatus extends Static<typeof VolumeAttachmentStatus> {}

export const VolumeAttachment = kind(
  'io.k8s.api.storage.v1.VolumeAttachment',
  {
    spec: always(field(VolumeAttachmentSpec, 'What is wanted')),
    status: field(VolumeAttachmentStatus, 'What was last seen of it; written by the system'),
  },
  'A volume at a node.',
);
export interface VolumeAttachment extends Static<typeof VolumeAttachment> {}

export const FSGroupPolicy = oneOf(['ReadWriteOnceWithFSType', 'File', 'None']);
export type FSGroupPolicy = Static<typeof FSGroupPolicy>;

export const VolumeLifecycleMode = oneOf(['Persistent', 'Ephemeral']);
export type VolumeLifecycleMode = Static<typeof VolumeLifecycleMode>;

export const TokenRequest = object(
  'io.k8s.api.storage.v1.TokenRequest',
  {
    audience: required(string('Who the token is for')),
    expirationSeconds: int64('How long it is good'),
  },
  { doc: 'Asks for a token of a service account.' },
);
export interface TokenRequest extends Static<typeof TokenRequest> {}

export const CSIDriverSpec = object('io.k8s.api.storage.v1.CSIDriverSpec', {
  attachRequired: boolean('Whether volumes must be attached', { default: true }),
  podInfoOnMount: boolean('Whether the driver is told about the pod', { default: false }),
  volumeLifecycleModes: list(VolumeLifecycleMode, 'Kinds of volumes it can do', { listType: 'set', default: ['Persistent'] }),
  storageCapacity: boolean('Whether free room is looked at', { gate: 'CSIStorageCapacity', default: false }),
  fsGroupPolicy: field(FSGroupPolicy, 'Whether owners of files are changed', { default: 'ReadWriteOnceWithFSType' }),
  tokenRequests: atomicList(TokenRequest, 'Tokens the driver gets'),
  requiresRepublish: boolean('Whether it is called again and again', { default: false }),
  seLinuxMount: boolean('Whether it takes SELinux labels as mount options', { gate: 'SELinuxMountReadWriteOncePod', default: false }),
  nodeAllocatableUpdatePeriodSeconds: int64('How often the number of volumes is looked at', { gate: 'MutableCSINodeAllocatableCount' }),
  serviceAccountTokenInSecrets: boolean('Whether tokens come as secrets', { gate: 'CSIServiceAccountTokenSecrets' }),
  preventPodSchedulingIfMissing: boolean('Whether pods stay away from nodes without it', { gate: 'VolumeLimitScaling' }),
});
export interface CSIDriverSpec extends Static<typeof CSIDriverSpec> {}

export const CSIDriver = kind(
  'io.k8s.api.storage.v1.CSIDriver',
  {
    spec: always(field(CSIDriverSpec, 'What is wanted')),
  },
  'A storage driver.',
);
export interface CSIDriver extends Static<typeof CSIDriver> {}

export const VolumeNodeResources = object('io.k8s.api.storage.v1.VolumeNodeResources', {
  count: int32('Most volumes'),
});
export interface VolumeNodeResources extends Static<typeof VolumeNodeResources> {}

export const CSINodeDriver = object('io.k8s.api.storage.v1.CSINodeDriver', {
  name: required(string('Name of the driver')),
  nodeID: required(string('Name of the node for the driver')),
  topologyKeys: atomicList(string(), 'Labels the driver knows'),
  allocatable: field(VolumeNodeResources, 'Most volumes'),
});
export interface CSINodeDriver extends Static<typeof CSINodeDriver> {}

export const CSINodeSpec = object('io.k8s.api.storage.v1.CSINodeSpec', {
  drivers: required(mapList(CSINodeDriver, ['name'], 'Drivers on the node')),
});
export interface CSINodeSpec extends Static<typeof CSINodeSpec> {}

export const CSINode = kind(
  'io.k8s.api.storage.v1.CSINode',
  {
    spec: always(field(CSINodeSpec, 'What is wanted')),
  },
  'Storage drivers of a node.',
);
export interface CSINode extends Static<typeof CSINode> {}

export const CSIStorageCapacity = kind(
  'io.k8s.api.storage.v1.CSIStorageCapacity',
  {
    nodeTopology: field(LabelSelector, 'Nodes that can reach it'),
    storageClassName: required(string('Class of storage')),
    capacity: quantity('Free room'),
    maximumVolumeSize: quantity('Largest volume'),
  },
  'Free room of a storage class.',
);
export interface CSIStorageCapacity extends Static<typeof CSIStorageCapacity> {}

export const VolumeAttributesClass = kind(
  'io.k8s.api.storage.v1.VolumeAttributesClass',
  {
    driverName: required(string('Driver that knows them')),
    parameters: map(string(), 'The attributes'),
  },
  'Attributes of volumes that can be changed.',
);
export interface VolumeAttributesClass extends Static<typeof VolumeAttributesClass> {}
