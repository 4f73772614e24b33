import { atomicList, boolean, field, int32, map, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { LocalObjectReference } from '#api/kinds/core/references.ts';

export const GlusterfsVolumeSource = object('io.k8s.api.core.v1.GlusterfsVolumeSource', {
  endpoints: required(string('Endpoints of the servers')),
  path: required(string('Name of the volume')),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface GlusterfsVolumeSource extends Static<typeof GlusterfsVolumeSource> {}

export const RBDVolumeSource = object('io.k8s.api.core.v1.RBDVolumeSource', {
  monitors: required(atomicList(string(), 'Ceph monitors')),
  image: required(string('Name of the image')),
  fsType: string('File system to mount, such as ext4'),
  pool: string('Pool of the image', { default: 'rbd' }),
  user: string('User to log in as', { default: 'admin' }),
  keyring: string('File with the key', { default: '/etc/ceph/keyring' }),
  secretRef: field(LocalObjectReference, 'Secret with the credentials'),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface RBDVolumeSource extends Static<typeof RBDVolumeSource> {}

export const CinderVolumeSource = object('io.k8s.api.core.v1.CinderVolumeSource', {
  volumeID: required(string('Id of the disk')),
  fsType: string('File system to mount, such as ext4'),
  readOnly: boolean('Mounted so that nothing can be written'),
  secretRef: field(LocalObjectReference, 'Secret with the credentials'),
});
export interface CinderVolumeSource extends Static<typeof CinderVolumeSource> {}

export const CephFSVolumeSource = object('io.k8s.api.core.v1.CephFSVolumeSource', {
  monitors: required(atomicList(string(), 'Ceph monitors')),
  path: string('Directory to mount'),
  user: string('User to log in as'),
  secretFile: string('File with the key'),
  secretRef: field(LocalObjectReference, 'Secret with the credentials'),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface CephFSVolumeSource extends Static<typeof CephFSVolumeSource> {}

export const FlockerVolumeSource = object('io.k8s.api.core.v1.FlockerVolumeSource', {
  datasetName: string('Name of the data set'),
  datasetUUID: string('Id of the data set'),
});
export interface FlockerVolumeSource extends Static<typeof FlockerVolumeSource> {}

export const GCEPersistentDiskVolumeSource = object('io.k8s.api.core.v1.GCEPersistentDiskVolumeSource', {
  pdName: required(string('Name of the disk')),
  fsType: string('File system to mount, such as ext4'),
  partition: int32('Partition to mount'),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface GCEPersistentDiskVolumeSource extends Static<typeof GCEPersistentDiskVolumeSource> {}

export const QuobyteVolumeSource = object('io.k8s.api.core.v1.QuobyteVolumeSource', {
  registry: required(string('Host and port of the registries')),
  volume: required(string('Name of the volume')),
  readOnly: boolean('Mounted so that nothing can be written'),
  user: string('User to mount as'),
  group: string('Group to mount as'),
  tenant: string('Owner of the volume'),
});
export interface QuobyteVolumeSource extends Static<typeof QuobyteVolumeSource> {}

export const FlexVolumeSource = object('io.k8s.api.core.v1.FlexVolumeSource', {
  driver: required(string('Name of the driver')),
  fsType: string('File system to mount, such as ext4'),
  secretRef: field(LocalObjectReference, 'Secret with the credentials'),
  readOnly: boolean('Mounted so that nothing can be written'),
  options: map(string(), 'What the driver is told'),
});
export interface FlexVolumeSource extends Static<typeof FlexVolumeSource> {}

export const AWSElasticBlockStoreVolumeSource = object('io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource', {
  volumeID: required(string('Id of the disk')),
  fsType: string('File system to mount, such as ext4'),
  partition: int32('Partition to mount'),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface AWSElasticBlockStoreVolumeSource extends Static<typeof AWSElasticBlockStoreVolumeSource> {}

export const GitRepoVolumeSource = object('io.k8s.api.core.v1.GitRepoVolumeSource', {
  repository: required(string('URL of the repository')),
  revision: string('Commit to check out'),
  directory: string('Directory to check out into'),
});
export interface GitRepoVolumeSource extends Static<typeof GitRepoVolumeSource> {}

export const AzureFileVolumeSource = object('io.k8s.api.core.v1.AzureFileVolumeSource', {
  secretName: required(string('Secret with the account')),
  shareName: required(string('Name of the share')),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface AzureFileVolumeSource extends Static<typeof AzureFileVolumeSource> {}

export const VsphereVirtualDiskVolumeSource = object('io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource', {
  volumePath: required(string('Path of the disk')),
  fsType: string('File system to mount, such as ext4'),
  storagePolicyName: string('Name of the policy'),
  storagePolicyID: string('Id of the policy'),
});
export interface VsphereVirtualDiskVolumeSource extends Static<typeof VsphereVirtualDiskVolumeSource> {}

export const PhotonPersistentDiskVolumeSource = object('io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource', {
  pdID: required(string('Id of the disk')),
  fsType: string('File system to mount, such as ext4'),
});
export interface PhotonPersistentDiskVolumeSource extends Static<typeof PhotonPersistentDiskVolumeSource> {}

export const AzureDataDiskCachingMode = oneOf(['None', 'ReadOnly', 'ReadWrite']);
export type AzureDataDiskCachingMode = Static<typeof AzureDataDiskCachingMode>;

export const AzureDataDiskKind = oneOf(['Shared', 'Dedicated', 'Managed']);
export type AzureDataDiskKind = Static<typeof AzureDataDiskKind>;

export const AzureDiskVolumeSource = object('io.k8s.api.core.v1.AzureDiskVolumeSource', {
  diskName: required(string('Name of the disk')),
  diskURI: required(string('URI of the disk')),
  cachingMode: field(AzureDataDiskCachingMode, 'How the host caches', { default: 'ReadWrite' }),
  fsType: string('File system to mount, such as ext4', { default: 'ext4' }),
  readOnly: boolean('Mounted so that nothing can be written', { default: false }),
  kind: field(AzureDataDiskKind, 'How the disk is kept', { default: 'Shared' }),
});
export interface AzureDiskVolumeSource extends Static<typeof AzureDiskVolumeSource> {}

export const PortworxVolumeSource = object('io.k8s.api.core.v1.PortworxVolumeSource', {
  volumeID: required(string('Id of the volume')),
  fsType: string('File system to mount, such as ext4'),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface PortworxVolumeSource extends Static<typeof PortworxVolumeSource> {}

export const ScaleIOVolumeSource = object('io.k8s.api.core.v1.ScaleIOVolumeSource', {
  gateway: required(string('Address of the gateway')),
  system: required(string('Name of the system')),
  secretRef: required(field(LocalObjectReference, 'Secret with the credentials')),
  sslEnabled: boolean('Whether to use TLS'),
  protectionDomain: string('Domain of the storage'),
  storagePool: string('Pool of the domain'),
  storageMode: string('Thick or thin', { default: 'ThinProvisioned' }),
  volumeName: string('Name of the volume'),
  fsType: string('File system to mount, such as ext4', { default: 'xfs' }),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface ScaleIOVolumeSource extends Static<typeof ScaleIOVolumeSource> {}

export const StorageOSVolumeSource = object('io.k8s.api.core.v1.StorageOSVolumeSource', {
  volumeName: string('Name of the volume'),
  volumeNamespace: string('Namespace of the volume in StorageOS'),
  fsType: string('File system to mount, such as ext4'),
  readOnly: boolean('Mounted so that nothing can be written'),
  secretRef: field(LocalObjectReference, 'Secret with the credentials'),
});
export interface StorageOSVolumeSource extends Static<typeof StorageOSVolumeSource> {}
