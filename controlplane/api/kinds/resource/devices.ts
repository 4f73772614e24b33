import {
  always,
  anyObject,
  atomicList,
  boolean,
  field,
  int64,
  map,
  object,
  oneOf,
  quantity,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { NodeSelector } from '#api/kinds/core/scheduling.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const DeviceAttribute = object('io.k8s.api.resource.v1.DeviceAttribute', {
  int: int64(),
  bool: boolean(),
  string: string(),
  version: string(),
  ints: atomicList(int64(), undefined, { gate: 'DRAListTypeAttributes' }),
  bools: atomicList(boolean(), undefined, { gate: 'DRAListTypeAttributes' }),
  strings: atomicList(string(), undefined, { gate: 'DRAListTypeAttributes' }),
  versions: atomicList(string(), undefined, { gate: 'DRAListTypeAttributes' }),
});
export interface DeviceAttribute extends Static<typeof DeviceAttribute> {}

export const CapacityRequestPolicyRange = object('io.k8s.api.resource.v1.CapacityRequestPolicyRange', {
  min: required(quantity()),
  max: quantity(),
  step: quantity(),
});
export interface CapacityRequestPolicyRange extends Static<typeof CapacityRequestPolicyRange> {}

export const CapacityRequestPolicy = object('io.k8s.api.resource.v1.CapacityRequestPolicy', {
  default: quantity(),
  validValues: atomicList(quantity()),
  validRange: CapacityRequestPolicyRange,
});
export interface CapacityRequestPolicy extends Static<typeof CapacityRequestPolicy> {}

export const DeviceCapacity = object('io.k8s.api.resource.v1.DeviceCapacity', {
  value: required(quantity()),
  requestPolicy: field(CapacityRequestPolicy, undefined, { gate: 'DRAConsumableCapacity' }),
});
export interface DeviceCapacity extends Static<typeof DeviceCapacity> {}

export const Counter = object('io.k8s.api.resource.v1.Counter', {
  value: required(quantity()),
});
export interface Counter extends Static<typeof Counter> {}

export const CounterSet = object('io.k8s.api.resource.v1.CounterSet', {
  name: required(string()),
  counters: required(map(Counter)),
});
export interface CounterSet extends Static<typeof CounterSet> {}

export const DeviceCounterConsumption = object('io.k8s.api.resource.v1.DeviceCounterConsumption', {
  counterSet: required(string()),
  counters: required(map(Counter)),
});
export interface DeviceCounterConsumption extends Static<typeof DeviceCounterConsumption> {}

export const DeviceTaintEffect = oneOf(['None', 'NoSchedule', 'NoExecute']);
export type DeviceTaintEffect = Static<typeof DeviceTaintEffect>;

export const DeviceTaint = object('io.k8s.api.resource.v1.DeviceTaint', {
  key: required(string()),
  value: string(),
  effect: required(DeviceTaintEffect),
  timeAdded: time(),
});
export interface DeviceTaint extends Static<typeof DeviceTaint> {}

export const NodeAllocatableResourceMapping = object('io.k8s.api.resource.v1.NodeAllocatableResourceMapping', {
  capacityKey: string(),
  allocationMultiplier: quantity(),
});
export interface NodeAllocatableResourceMapping extends Static<typeof NodeAllocatableResourceMapping> {}

export const Device = object('io.k8s.api.resource.v1.Device', {
  name: required(string()),
  attributes: map(DeviceAttribute),
  capacity: map(DeviceCapacity),
  consumesCounters: atomicList(DeviceCounterConsumption, undefined, { gate: 'DRAPartitionableDevices' }),
  nodeName: string(undefined, { gate: 'DRAPartitionableDevices' }),
  nodeSelector: field(NodeSelector, 'Labels the node must have', { gate: 'DRAPartitionableDevices' }),
  allNodes: boolean(undefined, { gate: 'DRAPartitionableDevices' }),
  taints: atomicList(DeviceTaint, undefined, { gate: 'DRADeviceTaints' }),
  bindsToNode: boolean(undefined, { gate: 'DRADeviceBindingConditions' }),
  bindingConditions: atomicList(string(), undefined, { gate: 'DRADeviceBindingConditions' }),
  bindingFailureConditions: atomicList(string(), undefined, { gate: 'DRADeviceBindingConditions' }),
  allowMultipleAllocations: boolean(undefined, { gate: 'DRAConsumableCapacity' }),
  nodeAllocatableResourceMappings: map(NodeAllocatableResourceMapping, undefined, { gate: 'DRANodeAllocatableResources' }),
});
export interface Device extends Static<typeof Device> {}

export const ResourcePool = object('io.k8s.api.resource.v1.ResourcePool', {
  name: required(string()),
  generation: required(int64()),
  resourceSliceCount: required(int64()),
});
export interface ResourcePool extends Static<typeof ResourcePool> {}

export const ResourceSliceSpec = object('io.k8s.api.resource.v1.ResourceSliceSpec', {
  driver: required(string()),
  pool: required(ResourcePool),
  nodeName: string(),
  nodeSelector: field(NodeSelector, 'Labels the node must have'),
  allNodes: boolean(),
  devices: atomicList(Device),
  perDeviceNodeSelection: boolean(undefined, { gate: 'DRAPartitionableDevices' }),
  sharedCounters: atomicList(CounterSet, undefined, { gate: 'DRAPartitionableDevices' }),
});
export interface ResourceSliceSpec extends Static<typeof ResourceSliceSpec> {}

export const ResourceSlice = kind('io.k8s.api.resource.v1.ResourceSlice', {
  spec: always(field(ResourceSliceSpec, 'What is wanted')),
});
export interface ResourceSlice extends Static<typeof ResourceSlice> {}

export const CELDeviceSelector = object('io.k8s.api.resource.v1.CELDeviceSelector', {
  expression: required(string()),
});
export interface CELDeviceSelector extends Static<typeof CELDeviceSelector> {}

export const DeviceSelector = object('io.k8s.api.resource.v1.DeviceSelector', {
  cel: CELDeviceSelector,
});
export interface DeviceSelector extends Static<typeof DeviceSelector> {}

export const OpaqueDeviceConfiguration = object('io.k8s.api.resource.v1.OpaqueDeviceConfiguration', {
  driver: required(string()),
  parameters: required(anyObject()),
});
export interface OpaqueDeviceConfiguration extends Static<typeof OpaqueDeviceConfiguration> {}

export const deviceConfigurationFields = {
  opaque: OpaqueDeviceConfiguration,
};

export const DeviceClassConfiguration = object('io.k8s.api.resource.v1.DeviceClassConfiguration', {
  ...deviceConfigurationFields,
});
export interface DeviceClassConfiguration extends Static<typeof DeviceClassConfiguration> {}

export const DeviceClassSpec = object('io.k8s.api.resource.v1.DeviceClassSpec', {
  selectors: atomicList(DeviceSelector),
  config: atomicList(DeviceClassConfiguration),
  extendedResourceName: string(undefined, { gate: 'DRAExtendedResource' }),
});
export interface DeviceClassSpec extends Static<typeof DeviceClassSpec> {}

export const DeviceClass = kind('io.k8s.api.resource.v1.DeviceClass', {
  spec: always(field(DeviceClassSpec, 'What is wanted')),
});
export interface DeviceClass extends Static<typeof DeviceClass> {}
