import { atomicList, boolean, int32, map, object, required, string, type Static } from '#api/schema.ts';
import {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  PhotonPersistentDiskVolumeSource,
  PortworxVolumeSource,
  QuobyteVolumeSource,
  VsphereVirtualDiskVolumeSource,
} from '#api/kinds/core/legacyVolumes.ts';
import { ObjectReference, SecretReference } from '#api/kinds/core/references.ts';
import { FCVolumeSource, HostPathVolumeSource, NFSVolumeSource } from '#api/kinds/core/volumes.ts';

export const GlusterfsPersistentVolumeSource = object('io.k8s.api.core.v1.GlusterfsPersistentVolumeSource', {
  endpoints: required(string()),
  path: required(string()),
  readOnly: boolean(),
  endpointsNamespace: string(),
});
export interface GlusterfsPersistentVolumeSource extends Static<typeof GlusterfsPersistentVolumeSource> {}

export const RBDPersistentVolumeSource = object('io.k8s.api.core.v1.RBDPersistentVolumeSource', {
  monitors: required(atomicList(string())),
  image: required(string()),
  fsType: string(),
  pool: string(undefined, { default: 'rbd' }),
  user: string(undefined, { default: 'admin' }),
  keyring: string(undefined, { default: '/etc/ceph/keyring' }),
  secretRef: SecretReference,
  readOnly: boolean(),
});
export interface RBDPersistentVolumeSource extends Static<typeof RBDPersistentVolumeSource> {}

export const ISCSIPersistentVolumeSource = object('io.k8s.api.core.v1.ISCSIPersistentVolumeSource', {
  targetPortal: required(string()),
  iqn: required(string()),
  lun: required(int32()),
  iscsiInterface: string(undefined, { default: 'default' }),
  fsType: string(),
  readOnly: boolean(),
  portals: atomicList(string()),
  chapAuthDiscovery: boolean(),
  chapAuthSession: boolean(),
  secretRef: SecretReference,
  initiatorName: string(),
});
export interface ISCSIPersistentVolumeSource extends Static<typeof ISCSIPersistentVolumeSource> {}

export const CinderPersistentVolumeSource = object('io.k8s.api.core.v1.CinderPersistentVolumeSource', {
  volumeID: required(string()),
  fsType: string(),
  readOnly: boolean(),
  secretRef: SecretReference,
});
export interface CinderPersistentVolumeSource extends Static<typeof CinderPersistentVolumeSource> {}

export const CephFSPersistentVolumeSource = object('io.k8s.api.core.v1.CephFSPersistentVolumeSource', {
  monitors: required(atomicList(string())),
  path: string(),
  user: string(),
  secretFile: string(),
  secretRef: SecretReference,
  readOnly: boolean(),
});
export interface CephFSPersistentVolumeSource extends Static<typeof CephFSPersistentVolumeSource> {}

export const FlexPersistentVolumeSource = object('io.k8s.api.core.v1.FlexPersistentVolumeSource', {
  driver: required(string()),
  fsType: string(),
  secretRef: SecretReference,
  readOnly: boolean(),
  options: map(string()),
});
export interface FlexPersistentVolumeSource extends Static<typeof FlexPersistentVolumeSource> {}

export const AzureFilePersistentVolumeSource = object('io.k8s.api.core.v1.AzureFilePersistentVolumeSource', {
  secretName: required(string()),
  shareName: required(string()),
  readOnly: boolean(),
  secretNamespace: string(),
});
export interface AzureFilePersistentVolumeSource extends Static<typeof AzureFilePersistentVolumeSource> {}

export const ScaleIOPersistentVolumeSource = object('io.k8s.api.core.v1.ScaleIOPersistentVolumeSource', {
  gateway: required(string()),
  system: required(string()),
  secretRef: required(SecretReference),
  sslEnabled: boolean(),
  protectionDomain: string(),
  storagePool: string(),
  storageMode: string(undefined, { default: 'ThinProvisioned' }),
  volumeName: string(),
  fsType: string(undefined, { default: 'xfs' }),
  readOnly: boolean(),
});
export interface ScaleIOPersistentVolumeSource extends Static<typeof ScaleIOPersistentVolumeSource> {}

export const StorageOSPersistentVolumeSource = object('io.k8s.api.core.v1.StorageOSPersistentVolumeSource', {
  volumeName: string(),
  volumeNamespace: string(),
  fsType: string(),
  readOnly: boolean(),
  secretRef: ObjectReference,
});
export interface StorageOSPersistentVolumeSource extends Static<typeof StorageOSPersistentVolumeSource> {}

export const LocalVolumeSource = object('io.k8s.api.core.v1.LocalVolumeSource', {
  path: required(string()),
  fsType: string(),
});
export interface LocalVolumeSource extends Static<typeof LocalVolumeSource> {}

export const CSIPersistentVolumeSource = object('io.k8s.api.core.v1.CSIPersistentVolumeSource', {
  driver: required(string()),
  volumeHandle: required(string()),
  readOnly: boolean(),
  fsType: string(),
  volumeAttributes: map(string()),
  controllerPublishSecretRef: SecretReference,
  nodeStageSecretRef: SecretReference,
  nodePublishSecretRef: SecretReference,
  controllerExpandSecretRef: SecretReference,
  nodeExpandSecretRef: SecretReference,
});
export interface CSIPersistentVolumeSource extends Static<typeof CSIPersistentVolumeSource> {}

export const persistentVolumeSourceFields = {
  gcePersistentDisk: GCEPersistentDiskVolumeSource,
  awsElasticBlockStore: AWSElasticBlockStoreVolumeSource,
  hostPath: HostPathVolumeSource,
  glusterfs: GlusterfsPersistentVolumeSource,
  nfs: NFSVolumeSource,
  rbd: RBDPersistentVolumeSource,
  iscsi: ISCSIPersistentVolumeSource,
  cinder: CinderPersistentVolumeSource,
  cephfs: CephFSPersistentVolumeSource,
  fc: FCVolumeSource,
  flocker: FlockerVolumeSource,
  flexVolume: FlexPersistentVolumeSource,
  azureFile: AzureFilePersistentVolumeSource,
  vsphereVolume: VsphereVirtualDiskVolumeSource,
  quobyte: QuobyteVolumeSource,
  azureDisk: AzureDiskVolumeSource,
  photonPersistentDisk: PhotonPersistentDiskVolumeSource,
  portworxVolume: PortworxVolumeSource,
  scaleIO: ScaleIOPersistentVolumeSource,
  local: LocalVolumeSource,
  storageos: StorageOSPersistentVolumeSource,
  csi: CSIPersistentVolumeSource,
};
