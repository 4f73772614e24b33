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
  type: always(field(PodConditionType, 'Name of the aspect')),
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  status: always(field(ConditionStatus, 'True, False or Unknown')),
  lastProbeTime: time('When it was last looked at'),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface PodCondition extends Static<typeof PodCondition> {}

export const PodQOSClass = knownTexts(['Guaranteed', 'Burstable', 'BestEffort']);
export type PodQOSClass = Static<typeof PodQOSClass>;

export const PodResizeStatus = knownTexts(['InProgress', 'Deferred', 'Infeasible']);
export type PodResizeStatus = Static<typeof PodResizeStatus>;

export const PodIP = object('io.k8s.api.core.v1.PodIP', {
  ip: always(string('Address of the pod')),
});
export interface PodIP extends Static<typeof PodIP> {}

export const HostIP = object('io.k8s.api.core.v1.HostIP', {
  ip: always(string('Address of the node')),
});
export interface HostIP extends Static<typeof HostIP> {}

export const PodResourceClaimStatus = object('io.k8s.api.core.v1.PodResourceClaimStatus', {
  name: always(string('Name in resourceClaims')),
  resourceClaimName: string('Claim that was made for it'),
});
export interface PodResourceClaimStatus extends Static<typeof PodResourceClaimStatus> {}

export const ContainerExtendedResourceRequest = object('io.k8s.api.core.v1.ContainerExtendedResourceRequest', {
  containerName: always(string('Container that asks')),
  resourceName: always(string('Resource it asks for')),
  requestName: always(string('Request in the claim')),
});
export interface ContainerExtendedResourceRequest extends Static<typeof ContainerExtendedResourceRequest> {}

export const PodExtendedResourceClaimStatus = object('io.k8s.api.core.v1.PodExtendedResourceClaimStatus', {
  requestMappings: always(atomicList(ContainerExtendedResourceRequest, 'Which request serves which container')),
  resourceClaimName: always(string('Claim that was made')),
});
export interface PodExtendedResourceClaimStatus extends Static<typeof PodExtendedResourceClaimStatus> {}

export const NodeAllocatableResourceClaimStatus = object('io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus', {
  resourceClaimName: always(string('Name of the claim')),
  containers: list(string(), 'Containers that use it', { listType: 'set' }),
  resources: always(map(quantity(), 'What it takes of the node')),
});
export interface NodeAllocatableResourceClaimStatus extends Static<typeof NodeAllocatableResourceClaimStatus> {}

export const PodStatus = object('io.k8s.api.core.v1.PodStatus', {
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  phase: field(PodPhase, 'Pending, Running, Succeeded, Failed or Unknown'),
  conditions: mapList(PodCondition, ['type'], 'Newest state of each aspect'),
  message: string('Cause in a sentence, for people'),
  reason: string('Cause in one word, for programs'),
  nominatedNodeName: string('Node where room is being made'),
  hostIP: string('Address of the node'),
  hostIPs: list(HostIP, 'All addresses of the node', { listType: 'atomic', patchMergeKey: 'ip', patchStrategy: 'merge' }),
  podIP: string('Address of the pod'),
  podIPs: mapList(PodIP, ['ip'], 'All addresses of the pod'),
  startTime: time('When the kubelet took it'),
  initContainerStatuses: atomicList(ContainerStatus, 'State of the init containers'),
  containerStatuses: atomicList(ContainerStatus, 'State of the containers'),
  qosClass: field(PodQOSClass, 'Guaranteed, Burstable or BestEffort'),
  ephemeralContainerStatuses: atomicList(ContainerStatus, 'State of the ephemeral containers'),
  resize: field(PodResizeStatus, 'State of a change of resources; replaced by conditions'),
  resourceClaimStatuses: mapList(PodResourceClaimStatus, ['name'], 'Claims made for the pod', { patchStrategy: 'merge,retainKeys' }),
  extendedResourceClaimStatus: field(PodExtendedResourceClaimStatus, 'Claim made for extended resources', { gate: 'DRAExtendedResource' }),
  allocatedResources: map(quantity(), 'What the node set aside for the pod', { gate: 'InPlacePodLevelResourcesVerticalScaling' }),
  resources: field(ResourceRequirements, 'What really applies to the pod', { gate: 'InPlacePodLevelResourcesVerticalScaling' }),
  nodeAllocatableResourceClaimStatuses: atomicList(NodeAllocatableResourceClaimStatus, 'What claims take of the node', {
    gate: 'DRANodeAllocatableResources',
  }),
});
export interface PodStatus extends Static<typeof PodStatus> {}
