import {
  always,
  atomicList,
  boolean,
  field,
  int32,
  int64,
  knownTexts,
  list,
  map,
  mapList,
  object,
  quantity,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { ResourceRequirements } from '#api/kinds/core/compute.ts';
import { RecursiveReadOnlyMode } from '#api/kinds/core/container.ts';
import { Signal } from '#api/kinds/core/probes.ts';

export const ContainerStateWaiting = object('io.k8s.api.core.v1.ContainerStateWaiting', {
  reason: string(),
  message: string(),
});
export interface ContainerStateWaiting extends Static<typeof ContainerStateWaiting> {}

export const ContainerStateRunning = object('io.k8s.api.core.v1.ContainerStateRunning', {
  startedAt: time(),
});
export interface ContainerStateRunning extends Static<typeof ContainerStateRunning> {}

export const ContainerStateTerminated = object('io.k8s.api.core.v1.ContainerStateTerminated', {
  exitCode: always(int32()),
  signal: int32(),
  reason: string(),
  message: string(),
  startedAt: time(),
  finishedAt: time(),
  containerID: string(),
});
export interface ContainerStateTerminated extends Static<typeof ContainerStateTerminated> {}

export const ContainerState = object('io.k8s.api.core.v1.ContainerState', {
  waiting: ContainerStateWaiting,
  running: ContainerStateRunning,
  terminated: ContainerStateTerminated,
});
export interface ContainerState extends Static<typeof ContainerState> {}

export const ResourceHealthStatus = knownTexts(['Healthy', 'Unhealthy', 'Unknown']);
export type ResourceHealthStatus = Static<typeof ResourceHealthStatus>;

export const ResourceHealth = object('io.k8s.api.core.v1.ResourceHealth', {
  resourceID: always(string()),
  health: ResourceHealthStatus,
  message: string(undefined, { gate: 'ResourceHealthStatusMessage' }),
});
export interface ResourceHealth extends Static<typeof ResourceHealth> {}

export const ResourceStatus = object('io.k8s.api.core.v1.ResourceStatus', {
  name: always(string()),
  resources: list(ResourceHealth, undefined, { listType: 'map', mapKeys: ['resourceID'] }),
});
export interface ResourceStatus extends Static<typeof ResourceStatus> {}

export const LinuxContainerUser = object('io.k8s.api.core.v1.LinuxContainerUser', {
  uid: always(int64()),
  gid: always(int64()),
  supplementalGroups: atomicList(int64()),
});
export interface LinuxContainerUser extends Static<typeof LinuxContainerUser> {}

export const ContainerUser = object('io.k8s.api.core.v1.ContainerUser', {
  linux: LinuxContainerUser,
});
export interface ContainerUser extends Static<typeof ContainerUser> {}

export const ImageVolumeStatus = object('io.k8s.api.core.v1.ImageVolumeStatus', {
  imageRef: always(string()),
});
export interface ImageVolumeStatus extends Static<typeof ImageVolumeStatus> {}

export const VolumeStatus = object('io.k8s.api.core.v1.VolumeStatus', {
  image: field(ImageVolumeStatus, undefined, { gate: 'ImageVolumeWithDigest' }),
});
export interface VolumeStatus extends Static<typeof VolumeStatus> {}

export const VolumeMountStatus = object('io.k8s.api.core.v1.VolumeMountStatus', {
  name: always(string()),
  mountPath: always(string()),
  readOnly: boolean(),
  recursiveReadOnly: RecursiveReadOnlyMode,
  volumeStatus: VolumeStatus,
});
export interface VolumeMountStatus extends Static<typeof VolumeMountStatus> {}

export const ContainerStatus = object('io.k8s.api.core.v1.ContainerStatus', {
  name: always(string()),
  state: ContainerState,
  lastState: ContainerState,
  ready: always(boolean()),
  restartCount: always(int32()),
  image: always(string()),
  imageID: always(string()),
  containerID: string(),
  started: boolean(),
  allocatedResources: map(quantity()),
  resources: ResourceRequirements,
  volumeMounts: mapList(VolumeMountStatus, ['mountPath']),
  user: ContainerUser,
  allocatedResourcesStatus: mapList(ResourceStatus, ['name'], undefined, { gate: 'ResourceHealthStatus' }),
  stopSignal: field(Signal, undefined, { gate: 'ContainerStopSignals' }),
});
export interface ContainerStatus extends Static<typeof ContainerStatus> {}
