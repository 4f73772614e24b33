import { atomicList, field, int32, object, required, string, type Static } from '#api/schema.ts';
import { ObjectReference, Protocol } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const EndpointAddress = object(
  'io.k8s.api.core.v1.EndpointAddress',
  {
    ip: required(string()),
    hostname: string(),
    nodeName: string(),
    targetRef: ObjectReference,
  },
  { mapType: 'atomic' },
);
export interface EndpointAddress extends Static<typeof EndpointAddress> {}

export const EndpointPort = object(
  'io.k8s.api.core.v1.EndpointPort',
  {
    name: string(),
    port: required(int32()),
    protocol: field(Protocol, undefined, { default: 'TCP' }),
    appProtocol: string(),
  },
  { mapType: 'atomic' },
);
export interface EndpointPort extends Static<typeof EndpointPort> {}

export const EndpointSubset = object('io.k8s.api.core.v1.EndpointSubset', {
  addresses: atomicList(EndpointAddress),
  notReadyAddresses: atomicList(EndpointAddress),
  ports: atomicList(EndpointPort),
});
export interface EndpointSubset extends Static<typeof EndpointSubset> {}

export const Endpoints = kind('io.k8s.api.core.v1.Endpoints', {
  subsets: atomicList(EndpointSubset),
});
export interface Endpoints extends Static<typeof Endpoints> {}
