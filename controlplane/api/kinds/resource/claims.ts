import {
  always,
  anyObject,
  atomicList,
  boolean,
  field,
  int64,
  list,
  map,
  mapList,
  object,
  oneOf,
  quantity,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { NodeSelector } from '#api/kinds/core/scheduling.ts';
import { ObjectMeta, kind } from '#api/kinds/meta/objectMeta.ts';
import { Condition } from '#api/kinds/meta/status.ts';
import { DeviceSelector, DeviceTaintEffect, deviceConfigurationFields } from '#api/kinds/resource/devices.ts';

export const DeviceAllocationMode = oneOf(['ExactCount', 'All']);
export type DeviceAllocationMode = Static<typeof DeviceAllocationMode>;

export const DeviceTolerationOperator = oneOf(['Exists', 'Equal']);
export type DeviceTolerationOperator = Static<typeof DeviceTolerationOperator>;

export const DeviceToleration = object('io.k8s.api.resource.v1.DeviceToleration', {
  key: string(),
  operator: field(DeviceTolerationOperator, undefined, { default: 'Equal' }),
  value: string(),
  effect: DeviceTaintEffect,
  tolerationSeconds: int64(),
});
export interface DeviceToleration extends Static<typeof DeviceToleration> {}

export const CapacityRequirements = object('io.k8s.api.resource.v1.CapacityRequirements', {
  requests: map(quantity()),
});
export interface CapacityRequirements extends Static<typeof CapacityRequirements> {}

export const ExactDeviceRequest = object('io.k8s.api.resource.v1.ExactDeviceRequest', {
  deviceClassName: required(string()),
  selectors: atomicList(DeviceSelector),
  allocationMode: field(DeviceAllocationMode, undefined, { default: 'ExactCount' }),
  count: int64(),
  adminAccess: boolean(undefined, { gate: 'DRAAdminAccess' }),
  tolerations: atomicList(DeviceToleration, 'Taints that are accepted', { gate: 'DRADeviceTaints' }),
  capacity: field(CapacityRequirements, undefined, { gate: 'DRAConsumableCapacity' }),
});
export interface ExactDeviceRequest extends Static<typeof ExactDeviceRequest> {}

export const DeviceSubRequest = object('io.k8s.api.resource.v1.DeviceSubRequest', {
  name: required(string()),
  deviceClassName: required(string()),
  selectors: atomicList(DeviceSelector),
  allocationMode: field(DeviceAllocationMode, undefined, { default: 'ExactCount' }),
  count: int64(),
  tolerations: atomicList(DeviceToleration, 'Taints that are accepted', { gate: 'DRADeviceTaints' }),
  capacity: field(CapacityRequirements, undefined, { gate: 'DRAConsumableCapacity' }),
});
export interface DeviceSubRequest extends Static<typeof DeviceSubRequest> {}

export const DeviceRequest = object('io.k8s.api.resource.v1.DeviceRequest', {
  name: required(string()),
  exactly: ExactDeviceRequest,
  firstAvailable: atomicList(DeviceSubRequest, undefined, { gate: 'DRAPrioritizedList' }),
});
export interface DeviceRequest extends Static<typeof DeviceRequest> {}

export const DeviceConstraint = object('io.k8s.api.resource.v1.DeviceConstraint', {
  requests: atomicList(string()),
  matchAttribute: string(),
  distinctAttribute: string(undefined, { gate: 'DRAConsumableCapacity' }),
});
export interface DeviceConstraint extends Static<typeof DeviceConstraint> {}

export const DeviceClaimConfiguration = object('io.k8s.api.resource.v1.DeviceClaimConfiguration', {
  requests: atomicList(string()),
  ...deviceConfigurationFields,
});
export interface DeviceClaimConfiguration extends Static<typeof DeviceClaimConfiguration> {}

export const DeviceClaim = object('io.k8s.api.resource.v1.DeviceClaim', {
  requests: atomicList(DeviceRequest),
  constraints: atomicList(DeviceConstraint),
  config: atomicList(DeviceClaimConfiguration),
});
export interface DeviceClaim extends Static<typeof DeviceClaim> {}

export const ResourceClaimSpec = object('io.k8s.api.resource.v1.ResourceClaimSpec', {
  devices: DeviceClaim,
});
export interface ResourceClaimSpec extends Static<typeof ResourceClaimSpec> {}

export const ResourceClaimConsumerReference = object('io.k8s.api.resource.v1.ResourceClaimConsumerReference', {
  apiGroup: string(),
  resource: required(string()),
  name: required(string()),
  uid: required(string()),
});
export interface ResourceClaimConsumerReference extends Static<typeof ResourceClaimConsumerReference> {}

export const DeviceRequestAllocationResult = object('io.k8s.api.resource.v1.DeviceRequestAllocationResult', {
  request: required(string()),
  driver: required(string()),
  pool: required(string()),
  device: required(string()),
  adminAccess: boolean(undefined, { gate: 'DRAAdminAccess' }),
  tolerations: atomicList(DeviceToleration, 'Taints that are accepted', { gate: 'DRADeviceTaints' }),
  bindingConditions: atomicList(string(), undefined, { gate: 'DRADeviceBindingConditions' }),
  bindingFailureConditions: atomicList(string(), undefined, { gate: 'DRADeviceBindingConditions' }),
  shareID: string(undefined, { gate: 'DRAConsumableCapacity' }),
  consumedCapacity: map(quantity(), undefined, { gate: 'DRAConsumableCapacity' }),
});
export interface DeviceRequestAllocationResult extends Static<typeof DeviceRequestAllocationResult> {}

export const AllocationConfigSource = oneOf(['FromClass', 'FromClaim']);
export type AllocationConfigSource = Static<typeof AllocationConfigSource>;

export const DeviceAllocationConfiguration = object('io.k8s.api.resource.v1.DeviceAllocationConfiguration', {
  source: required(AllocationConfigSource),
  requests: atomicList(string()),
  ...deviceConfigurationFields,
});
export interface DeviceAllocationConfiguration extends Static<typeof DeviceAllocationConfiguration> {}

export const DeviceAllocationResult = object('io.k8s.api.resource.v1.DeviceAllocationResult', {
  results: atomicList(DeviceRequestAllocationResult),
  config: atomicList(DeviceAllocationConfiguration),
});
export interface DeviceAllocationResult extends Static<typeof DeviceAllocationResult> {}

export const AllocationResult = object('io.k8s.api.resource.v1.AllocationResult', {
  devices: DeviceAllocationResult,
  nodeSelector: field(NodeSelector, 'Labels the node must have'),
  allocationTimestamp: time(undefined, { gate: 'DRADeviceBindingConditions' }),
});
export interface AllocationResult extends Static<typeof AllocationResult> {}

export const NetworkDeviceData = object('io.k8s.api.resource.v1.NetworkDeviceData', {
  interfaceName: string(),
  ips: atomicList(string()),
  hardwareAddress: string(),
});
export interface NetworkDeviceData extends Static<typeof NetworkDeviceData> {}

export const AllocatedDeviceStatus = object('io.k8s.api.resource.v1.AllocatedDeviceStatus', {
  driver: always(string()),
  pool: always(string()),
  device: always(string()),
  shareID: string(undefined, { gate: 'DRAConsumableCapacity' }),
  conditions: list(Condition, 'Newest state of each aspect', { listType: 'map', mapKeys: ['type'] }),
  data: anyObject(),
  networkData: NetworkDeviceData,
});
export interface AllocatedDeviceStatus extends Static<typeof AllocatedDeviceStatus> {}

export const ResourceClaimStatus = object('io.k8s.api.resource.v1.ResourceClaimStatus', {
  allocation: AllocationResult,
  reservedFor: mapList(ResourceClaimConsumerReference, ['uid']),
  devices: list(AllocatedDeviceStatus, undefined, {
    listType: 'map',
    mapKeys: ['driver', 'device', 'pool', 'shareID'],
    gate: 'DRAResourceClaimDeviceStatus',
  }),
});
export interface ResourceClaimStatus extends Static<typeof ResourceClaimStatus> {}

export const ResourceClaim = kind('io.k8s.api.resource.v1.ResourceClaim', {
  spec: always(field(ResourceClaimSpec, 'What is wanted')),
  status: field(ResourceClaimStatus, 'What was last seen of it; written by the system'),
});
export interface ResourceClaim extends Static<typeof ResourceClaim> {}

export const ResourceClaimTemplateSpec = object('io.k8s.api.resource.v1.ResourceClaimTemplateSpec', {
  metadata: ObjectMeta,
  spec: required(field(ResourceClaimSpec, 'What is wanted')),
});
export interface ResourceClaimTemplateSpec extends Static<typeof ResourceClaimTemplateSpec> {}

export const ResourceClaimTemplate = kind('io.k8s.api.resource.v1.ResourceClaimTemplate', {
  spec: always(field(ResourceClaimTemplateSpec, 'What is wanted')),
});
export interface ResourceClaimTemplate extends Static<typeof ResourceClaimTemplate> {}

computeDefaults(ExactDeviceRequest, (request) => {
  if (request.allocationMode === 'ExactCount' && (request.count ?? 0) === 0) request.count = 1;
});
computeDefaults(DeviceSubRequest, (request) => {
  if (request.allocationMode === 'ExactCount' && (request.count ?? 0) === 0) request.count = 1;
});
