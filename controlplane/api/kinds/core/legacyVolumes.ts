import { atomicList, boolean, field, int32, map, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { LocalObjectReference } from '#api/kinds/core/references.ts';

export const GlusterfsVolumeSource = object('io.k8s.api.core.v1.GlusterfsVolumeSource', {
  endpoints: required(string()),
  path: required(string()),
  readOnly: boolean(),
});
export interface GlusterfsVolumeSource extends Static<typeof GlusterfsVolumeSource> {}

export const RBDVolumeSource = object('io.k8s.api.core.v1.RBDVolumeSource', {
  monitors: required(atomicList(string())),
  image: required(string()),
  fsType: string(),
  pool: string(undefined, { default: 'rbd' }),
  user: string(undefined, { default: 'admin' }),
  keyring: string(undefined, { default: '/etc/ceph/keyring' }),
  secretRef: LocalObjectReference,
  readOnly: boolean(),
});
export interface RBDVolumeSource extends Static<typeof RBDVolumeSource> {}

export const CinderVolumeSource = object('io.k8s.api.core.v1.CinderVolumeSource', {
  volumeID: required(string()),
  fsType: string(),
  readOnly: boolean(),
  secretRef: LocalObjectReference,
});
export interface CinderVolumeSource extends Static<typeof CinderVolumeSource> {}

export const CephFSVolumeSource = object('io.k8s.api.core.v1.CephFSVolumeSource', {
  monitors: required(atomicList(string())),
  path: string(),
  user: string(),
  secretFile: string(),
  secretRef: LocalObjectReference,
  readOnly: boolean(),
});
export interface CephFSVolumeSource extends Static<typeof CephFSVolumeSource> {}

export const FlockerVolumeSource = object('io.k8s.api.core.v1.FlockerVolumeSource', {
  datasetName: string(),
  datasetUUID: string(),
});
export interface FlockerVolumeSource extends Static<typeof FlockerVolumeSource> {}

export const GCEPersistentDiskVolumeSource = object('io.k8s.api.core.v1.GCEPersistentDiskVolumeSource', {
  pdName: required(string()),
  fsType: string(),
  partition: int32(),
  readOnly: boolean(),
});
export interface GCEPersistentDiskVolumeSource extends Static<typeof GCEPersistentDiskVolumeSource> {}

export const QuobyteVolumeSource = object('io.k8s.api.core.v1.QuobyteVolumeSource', {
  registry: required(string()),
  volume: required(string()),
  readOnly: boolean(),
  user: string(),
  group: string(),
  tenant: string(),
});
export interface QuobyteVolumeSource extends Static<typeof QuobyteVolumeSource> {}

export const FlexVolumeSource = object('io.k8s.api.core.v1.FlexVolumeSource', {
  driver: required(string()),
  fsType: string(),
  secretRef: LocalObjectReference,
  readOnly: boolean(),
  options: map(string()),
});
export interface FlexVolumeSource extends Static<typeof FlexVolumeSource> {}

export const AWSElasticBlockStoreVolumeSource = object('io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource', {
  volumeID: required(string()),
  fsType: string(),
  partition: int32(),
  readOnly: boolean(),
});
export interface AWSElasticBlockStoreVolumeSource extends Static<typeof AWSElasticBlockStoreVolumeSource> {}

export const GitRepoVolumeSource = object('io.k8s.api.core.v1.GitRepoVolumeSource', {
  repository: required(string()),
  revision: string(),
  directory: string(),
});
export interface GitRepoVolumeSource extends Static<typeof GitRepoVolumeSource> {}

export const AzureFileVolumeSource = object('io.k8s.api.core.v1.AzureFileVolumeSource', {
  secretName: required(string()),
  shareName: required(string()),
  readOnly: boolean(),
});
export interface AzureFileVolumeSource extends Static<typeof AzureFileVolumeSource> {}

export const VsphereVirtualDiskVolumeSource = object('io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource', {
  volumePath: required(string()),
  fsType: string(),
  storagePolicyName: string(),
  storagePolicyID: string(),
});
export interface VsphereVirtualDiskVolumeSource extends Static<typeof VsphereVirtualDiskVolumeSource> {}

export const PhotonPersistentDiskVolumeSource = object('io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource', {
  pdID: required(string()),
  fsType: string(),
});
export interface PhotonPersistentDiskVolumeSource extends Static<typeof PhotonPersistentDiskVolumeSource> {}

export const AzureDataDiskCachingMode = oneOf(['None', 'ReadOnly', 'ReadWrite']);
export type AzureDataDiskCachingMode = Static<typeof AzureDataDiskCachingMode>;

export const AzureDataDiskKind = oneOf(['Shared', 'Dedicated', 'Managed']);
export type AzureDataDiskKind = Static<typeof AzureDataDiskKind>;

export const AzureDiskVolumeSource = object('io.k8s.api.core.v1.AzureDiskVolumeSource', {
  diskName: required(string()),
  diskURI: required(string()),
  cachingMode: field(AzureDataDiskCachingMode, undefined, { default: 'ReadWrite' }),
  fsType: string(undefined, { default: 'ext4' }),
  readOnly: boolean(undefined, { default: false }),
  kind: field(AzureDataDiskKind, undefined, { default: 'Shared' }),
});
export interface AzureDiskVolumeSource extends Static<typeof AzureDiskVolumeSource> {}

export const PortworxVolumeSource = object('io.k8s.api.core.v1.PortworxVolumeSource', {
  volumeID: required(string()),
  fsType: string(),
  readOnly: boolean(),
});
export interface PortworxVolumeSource extends Static<typeof PortworxVolumeSource> {}

export const ScaleIOVolumeSource = object('io.k8s.api.core.v1.ScaleIOVolumeSource', {
  gateway: required(string()),
  system: required(string()),
  secretRef: required(LocalObjectReference),
  sslEnabled: boolean(),
  protectionDomain: string(),
  storagePool: string(),
  storageMode: string(undefined, { default: 'ThinProvisioned' }),
  volumeName: string(),
  fsType: string(undefined, { default: 'xfs' }),
  readOnly: boolean(),
});
export interface ScaleIOVolumeSource extends Static<typeof ScaleIOVolumeSource> {}

export const StorageOSVolumeSource = object('io.k8s.api.core.v1.StorageOSVolumeSource', {
  volumeName: string(),
  volumeNamespace: string(),
  fsType: string(),
  readOnly: boolean(),
  secretRef: LocalObjectReference,
});
export interface StorageOSVolumeSource extends Static<typeof StorageOSVolumeSource> {}
