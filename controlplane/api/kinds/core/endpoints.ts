import { atomicList, field, int32, object, required, string, type Static } from '#api/schema.ts';
import { ObjectReference, Protocol } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const EndpointAddress = object(
  'io.k8s.api.core.v1.EndpointAddress',
  {
    ip: required(string('Address of the endpoint')),
    hostname: string('Name of the endpoint'),
    nodeName: string('Node it is on'),
    targetRef: field(ObjectReference, 'Pod behind it'),
  },
  { mapType: 'atomic' },
);
export interface EndpointAddress extends Static<typeof EndpointAddress> {}

export const EndpointPort = object(
  'io.k8s.api.core.v1.EndpointPort',
  {
    name: string('Name of the port in the service'),
    port: required(int32('Number of the port')),
    protocol: field(Protocol, 'TCP, UDP or SCTP', { default: 'TCP' }),
    appProtocol: string('Protocol above'),
  },
  { mapType: 'atomic' },
);
export interface EndpointPort extends Static<typeof EndpointPort> {}

export const EndpointSubset = object('io.k8s.api.core.v1.EndpointSubset', {
  addresses: atomicList(EndpointAddress, 'Addresses that are ready'),
  notReadyAddresses: atomicList(EndpointAddress, 'Addresses that are not ready'),
  ports: atomicList(EndpointPort, 'Ports of all these addresses'),
});
export interface EndpointSubset extends Static<typeof EndpointSubset> {}

export const Endpoints = kind(
  'io.k8s.api.core.v1.Endpoints',
  {
    subsets: atomicList(EndpointSubset, 'Addresses that share their ports'),
  },
  'Addresses behind a service; the old form of EndpointSlice.',
);
export interface Endpoints extends Static<typeof Endpoints> {}
