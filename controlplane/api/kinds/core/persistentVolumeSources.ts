import { atomicList, boolean, field, int32, map, object, required, string, type Static } from '#api/schema.ts';
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
  endpoints: required(string('Endpoints of the servers')),
  path: required(string('Name of the volume')),
  readOnly: boolean('Mounted so that nothing can be written'),
  endpointsNamespace: string('Namespace of the endpoints'),
});
export interface GlusterfsPersistentVolumeSource extends Static<typeof GlusterfsPersistentVolumeSource> {}

export const RBDPersistentVolumeSource = object('io.k8s.api.core.v1.RBDPersistentVolumeSource', {
  monitors: required(atomicList(string(), 'Ceph monitors')),
  image: required(string('Name of the image')),
  fsType: string('File system to mount, such as ext4'),
  pool: string('Pool of the image', { default: 'rbd' }),
  user: string('User to log in as', { default: 'admin' }),
  keyring: string('File with the key', { default: '/etc/ceph/keyring' }),
  secretRef: field(SecretReference, 'Secret with the credentials'),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface RBDPersistentVolumeSource extends Static<typeof RBDPersistentVolumeSource> {}

export const ISCSIPersistentVolumeSource = object('io.k8s.api.core.v1.ISCSIPersistentVolumeSource', {
  targetPortal: required(string('Address and port of the target')),
  iqn: required(string('Name of the target')),
  lun: required(int32('Number of the unit')),
  iscsiInterface: string('Network interface to use', { default: 'default' }),
  fsType: string('File system to mount, such as ext4'),
  readOnly: boolean('Mounted so that nothing can be written'),
  portals: atomicList(string(), 'More addresses of the target'),
  chapAuthDiscovery: boolean('Authenticate the discovery'),
  chapAuthSession: boolean('Authenticate the session'),
  secretRef: field(SecretReference, 'Secret with the credentials'),
  initiatorName: string('Name of this side'),
});
export interface ISCSIPersistentVolumeSource extends Static<typeof ISCSIPersistentVolumeSource> {}

export const CinderPersistentVolumeSource = object('io.k8s.api.core.v1.CinderPersistentVolumeSource', {
  volumeID: required(string('Id of the disk')),
  fsType: string('File system to mount, such as ext4'),
  readOnly: boolean('Mounted so that nothing can be written'),
  secretRef: field(SecretReference, 'Secret with the credentials'),
});
export interface CinderPersistentVolumeSource extends Static<typeof CinderPersistentVolumeSource> {}

export const CephFSPersistentVolumeSource = object('io.k8s.api.core.v1.CephFSPersistentVolumeSource', {
  monitors: required(atomicList(string(), 'Ceph monitors')),
  path: string('Directory to mount'),
  user: string('User to log in as'),
  secretFile: string('File with the key'),
  secretRef: field(SecretReference, 'Secret with the credentials'),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface CephFSPersistentVolumeSource extends Static<typeof CephFSPersistentVolumeSource> {}

export const FlexPersistentVolumeSource = object('io.k8s.api.core.v1.FlexPersistentVolumeSource', {
  driver: required(string('Name of the driver')),
  fsType: string('File system to mount, such as ext4'),
  secretRef: field(SecretReference, 'Secret with the credentials'),
  readOnly: boolean('Mounted so that nothing can be written'),
  options: map(string(), 'What the driver is told'),
});
export interface FlexPersistentVolumeSource extends Static<typeof FlexPersistentVolumeSource> {}

export const AzureFilePersistentVolumeSource = object('io.k8s.api.core.v1.AzureFilePersistentVolumeSource', {
  secretName: required(string('Secret with the account')),
  shareName: required(string('Name of the share')),
  readOnly: boolean('Mounted so that nothing can be written'),
  secretNamespace: string('Namespace of the secret'),
});
export interface AzureFilePersistentVolumeSource extends Static<typeof AzureFilePersistentVolumeSource> {}

export const ScaleIOPersistentVolumeSource = object('io.k8s.api.core.v1.ScaleIOPersistentVolumeSource', {
  gateway: required(string('Address of the gateway')),
  system: required(string('Name of the system')),
  secretRef: required(field(SecretReference, 'Secret with the credentials')),
  sslEnabled: boolean('Whether to use TLS'),
  protectionDomain: string('Domain of the storage'),
  storagePool: string('Pool of the domain'),
  storageMode: string('Thick or thin', { default: 'ThinProvisioned' }),
  volumeName: string('Name of the volume'),
  fsType: string('File system to mount, such as ext4', { default: 'xfs' }),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface ScaleIOPersistentVolumeSource extends Static<typeof ScaleIOPersistentVolumeSource> {}

export const StorageOSPersistentVolumeSource = object('io.k8s.api.core.v1.StorageOSPersistentVolumeSource', {
  volumeName: string('Name of the volume'),
  volumeNamespace: string('Namespace of the volume in StorageOS'),
  fsType: string('File system to mount, such as ext4'),
  readOnly: boolean('Mounted so that nothing can be written'),
  secretRef: field(ObjectReference, 'Secret with the credentials'),
});
export interface StorageOSPersistentVolumeSource extends Static<typeof StorageOSPersistentVolumeSource> {}

export const LocalVolumeSource = object('io.k8s.api.core.v1.LocalVolumeSource', {
  path: required(string('Path on the node')),
  fsType: string('File system to mount, such as ext4'),
});
export interface LocalVolumeSource extends Static<typeof LocalVolumeSource> {}

export const CSIPersistentVolumeSource = object('io.k8s.api.core.v1.CSIPersistentVolumeSource', {
  driver: required(string('Name of the CSI driver')),
  volumeHandle: required(string('Name the driver knows the volume by')),
  readOnly: boolean('Mounted so that nothing can be written'),
  fsType: string('File system to mount, such as ext4'),
  volumeAttributes: map(string(), 'What the driver is told'),
  controllerPublishSecretRef: field(SecretReference, 'Secret for attaching'),
  nodeStageSecretRef: field(SecretReference, 'Secret for staging'),
  nodePublishSecretRef: field(SecretReference, 'Secret for mounting'),
  controllerExpandSecretRef: field(SecretReference, 'Secret for growing in the controller'),
  nodeExpandSecretRef: field(SecretReference, 'Secret for growing on the node'),
});
export interface CSIPersistentVolumeSource extends Static<typeof CSIPersistentVolumeSource> {}

export const persistentVolumeSourceFields = {
  gcePersistentDisk: field(GCEPersistentDiskVolumeSource, 'A disk of Google Cloud'),
  awsElasticBlockStore: field(AWSElasticBlockStoreVolumeSource, 'A disk of Amazon'),
  hostPath: field(HostPathVolumeSource, 'A directory of the node'),
  glusterfs: field(GlusterfsPersistentVolumeSource, 'A GlusterFS volume'),
  nfs: field(NFSVolumeSource, 'A directory of an NFS server'),
  rbd: field(RBDPersistentVolumeSource, 'A Ceph block device'),
  iscsi: field(ISCSIPersistentVolumeSource, 'An iSCSI disk'),
  cinder: field(CinderPersistentVolumeSource, 'A disk of OpenStack'),
  cephfs: field(CephFSPersistentVolumeSource, 'A Ceph file system'),
  fc: field(FCVolumeSource, 'A Fibre Channel disk'),
  flocker: field(FlockerVolumeSource, 'A Flocker data set'),
  flexVolume: field(FlexPersistentVolumeSource, 'A volume of an exec driver'),
  azureFile: field(AzureFilePersistentVolumeSource, 'A share of Azure'),
  vsphereVolume: field(VsphereVirtualDiskVolumeSource, 'A disk of vSphere'),
  quobyte: field(QuobyteVolumeSource, 'A Quobyte volume'),
  azureDisk: field(AzureDiskVolumeSource, 'A disk of Azure'),
  photonPersistentDisk: field(PhotonPersistentDiskVolumeSource, 'A disk of Photon'),
  portworxVolume: field(PortworxVolumeSource, 'A Portworx volume'),
  scaleIO: field(ScaleIOPersistentVolumeSource, 'A ScaleIO volume'),
  local: field(LocalVolumeSource, 'A disk or directory of one node'),
  storageos: field(StorageOSPersistentVolumeSource, 'A StorageOS volume'),
  csi: field(CSIPersistentVolumeSource, 'A volume of a CSI driver'),
};
