import { always, atomicList, field, mapList, object, required, string, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { Condition } from '#api/kinds/meta/status.ts';

export const ParentReference = object('io.k8s.api.networking.v1.ParentReference', {
  group: string('Group of the kind'),
  resource: required(string('Name of the resource')),
  namespace: string('Namespace of the object'),
  name: required(string('Name of the object')),
});
export interface ParentReference extends Static<typeof ParentReference> {}

export const IPAddressSpec = object('io.k8s.api.networking.v1.IPAddressSpec', {
  parentRef: required(field(ParentReference, 'Who uses the address')),
});
export interface IPAddressSpec extends Static<typeof IPAddressSpec> {}

export const IPAddress = kind(
  'io.k8s.api.networking.v1.IPAddress',
  {
    spec: always(field(IPAddressSpec, 'What is wanted')),
  },
  'An address of a service.',
);
export interface IPAddress extends Static<typeof IPAddress> {}

export const ServiceCIDRSpec = object('io.k8s.api.networking.v1.ServiceCIDRSpec', {
  cidrs: atomicList(string(), 'Addresses for services, one range for each IP family'),
});
export interface ServiceCIDRSpec extends Static<typeof ServiceCIDRSpec> {}

export const ServiceCIDRStatus = object('io.k8s.api.networking.v1.ServiceCIDRStatus', {
  conditions: mapList(Condition, ['type'], 'Newest state of each aspect'),
});
export interface ServiceCIDRStatus extends Static<typeof ServiceCIDRStatus> {}

export const ServiceCIDR = kind(
  'io.k8s.api.networking.v1.ServiceCIDR',
  {
    spec: always(field(ServiceCIDRSpec, 'What is wanted')),
    status: field(ServiceCIDRStatus, 'What was last seen of it; written by the system'),
  },
  'A range of addresses for services.',
);
export interface ServiceCIDR extends Static<typeof ServiceCIDR> {}
