import {
  atomicList,
  boolean,
  field,
  int32,
  int64,
  knownTexts,
  map,
  object,
  oneOf,
  quantity,
  required,
  string,
  type Static,
} from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { pullPolicyFor } from '#api/image.ts';
import { PullPolicy } from '#api/kinds/core/container.ts';
import { ObjectFieldSelector, ResourceFieldSelector } from '#api/kinds/core/env.ts';
import {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  AzureFileVolumeSource,
  CephFSVolumeSource,
  CinderVolumeSource,
  FlexVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  GitRepoVolumeSource,
  GlusterfsVolumeSource,
  PhotonPersistentDiskVolumeSource,
  PortworxVolumeSource,
  QuobyteVolumeSource,
  RBDVolumeSource,
  ScaleIOVolumeSource,
  StorageOSVolumeSource,
  VsphereVirtualDiskVolumeSource,
} from '#api/kinds/core/legacyVolumes.ts';
import { PersistentVolumeClaimSpec } from '#api/kinds/core/persistentVolumeClaim.ts';
import { LocalObjectReference, localObjectReferenceFields } from '#api/kinds/core/references.ts';
import { ObjectMeta } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const HostPathType = oneOf(['', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice']);
export type HostPathType = Static<typeof HostPathType>;

export const HostPathVolumeSource = object('io.k8s.api.core.v1.HostPathVolumeSource', {
  path: required(string('Path on the node')),
  type: field(HostPathType, 'What must be there; empty for no check', { default: '' }),
});
export interface HostPathVolumeSource extends Static<typeof HostPathVolumeSource> {}

export const StorageMedium = knownTexts(['Memory', 'HugePages', 'HugePages-']);
export type StorageMedium = Static<typeof StorageMedium>;

export const EmptyDirVolumeSource = object('io.k8s.api.core.v1.EmptyDirVolumeSource', {
  medium: field(StorageMedium, "Memory for a tmpfs; the node's disk when empty"),
  sizeLimit: quantity('Most it may hold'),
});
export interface EmptyDirVolumeSource extends Static<typeof EmptyDirVolumeSource> {}

export const KeyToPath = object('io.k8s.api.core.v1.KeyToPath', {
  key: required(string('Key to write')),
  path: required(string('File to write it to, below the mount')),
  mode: int32('Mode of the file, 0-0777'),
});
export interface KeyToPath extends Static<typeof KeyToPath> {}

export const SecretVolumeSource = object('io.k8s.api.core.v1.SecretVolumeSource', {
  secretName: string('Name of the secret'),
  items: atomicList(KeyToPath, 'Keys to write; all when left out'),
  defaultMode: int32('Mode of the files', { default: 420 }),
  optional: boolean('Whether it may be missing'),
});
export interface SecretVolumeSource extends Static<typeof SecretVolumeSource> {}

export const ConfigMapVolumeSource = object('io.k8s.api.core.v1.ConfigMapVolumeSource', {
  ...localObjectReferenceFields,
  items: atomicList(KeyToPath, 'Keys to write; all when left out'),
  defaultMode: int32('Mode of the files', { default: 420 }),
  optional: boolean('Whether it may be missing'),
});
export interface ConfigMapVolumeSource extends Static<typeof ConfigMapVolumeSource> {}

export const DownwardAPIVolumeFile = object('io.k8s.api.core.v1.DownwardAPIVolumeFile', {
  path: required(string('File to write')),
  fieldRef: field(ObjectFieldSelector, 'A field of the pod'),
  resourceFieldRef: field(ResourceFieldSelector, 'A resource of a container'),
  mode: int32('Mode of the file, 0-0777'),
});
export interface DownwardAPIVolumeFile extends Static<typeof DownwardAPIVolumeFile> {}

export const DownwardAPIVolumeSource = object('io.k8s.api.core.v1.DownwardAPIVolumeSource', {
  items: atomicList(DownwardAPIVolumeFile, 'Files to write'),
  defaultMode: int32('Mode of the files', { default: 420 }),
});
export interface DownwardAPIVolumeSource extends Static<typeof DownwardAPIVolumeSource> {}

export const SecretProjection = object('io.k8s.api.core.v1.SecretProjection', {
  ...localObjectReferenceFields,
  items: atomicList(KeyToPath, 'Keys to write; all when left out'),
  optional: boolean('Whether it may be missing'),
});
export interface SecretProjection extends Static<typeof SecretProjection> {}

export const ConfigMapProjection = object('io.k8s.api.core.v1.ConfigMapProjection', {
  ...localObjectReferenceFields,
  items: atomicList(KeyToPath, 'Keys to write; all when left out'),
  optional: boolean('Whether it may be missing'),
});
export interface ConfigMapProjection extends Static<typeof ConfigMapProjection> {}

export const DownwardAPIProjection = object('io.k8s.api.core.v1.DownwardAPIProjection', {
  items: atomicList(DownwardAPIVolumeFile, 'Files to write'),
});
export interface DownwardAPIProjection extends Static<typeof DownwardAPIProjection> {}

export const ServiceAccountTokenProjection = object('io.k8s.api.core.v1.ServiceAccountTokenProjection', {
  audience: string('Who the token is for; the API server when left out'),
  expirationSeconds: int64('How long a token is good; it is renewed before', { default: 3600 }),
  path: required(string('File to write')),
});
export interface ServiceAccountTokenProjection extends Static<typeof ServiceAccountTokenProjection> {}

export const ClusterTrustBundleProjection = object('io.k8s.api.core.v1.ClusterTrustBundleProjection', {
  name: string('Name of one bundle'),
  signerName: string('All bundles of this signer'),
  labelSelector: field(LabelSelector, 'Labels that the objects must have'),
  optional: boolean('Whether it may be missing'),
  path: required(string('File to write')),
});
export interface ClusterTrustBundleProjection extends Static<typeof ClusterTrustBundleProjection> {}

export const PodCertificateProjection = object('io.k8s.api.core.v1.PodCertificateProjection', {
  signerName: required(string('Who signs')),
  keyType: required(string('Kind of key, such as ED25519')),
  maxExpirationSeconds: int32('Longest life of the certificate', { default: 86400 }),
  credentialBundlePath: string('File for key and chain together'),
  keyPath: string('File for the key'),
  certificateChainPath: string('File for the chain'),
  userAnnotations: map(string(), 'Handed to the signer'),
});
export interface PodCertificateProjection extends Static<typeof PodCertificateProjection> {}

export const VolumeProjection = object('io.k8s.api.core.v1.VolumeProjection', {
  secret: field(SecretProjection, 'Keys of a secret'),
  downwardAPI: field(DownwardAPIProjection, 'Fields of the pod'),
  configMap: field(ConfigMapProjection, 'Keys of a config map'),
  serviceAccountToken: field(ServiceAccountTokenProjection, "A token of the pod's service account"),
  clusterTrustBundle: field(ClusterTrustBundleProjection, 'Certificates to trust', { gate: 'ClusterTrustBundleProjection' }),
  podCertificate: field(PodCertificateProjection, 'A key and its certificate', { gate: 'PodCertificateProjection' }),
});
export interface VolumeProjection extends Static<typeof VolumeProjection> {}

export const ProjectedVolumeSource = object('io.k8s.api.core.v1.ProjectedVolumeSource', {
  sources: atomicList(VolumeProjection, 'What is put in'),
  defaultMode: int32('Mode of the files', { default: 420 }),
});
export interface ProjectedVolumeSource extends Static<typeof ProjectedVolumeSource> {}

export const NFSVolumeSource = object('io.k8s.api.core.v1.NFSVolumeSource', {
  server: required(string('Host of the server')),
  path: required(string('Exported directory')),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface NFSVolumeSource extends Static<typeof NFSVolumeSource> {}

export const ISCSIVolumeSource = object('io.k8s.api.core.v1.ISCSIVolumeSource', {
  targetPortal: required(string('Address and port of the target')),
  iqn: required(string('Name of the target')),
  lun: required(int32('Number of the unit')),
  iscsiInterface: string('Network interface to use', { default: 'default' }),
  fsType: string('File system to mount, such as ext4'),
  readOnly: boolean('Mounted so that nothing can be written'),
  portals: atomicList(string(), 'More addresses of the target'),
  chapAuthDiscovery: boolean('Authenticate the discovery'),
  chapAuthSession: boolean('Authenticate the session'),
  secretRef: field(LocalObjectReference, 'Secret with the credentials'),
  initiatorName: string('Name of this side'),
});
export interface ISCSIVolumeSource extends Static<typeof ISCSIVolumeSource> {}

export const FCVolumeSource = object('io.k8s.api.core.v1.FCVolumeSource', {
  targetWWNs: atomicList(string(), 'World wide names of the targets'),
  lun: int32('Number of the unit'),
  fsType: string('File system to mount, such as ext4'),
  readOnly: boolean('Mounted so that nothing can be written'),
  wwids: atomicList(string(), 'World wide ids of the volume'),
});
export interface FCVolumeSource extends Static<typeof FCVolumeSource> {}

export const CSIVolumeSource = object('io.k8s.api.core.v1.CSIVolumeSource', {
  driver: required(string('Name of the CSI driver')),
  readOnly: boolean('Mounted so that nothing can be written'),
  fsType: string('File system to mount, such as ext4'),
  volumeAttributes: map(string(), 'What the driver is told'),
  nodePublishSecretRef: field(LocalObjectReference, 'Secret with the credentials'),
});
export interface CSIVolumeSource extends Static<typeof CSIVolumeSource> {}

export const PersistentVolumeClaimVolumeSource = object('io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource', {
  claimName: required(string('Name of the claim')),
  readOnly: boolean('Mounted so that nothing can be written'),
});
export interface PersistentVolumeClaimVolumeSource extends Static<typeof PersistentVolumeClaimVolumeSource> {}

export const PersistentVolumeClaimTemplate = object('io.k8s.api.core.v1.PersistentVolumeClaimTemplate', {
  metadata: field(ObjectMeta, 'Labels and annotations of the claim'),
  spec: required(field(PersistentVolumeClaimSpec, 'What is wanted')),
});
export interface PersistentVolumeClaimTemplate extends Static<typeof PersistentVolumeClaimTemplate> {}

export const EphemeralVolumeSource = object('io.k8s.api.core.v1.EphemeralVolumeSource', {
  volumeClaimTemplate: field(PersistentVolumeClaimTemplate, 'Claim that lives as long as the pod'),
});
export interface EphemeralVolumeSource extends Static<typeof EphemeralVolumeSource> {}

export const ImageVolumeSource = object('io.k8s.api.core.v1.ImageVolumeSource', {
  reference: string('Image to mount'),
  pullPolicy: field(PullPolicy, 'When the image is pulled'),
});
export interface ImageVolumeSource extends Static<typeof ImageVolumeSource> {}

export const volumeSourceFields = {
  hostPath: field(HostPathVolumeSource, 'A directory or file of the node'),
  emptyDir: field(EmptyDirVolumeSource, 'An empty directory that lives as long as the pod'),
  gcePersistentDisk: field(GCEPersistentDiskVolumeSource, 'A disk of Google Cloud'),
  awsElasticBlockStore: field(AWSElasticBlockStoreVolumeSource, 'A disk of Amazon'),
  gitRepo: field(GitRepoVolumeSource, 'A git checkout; no longer supported'),
  secret: field(SecretVolumeSource, 'Files from a secret'),
  nfs: field(NFSVolumeSource, 'A directory of an NFS server'),
  iscsi: field(ISCSIVolumeSource, 'An iSCSI disk'),
  glusterfs: field(GlusterfsVolumeSource, 'A GlusterFS volume'),
  persistentVolumeClaim: field(PersistentVolumeClaimVolumeSource, 'A claim of a persistent volume'),
  rbd: field(RBDVolumeSource, 'A Ceph block device'),
  flexVolume: field(FlexVolumeSource, 'A volume of an exec driver'),
  cinder: field(CinderVolumeSource, 'A disk of OpenStack'),
  cephfs: field(CephFSVolumeSource, 'A Ceph file system'),
  flocker: field(FlockerVolumeSource, 'A Flocker data set'),
  downwardAPI: field(DownwardAPIVolumeSource, 'Files from fields of the pod'),
  fc: field(FCVolumeSource, 'A Fibre Channel disk'),
  azureFile: field(AzureFileVolumeSource, 'A share of Azure'),
  configMap: field(ConfigMapVolumeSource, 'Files from a config map'),
  vsphereVolume: field(VsphereVirtualDiskVolumeSource, 'A disk of vSphere'),
  quobyte: field(QuobyteVolumeSource, 'A Quobyte volume'),
  azureDisk: field(AzureDiskVolumeSource, 'A disk of Azure'),
  photonPersistentDisk: field(PhotonPersistentDiskVolumeSource, 'A disk of Photon'),
  projected: field(ProjectedVolumeSource, 'Files from several sources'),
  portworxVolume: field(PortworxVolumeSource, 'A Portworx volume'),
  scaleIO: field(ScaleIOVolumeSource, 'A ScaleIO volume'),
  storageos: field(StorageOSVolumeSource, 'A StorageOS volume'),
  csi: field(CSIVolumeSource, 'A volume of a CSI driver'),
  ephemeral: field(EphemeralVolumeSource, 'A claim that lives as long as the pod'),
  image: field(ImageVolumeSource, 'The files of an image'),
};

export const Volume = object(
  'io.k8s.api.core.v1.Volume',
  {
    name: required(string('Name, unique in the pod')),
    ...volumeSourceFields,
  },
  { doc: 'A place for files that the containers of a pod can mount.' },
);
export interface Volume extends Static<typeof Volume> {}

// A volume that names no source is an emptyDir, as upstream has it.
computeDefaults(Volume, (volume) => {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
});
computeDefaults(ImageVolumeSource, (image) => {
  image.pullPolicy ??= pullPolicyFor(image.reference ?? '');
});
