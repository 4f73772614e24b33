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
  namespace: required(string('Namespace of the config map')),
  name: required(string('Name of the config map')),
  uid: string('Identity of the config map'),
  resourceVersion: string('Version of the config map'),
  kubeletConfigKey: required(string('Key with the configuration')),
});
export interface ConfigMapNodeConfigSource extends Static<typeof ConfigMapNodeConfigSource> {}

export const NodeConfigSource = object('io.k8s.api.core.v1.NodeConfigSource', {
  configMap: field(ConfigMapNodeConfigSource, 'A config map'),
});
export interface NodeConfigSource extends Static<typeof NodeConfigSource> {}

export const NodeSpec = object('io.k8s.api.core.v1.NodeSpec', {
  podCIDR: string('Addresses of the pods on the node'),
  podCIDRs: list(string(), 'Addresses of the pods, one range for each IP family', { listType: 'set', patchStrategy: 'merge' }),
  providerID: string('Id of the machine at its provider'),
  unschedulable: boolean('No new pods come here'),
  taints: atomicList(Taint, 'Keep pods away'),
  configSource: field(NodeConfigSource, 'No longer used'),
  externalID: string('No longer used'),
});
export interface NodeSpec extends Static<typeof NodeSpec> {}

export const DaemonEndpoint = object('io.k8s.api.core.v1.DaemonEndpoint', {
  Port: always(int32('Port')),
});
export interface DaemonEndpoint extends Static<typeof DaemonEndpoint> {}

export const NodeDaemonEndpoints = object('io.k8s.api.core.v1.NodeDaemonEndpoints', {
  kubeletEndpoint: field(DaemonEndpoint, 'Where the kubelet listens'),
});
export interface NodeDaemonEndpoints extends Static<typeof NodeDaemonEndpoints> {}

export const NodeRuntimeHandlerFeatures = object('io.k8s.api.core.v1.NodeRuntimeHandlerFeatures', {
  recursiveReadOnlyMounts: boolean('Whether mounts can be recursively read-only'),
  userNamespaces: boolean('Whether pods can have users of their own'),
});
export interface NodeRuntimeHandlerFeatures extends Static<typeof NodeRuntimeHandlerFeatures> {}

export const NodeRuntimeHandler = object('io.k8s.api.core.v1.NodeRuntimeHandler', {
  name: string('Name of the handler; empty for the default'),
  features: field(NodeRuntimeHandlerFeatures, 'What it can do'),
});
export interface NodeRuntimeHandler extends Static<typeof NodeRuntimeHandler> {}

export const NodeFeatures = object('io.k8s.api.core.v1.NodeFeatures', {
  supplementalGroupsPolicy: boolean('Whether group policies are kept'),
});
export interface NodeFeatures extends Static<typeof NodeFeatures> {}

export const NodeSwapStatus = object('io.k8s.api.core.v1.NodeSwapStatus', {
  capacity: int64('Bytes of swap'),
});
export interface NodeSwapStatus extends Static<typeof NodeSwapStatus> {}

export const NodeSystemInfo = object('io.k8s.api.core.v1.NodeSystemInfo', {
  machineID: always(string('Id of the installation, from /etc/machine-id')),
  systemUUID: always(string('Id of the machine')),
  bootID: always(string('Changes with every boot')),
  kernelVersion: always(string('Version of the kernel')),
  osImage: always(string('Name of the operating system')),
  containerRuntimeVersion: always(string('Name and version of the container runtime')),
  kubeletVersion: always(string('Version of the kubelet')),
  kubeProxyVersion: always(string('No longer filled in')),
  operatingSystem: always(string('linux')),
  architecture: always(string('Such as amd64')),
  swap: field(NodeSwapStatus, 'About swap'),
});
export interface NodeSystemInfo extends Static<typeof NodeSystemInfo> {}

export const NodeConfigStatus = object('io.k8s.api.core.v1.NodeConfigStatus', {
  assigned: field(NodeConfigSource, 'Wanted configuration'),
  active: field(NodeConfigSource, 'Configuration in use'),
  lastKnownGood: field(NodeConfigSource, 'Last one that worked'),
  error: string('What went wrong'),
});
export interface NodeConfigStatus extends Static<typeof NodeConfigStatus> {}

export const AttachedVolume = object('io.k8s.api.core.v1.AttachedVolume', {
  name: always(string('Name of the volume')),
  devicePath: always(string('Where the device is')),
});
export interface AttachedVolume extends Static<typeof AttachedVolume> {}

export const ContainerImage = object('io.k8s.api.core.v1.ContainerImage', {
  names: atomicList(string(), 'Names of the image'),
  sizeBytes: int64('Size of the image'),
});
export interface ContainerImage extends Static<typeof ContainerImage> {}

export const NodePhase = knownTexts(['Pending', 'Running', 'Terminated']);
export type NodePhase = Static<typeof NodePhase>;

export const NodeConditionType = knownTexts(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable']);
export type NodeConditionType = Static<typeof NodeConditionType>;

export const NodeCondition = object('io.k8s.api.core.v1.NodeCondition', {
  type: always(field(NodeConditionType, 'Name of the aspect')),
  status: always(field(ConditionStatus, 'True, False or Unknown')),
  lastHeartbeatTime: time('When it was last reported'),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface NodeCondition extends Static<typeof NodeCondition> {}

export const NodeAddressType = knownTexts(['Hostname', 'InternalIP', 'ExternalIP', 'InternalDNS', 'ExternalDNS']);
export type NodeAddressType = Static<typeof NodeAddressType>;

export const NodeAddress = object('io.k8s.api.core.v1.NodeAddress', {
  type: always(field(NodeAddressType, 'Kind of address')),
  address: always(string('The address')),
});
export interface NodeAddress extends Static<typeof NodeAddress> {}

export const NodeStatus = object('io.k8s.api.core.v1.NodeStatus', {
  capacity: map(quantity(), 'All there is'),
  allocatable: map(quantity(), 'What pods can have'),
  phase: field(NodePhase, 'No longer used'),
  conditions: mapList(NodeCondition, ['type'], 'Newest state of each aspect'),
  addresses: mapList(NodeAddress, ['type'], 'How the node can be reached'),
  daemonEndpoints: field(NodeDaemonEndpoints, 'Where its daemons listen'),
  nodeInfo: field(NodeSystemInfo, 'About the machine'),
  images: atomicList(ContainerImage, 'Images that are there'),
  volumesInUse: atomicList(string(), 'Volumes that are mounted'),
  volumesAttached: atomicList(AttachedVolume, 'Volumes that are attached'),
  config: field(NodeConfigStatus, 'No longer used'),
  runtimeHandlers: atomicList(NodeRuntimeHandler, 'What the runtime can do'),
  features: field(NodeFeatures, 'What the node can do'),
  declaredFeatures: atomicList(string(), 'Features the node says it has', { gate: 'NodeDeclaredFeatures' }),
});
export interface NodeStatus extends Static<typeof NodeStatus> {}

export const Node = kind(
  'io.k8s.api.core.v1.Node',
  {
    spec: always(field(NodeSpec, 'What is wanted')),
    status: field(NodeStatus, 'What was last seen of it; written by the system'),
  },
  'A machine that runs pods.',
);
export interface Node extends Static<typeof Node> {}

computeDefaults(NodeStatus, (status) => {
  if (status.allocatable === undefined && status.capacity !== undefined) status.allocatable = { ...status.capacity };
});
