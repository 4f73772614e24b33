import {
  always,
  atomicList,
  boolean,
  int32,
  int64,
  knownTexts,
  list,
  map,
  mapList,
  object,
  quantity,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { Taint } from '#api/kinds/core/scheduling.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const ConfigMapNodeConfigSource = object('io.k8s.api.core.v1.ConfigMapNodeConfigSource', {
  namespace: required(string()),
  name: required(string()),
  uid: string(),
  resourceVersion: string(),
  kubeletConfigKey: required(string()),
});
export interface ConfigMapNodeConfigSource extends Static<typeof ConfigMapNodeConfigSource> {}

export const NodeConfigSource = object('io.k8s.api.core.v1.NodeConfigSource', {
  configMap: ConfigMapNodeConfigSource,
});
export interface NodeConfigSource extends Static<typeof NodeConfigSource> {}

export const NodeSpec = object('io.k8s.api.core.v1.NodeSpec', {
  podCIDR: string(),
  podCIDRs: list(string(), undefined, { listType: 'set', patchStrategy: 'merge' }),
  providerID: string(),
  unschedulable: boolean(),
  taints: atomicList(Taint),
  configSource: NodeConfigSource,
  externalID: string(),
});
export interface NodeSpec extends Static<typeof NodeSpec> {}

export const DaemonEndpoint = object('io.k8s.api.core.v1.DaemonEndpoint', {
  Port: always(int32()),
});
export interface DaemonEndpoint extends Static<typeof DaemonEndpoint> {}

export const NodeDaemonEndpoints = object('io.k8s.api.core.v1.NodeDaemonEndpoints', {
  kubeletEndpoint: DaemonEndpoint,
});
export interface NodeDaemonEndpoints extends Static<typeof NodeDaemonEndpoints> {}

export const NodeRuntimeHandlerFeatures = object('io.k8s.api.core.v1.NodeRuntimeHandlerFeatures', {
  recursiveReadOnlyMounts: boolean(),
  userNamespaces: boolean(),
});
export interface NodeRuntimeHandlerFeatures extends Static<typeof NodeRuntimeHandlerFeatures> {}

export const NodeRuntimeHandler = object('io.k8s.api.core.v1.NodeRuntimeHandler', {
  name: string(),
  features: NodeRuntimeHandlerFeatures,
});
export interface NodeRuntimeHandler extends Static<typeof NodeRuntimeHandler> {}

export const NodeFeatures = object('io.k8s.api.core.v1.NodeFeatures', {
  supplementalGroupsPolicy: boolean(),
});
export interface NodeFeatures extends Static<typeof NodeFeatures> {}

export const NodeSwapStatus = object('io.k8s.api.core.v1.NodeSwapStatus', {
  capacity: int64(),
});
export interface NodeSwapStatus extends Static<typeof NodeSwapStatus> {}

export const NodeSystemInfo = object('io.k8s.api.core.v1.NodeSystemInfo', {
  machineID: always(string()),
  systemUUID: always(string()),
  bootID: always(string()),
  kernelVersion: always(string()),
  osImage: always(string()),
  containerRuntimeVersion: always(string()),
  kubeletVersion: always(string()),
  kubeProxyVersion: always(string()),
  operatingSystem: always(string()),
  architecture: always(string()),
  swap: NodeSwapStatus,
});
export interface NodeSystemInfo extends Static<typeof NodeSystemInfo> {}

export const NodeConfigStatus = object('io.k8s.api.core.v1.NodeConfigStatus', {
  assigned: NodeConfigSource,
  active: NodeConfigSource,
  lastKnownGood: NodeConfigSource,
  error: string(),
});
export interface NodeConfigStatus extends Static<typeof NodeConfigStatus> {}

export const AttachedVolume = object('io.k8s.api.core.v1.AttachedVolume', {
  name: always(string()),
  devicePath: always(string()),
});
export interface AttachedVolume extends Static<typeof AttachedVolume> {}

export const ContainerImage = object('io.k8s.api.core.v1.ContainerImage', {
  names: atomicList(string()),
  sizeBytes: int64(),
});
export interface ContainerImage extends Static<typeof ContainerImage> {}

export const NodePhase = knownTexts(['Pending', 'Running', 'Terminated']);
export type NodePhase = Static<typeof NodePhase>;

export const NodeConditionType = knownTexts(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable']);
export type NodeConditionType = Static<typeof NodeConditionType>;

export const NodeCondition = object('io.k8s.api.core.v1.NodeCondition', {
  type: always(NodeConditionType),
  status: always(ConditionStatus),
  lastHeartbeatTime: time(),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface NodeCondition extends Static<typeof NodeCondition> {}

export const NodeAddressType = knownTexts(['Hostname', 'InternalIP', 'ExternalIP', 'InternalDNS', 'ExternalDNS']);
export type NodeAddressType = Static<typeof NodeAddressType>;

export const NodeAddress = object('io.k8s.api.core.v1.NodeAddress', {
  type: always(NodeAddressType),
  address: always(string()),
});
export interface NodeAddress extends Static<typeof NodeAddress> {}

export const NodeStatus = object('io.k8s.api.core.v1.NodeStatus', {
  capacity: map(quantity()),
  allocatable: map(quantity()),
  phase: NodePhase,
  conditions: mapList(NodeCondition, ['type']),
  addresses: mapList(NodeAddress, ['type']),
  daemonEndpoints: NodeDaemonEndpoints,
  nodeInfo: NodeSystemInfo,
  images: atomicList(ContainerImage),
  volumesInUse: atomicList(string()),
  volumesAttached: atomicList(AttachedVolume),
  config: NodeConfigStatus,
  runtimeHandlers: atomicList(NodeRuntimeHandler),
  features: NodeFeatures,
  declaredFeatures: atomicList(string(), undefined, { gate: 'NodeDeclaredFeatures' }),
});
export interface NodeStatus extends Static<typeof NodeStatus> {}

export const Node = kind('io.k8s.api.core.v1.Node', {
  spec: always(NodeSpec),
  status: NodeStatus,
});
export interface Node extends Static<typeof Node> {}

computeDefaults(NodeStatus, (status) => {
  if (status.allocatable === undefined && status.capacity !== undefined) status.allocatable = { ...status.capacity };
});
