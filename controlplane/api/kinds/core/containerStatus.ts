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
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface ContainerStateWaiting extends Static<typeof ContainerStateWaiting> {}

export const ContainerStateRunning = object('io.k8s.api.core.v1.ContainerStateRunning', {
  startedAt: time('When it started'),
});
export interface ContainerStateRunning extends Static<typeof ContainerStateRunning> {}

export const ContainerStateTerminated = object('io.k8s.api.core.v1.ContainerStateTerminated', {
  exitCode: always(int32('Exit code')),
  signal: int32('Signal that ended it'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
  startedAt: time('When it started'),
  finishedAt: time('When it ended'),
  containerID: string('Runtime and id of the container'),
});
export interface ContainerStateTerminated extends Static<typeof ContainerStateTerminated> {}

export const ContainerState = object(
  'io.k8s.api.core.v1.ContainerState',
  {
    waiting: field(ContainerStateWaiting, 'Not running yet, and why'),
    running: field(ContainerStateRunning, 'Running'),
    terminated: field(ContainerStateTerminated, 'Ended, and how'),
  },
  { doc: 'Where a container is in its life; one of these.' },
);
export interface ContainerState extends Static<typeof ContainerState> {}

export const ResourceHealthStatus = knownTexts(['Healthy', 'Unhealthy', 'Unknown']);
export type ResourceHealthStatus = Static<typeof ResourceHealthStatus>;

export const ResourceHealth = object('io.k8s.api.core.v1.ResourceHealth', {
  resourceID: always(string('Which device')),
  health: field(ResourceHealthStatus, 'Healthy, Unhealthy or Unknown'),
  message: string('Cause in a sentence, for people', { gate: 'ResourceHealthStatusMessage' }),
});
export interface ResourceHealth extends Static<typeof ResourceHealth> {}

export const ResourceStatus = object('io.k8s.api.core.v1.ResourceStatus', {
  name: always(string('Name of the resource')),
  resources: list(ResourceHealth, 'Health of each device', { listType: 'map', mapKeys: ['resourceID'] }),
});
export interface ResourceStatus extends Static<typeof ResourceStatus> {}

export const LinuxContainerUser = object('io.k8s.api.core.v1.LinuxContainerUser', {
  uid: always(int64('User id of the first process')),
  gid: always(int64('Group id of the first process')),
  supplementalGroups: atomicList(int64(), 'Other groups of the first process'),
});
export interface LinuxContainerUser extends Static<typeof LinuxContainerUser> {}

export const ContainerUser = object('io.k8s.api.core.v1.ContainerUser', {
  linux: field(LinuxContainerUser, 'On Linux'),
});
export interface ContainerUser extends Static<typeof ContainerUser> {}

export const ImageVolumeStatus = object('io.k8s.api.core.v1.ImageVolumeStatus', {
  imageRef: always(string('Digest of the image')),
});
export interface ImageVolumeStatus extends Static<typeof ImageVolumeStatus> {}

export const VolumeStatus = object('io.k8s.api.core.v1.VolumeStatus', {
  image: field(ImageVolumeStatus, 'Of an image volume', { gate: 'ImageVolumeWithDigest' }),
});
export interface VolumeStatus extends Static<typeof VolumeStatus> {}

export const VolumeMountStatus = object('io.k8s.api.core.v1.VolumeMountStatus', {
  name: always(string('Name of the volume')),
  mountPath: always(string('Where it is seen')),
  readOnly: boolean('Mounted so that nothing can be written'),
  recursiveReadOnly: field(RecursiveReadOnlyMode, 'Whether what is mounted below is read-only too'),
  volumeStatus: field(VolumeStatus, 'More about the volume'),
});
export interface VolumeMountStatus extends Static<typeof VolumeMountStatus> {}

export const ContainerStatus = object('io.k8s.api.core.v1.ContainerStatus', {
  name: always(string('Name of the container')),
  state: field(ContainerState, 'Where it is in its life'),
  lastState: field(ContainerState, 'How it ended the last time'),
  ready: always(boolean('Whether it gets traffic')),
  restartCount: always(int32('How often it was restarted')),
  image: always(string('Image it runs')),
  imageID: always(string('Digest of that image')),
  containerID: string('Runtime and id of the container'),
  started: boolean('Whether it has started up'),
  allocatedResources: map(quantity(), 'What the node set aside for it'),
  resources: field(ResourceRequirements, 'What really applies to it'),
  volumeMounts: mapList(VolumeMountStatus, ['mountPath'], 'What became of its mounts'),
  user: field(ContainerUser, 'User it runs as'),
  allocatedResourcesStatus: mapList(ResourceStatus, ['name'], 'Health of its devices', { gate: 'ResourceHealthStatus' }),
  stopSignal: field(Signal, 'Signal that tells it to end', { gate: 'ContainerStopSignals' }),
});
export interface ContainerStatus extends Static<typeof ContainerStatus> {}
