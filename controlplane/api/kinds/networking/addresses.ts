import { always, atomicList, mapList, object, required, string, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { Condition } from '#api/kinds/meta/status.ts';

export const ParentReference = object('io.k8s.api.networking.v1.ParentReference', {
  group: string(),
  resource: required(string()),
  namespace: string(),
  name: required(string()),
});
export interface ParentReference extends Static<typeof ParentReference> {}

export const IPAddressSpec = object('io.k8s.api.networking.v1.IPAddressSpec', {
  parentRef: required(ParentReference),
});
export interface IPAddressSpec extends Static<typeof IPAddressSpec> {}

export const IPAddress = kind('io.k8s.api.networking.v1.IPAddress', {
  spec: always(IPAddressSpec),
});
export interface IPAddress extends Static<typeof IPAddress> {}

export const ServiceCIDRSpec = object('io.k8s.api.networking.v1.ServiceCIDRSpec', {
  cidrs: atomicList(string()),
});
export interface ServiceCIDRSpec extends Static<typeof ServiceCIDRSpec> {}

export const ServiceCIDRStatus = object('io.k8s.api.networking.v1.ServiceCIDRStatus', {
  conditions: mapList(Condition, ['type']),
});
export interface ServiceCIDRStatus extends Static<typeof ServiceCIDRStatus> {}

export const ServiceCIDR = kind('io.k8s.api.networking.v1.ServiceCIDR', {
  spec: always(ServiceCIDRSpec),
  status: ServiceCIDRStatus,
});
export interface ServiceCIDR extends Static<typeof ServiceCIDR> {}
