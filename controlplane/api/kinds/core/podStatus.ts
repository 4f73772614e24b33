import {
  always,
  atomicList,
  field,
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
import { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';

export const PodPhase = knownTexts(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']);
export type PodPhase = Static<typeof PodPhase>;

export const PodConditionType = knownTexts([
  'ContainersReady',
  'Initialized',
  'Ready',
  'PodScheduled',
  'DisruptionTarget',
  'PodReadyToStartContainers',
  'PodResizePending',
  'PodResizeInProgress',
  'AllContainersRestarting',
]);
export type PodConditionType = Static<typeof PodConditionType>;

export const PodCondition = object('io.k8s.api.core.v1.PodCondition', {
  type: always(PodConditionType),
  observedGeneration: int64(),
  status: always(ConditionStatus),
  lastProbeTime: time(),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface PodCondition extends Static<typeof PodCondition> {}

export const PodQOSClass = knownTexts(['Guaranteed', 'Burstable', 'BestEffort']);
export type PodQOSClass = Static<typeof PodQOSClass>;

export const PodResizeStatus = knownTexts(['InProgress', 'Deferred', 'Infeasible']);
export type PodResizeStatus = Static<typeof PodResizeStatus>;

export const PodIP = object('io.k8s.api.core.v1.PodIP', {
  ip: always(string()),
});
export interface PodIP extends Static<typeof PodIP> {}

export const HostIP = object('io.k8s.api.core.v1.HostIP', {
  ip: always(string()),
});
export interface HostIP extends Static<typeof HostIP> {}

export const PodResourceClaimStatus = object('io.k8s.api.core.v1.PodResourceClaimStatus', {
  name: always(string()),
  resourceClaimName: string(),
});
export interface PodResourceClaimStatus extends Static<typeof PodResourceClaimStatus> {}

export const ContainerExtendedResourceRequest = object('io.k8s.api.core.v1.ContainerExtendedResourceRequest', {
  containerName: always(string()),
  resourceName: always(string()),
  requestName: always(string()),
});
export interface ContainerExtendedResourceRequest extends Static<typeof ContainerExtendedResourceRequest> {}

export const PodExtendedResourceClaimStatus = object('io.k8s.api.core.v1.PodExtendedResourceClaimStatus', {
  requestMappings: always(atomicList(ContainerExtendedResourceRequest)),
  resourceClaimName: always(string()),
});
export interface PodExtendedResourceClaimStatus extends Static<typeof PodExtendedResourceClaimStatus> {}

export const NodeAllocatableResourceClaimStatus = object('io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus', {
  resourceClaimName: always(string()),
  containers: list(string(), undefined, { listType: 'set' }),
  resources: always(map(quantity())),
});
export interface NodeAllocatableResourceClaimStatus extends Static<typeof NodeAllocatableResourceClaimStatus> {}

export const PodStatus = object('io.k8s.api.core.v1.PodStatus', {
  observedGeneration: int64(),
  phase: PodPhase,
  conditions: mapList(PodCondition, ['type']),
  message: string(),
  reason: string(),
  nominatedNodeName: string(),
  hostIP: string(),
  hostIPs: list(HostIP, undefined, { listType: 'atomic', patchMergeKey: 'ip', patchStrategy: 'merge' }),
  podIP: string(),
  podIPs: mapList(PodIP, ['ip']),
  startTime: time(),
  initContainerStatuses: atomicList(ContainerStatus),
  containerStatuses: atomicList(ContainerStatus),
  qosClass: PodQOSClass,
  ephemeralContainerStatuses: atomicList(ContainerStatus),
  resize: PodResizeStatus,
  resourceClaimStatuses: mapList(PodResourceClaimStatus, ['name'], undefined, { patchStrategy: 'merge,retainKeys' }),
  extendedResourceClaimStatus: field(PodExtendedResourceClaimStatus, undefined, { gate: 'DRAExtendedResource' }),
  allocatedResources: map(quantity(), undefined, { gate: 'InPlacePodLevelResourcesVerticalScaling' }),
  resources: field(ResourceRequirements, undefined, { gate: 'InPlacePodLevelResourcesVerticalScaling' }),
  nodeAllocatableResourceClaimStatuses: atomicList(NodeAllocatableResourceClaimStatus, undefined, { gate: 'DRANodeAllocatableResources' }),
});
export interface PodStatus extends Static<typeof PodStatus> {}
