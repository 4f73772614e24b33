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
  path: required(string()),
  type: field(HostPathType, undefined, { default: '' }),
});
export interface HostPathVolumeSource extends Static<typeof HostPathVolumeSource> {}

export const StorageMedium = knownTexts(['Memory', 'HugePages', 'HugePages-']);
export type StorageMedium = Static<typeof StorageMedium>;

export const EmptyDirVolumeSource = object('io.k8s.api.core.v1.EmptyDirVolumeSource', {
  medium: StorageMedium,
  sizeLimit: quantity(),
});
export interface EmptyDirVolumeSource extends Static<typeof EmptyDirVolumeSource> {}

export const KeyToPath = object('io.k8s.api.core.v1.KeyToPath', {
  key: required(string()),
  path: required(string()),
  mode: int32(),
});
export interface KeyToPath extends Static<typeof KeyToPath> {}

export const SecretVolumeSource = object('io.k8s.api.core.v1.SecretVolumeSource', {
  secretName: string(),
  items: atomicList(KeyToPath),
  defaultMode: int32(undefined, { default: 420 }),
  optional: boolean(),
});
export interface SecretVolumeSource extends Static<typeof SecretVolumeSource> {}

export const ConfigMapVolumeSource = object('io.k8s.api.core.v1.ConfigMapVolumeSource', {
  ...localObjectReferenceFields,
  items: atomicList(KeyToPath),
  defaultMode: int32(undefined, { default: 420 }),
  optional: boolean(),
});
export interface ConfigMapVolumeSource extends Static<typeof ConfigMapVolumeSource> {}

export const DownwardAPIVolumeFile = object('io.k8s.api.core.v1.DownwardAPIVolumeFile', {
  path: required(string()),
  fieldRef: ObjectFieldSelector,
  resourceFieldRef: ResourceFieldSelector,
  mode: int32(),
});
export interface DownwardAPIVolumeFile extends Static<typeof DownwardAPIVolumeFile> {}

export const DownwardAPIVolumeSource = object('io.k8s.api.core.v1.DownwardAPIVolumeSource', {
  items: atomicList(DownwardAPIVolumeFile),
  defaultMode: int32(undefined, { default: 420 }),
});
export interface DownwardAPIVolumeSource extends Static<typeof DownwardAPIVolumeSource> {}

export const SecretProjection = object('io.k8s.api.core.v1.SecretProjection', {
  ...localObjectReferenceFields,
  items: atomicList(KeyToPath),
  optional: boolean(),
});
export interface SecretProjection extends Static<typeof SecretProjection> {}

export const ConfigMapProjection = object('io.k8s.api.core.v1.ConfigMapProjection', {
  ...localObjectReferenceFields,
  items: atomicList(KeyToPath),
  optional: boolean(),
});
export interface ConfigMapProjection extends Static<typeof ConfigMapProjection> {}

export const DownwardAPIProjection = object('io.k8s.api.core.v1.DownwardAPIProjection', {
  items: atomicList(DownwardAPIVolumeFile),
});
export interface DownwardAPIProjection extends Static<typeof DownwardAPIProjection> {}

export const ServiceAccountTokenProjection = object('io.k8s.api.core.v1.ServiceAccountTokenProjection', {
  audience: string(),
  expirationSeconds: int64(undefined, { default: 3600 }),
  path: required(string()),
});
export interface ServiceAccountTokenProjection extends Static<typeof ServiceAccountTokenProjection> {}

export const ClusterTrustBundleProjection = object('io.k8s.api.core.v1.ClusterTrustBundleProjection', {
  name: string(),
  signerName: string(),
  labelSelector: LabelSelector,
  optional: boolean(),
  path: required(string()),
});
export interface ClusterTrustBundleProjection extends Static<typeof ClusterTrustBundleProjection> {}

export const PodCertificateProjection = object('io.k8s.api.core.v1.PodCertificateProjection', {
  signerName: required(string()),
  keyType: required(string()),
  maxExpirationSeconds: int32(undefined, { default: 86400 }),
  credentialBundlePath: string(),
  keyPath: string(),
  certificateChainPath: string(),
  userAnnotations: map(string()),
});
export interface PodCertificateProjection extends Static<typeof PodCertificateProjection> {}

export const VolumeProjection = object('io.k8s.api.core.v1.VolumeProjection', {
  secret: SecretProjection,
  downwardAPI: DownwardAPIProjection,
  configMap: ConfigMapProjection,
  serviceAccountToken: ServiceAccountTokenProjection,
  clusterTrustBundle: field(ClusterTrustBundleProjection, undefined, { gate: 'ClusterTrustBundleProjection' }),
  podCertificate: field(PodCertificateProjection, undefined, { gate: 'PodCertificateProjection' }),
});
export interface VolumeProjection extends Static<typeof VolumeProjection> {}

export const ProjectedVolumeSource = object('io.k8s.api.core.v1.ProjectedVolumeSource', {
  sources: atomicList(VolumeProjection),
  defaultMode: int32(undefined, { default: 420 }),
});
export interface ProjectedVolumeSource extends Static<typeof ProjectedVolumeSource> {}

export const NFSVolumeSource = object('io.k8s.api.core.v1.NFSVolumeSource', {
  server: required(string()),
  path: required(string()),
  readOnly: boolean(),
});
export interface NFSVolumeSource extends Static<typeof NFSVolumeSource> {}

export const ISCSIVolumeSource = object('io.k8s.api.core.v1.ISCSIVolumeSource', {
  targetPortal: required(string()),
  iqn: required(string()),
  lun: required(int32()),
  iscsiInterface: string(undefined, { default: 'default' }),
  fsType: string(),
  readOnly: boolean(),
  portals: atomicList(string()),
  chapAuthDiscovery: boolean(),
  chapAuthSession: boolean(),
  secretRef: LocalObjectReference,
  initiatorName: string(),
});
export interface ISCSIVolumeSource extends Static<typeof ISCSIVolumeSource> {}

export const FCVolumeSource = object('io.k8s.api.core.v1.FCVolumeSource', {
  targetWWNs: atomicList(string()),
  lun: int32(),
  fsType: string(),
  readOnly: boolean(),
  wwids: atomicList(string()),
});
export interface FCVolumeSource extends Static<typeof FCVolumeSource> {}

export const CSIVolumeSource = object('io.k8s.api.core.v1.CSIVolumeSource', {
  driver: required(string()),
  readOnly: boolean(),
  fsType: string(),
  volumeAttributes: map(string()),
  nodePublishSecretRef: LocalObjectReference,
});
export interface CSIVolumeSource extends Static<typeof CSIVolumeSource> {}

export const PersistentVolumeClaimVolumeSource = object('io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource', {
  claimName: required(string()),
  readOnly: boolean(),
});
export interface PersistentVolumeClaimVolumeSource extends Static<typeof PersistentVolumeClaimVolumeSource> {}

export const PersistentVolumeClaimTemplate = object('io.k8s.api.core.v1.PersistentVolumeClaimTemplate', {
  metadata: ObjectMeta,
  spec: required(PersistentVolumeClaimSpec),
});
export interface PersistentVolumeClaimTemplate extends Static<typeof PersistentVolumeClaimTemplate> {}

export const EphemeralVolumeSource = object('io.k8s.api.core.v1.EphemeralVolumeSource', {
  volumeClaimTemplate: PersistentVolumeClaimTemplate,
});
export interface EphemeralVolumeSource extends Static<typeof EphemeralVolumeSource> {}

export const ImageVolumeSource = object('io.k8s.api.core.v1.ImageVolumeSource', {
  reference: string(),
  pullPolicy: PullPolicy,
});
export interface ImageVolumeSource extends Static<typeof ImageVolumeSource> {}

export const volumeSourceFields = {
  hostPath: HostPathVolumeSource,
  emptyDir: EmptyDirVolumeSource,
  gcePersistentDisk: GCEPersistentDiskVolumeSource,
  awsElasticBlockStore: AWSElasticBlockStoreVolumeSource,
  gitRepo: GitRepoVolumeSource,
  secret: SecretVolumeSource,
  nfs: NFSVolumeSource,
  iscsi: ISCSIVolumeSource,
  glusterfs: GlusterfsVolumeSource,
  persistentVolumeClaim: PersistentVolumeClaimVolumeSource,
  rbd: RBDVolumeSource,
  flexVolume: FlexVolumeSource,
  cinder: CinderVolumeSource,
  cephfs: CephFSVolumeSource,
  flocker: FlockerVolumeSource,
  downwardAPI: DownwardAPIVolumeSource,
  fc: FCVolumeSource,
  azureFile: AzureFileVolumeSource,
  configMap: ConfigMapVolumeSource,
  vsphereVolume: VsphereVirtualDiskVolumeSource,
  quobyte: QuobyteVolumeSource,
  azureDisk: AzureDiskVolumeSource,
  photonPersistentDisk: PhotonPersistentDiskVolumeSource,
  projected: ProjectedVolumeSource,
  portworxVolume: PortworxVolumeSource,
  scaleIO: ScaleIOVolumeSource,
  storageos: StorageOSVolumeSource,
  csi: CSIVolumeSource,
  ephemeral: EphemeralVolumeSource,
  image: ImageVolumeSource,
};

export const Volume = object('io.k8s.api.core.v1.Volume', {
  name: required(string()),
  ...volumeSourceFields,
});
export interface Volume extends Static<typeof Volume> {}

// A volume that names no source is an emptyDir, as upstream has it.
computeDefaults(Volume, (volume) => {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
});
computeDefaults(ImageVolumeSource, (image) => {
  image.pullPolicy ??= pullPolicyFor(image.reference ?? '');
});
