import { atomicList, boolean, field, int32, list, map, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { ObjectReference, Protocol } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const AddressType = oneOf(['IPv4', 'IPv6', 'FQDN']);
export type AddressType = Static<typeof AddressType>;

export const EndpointConditions = object('io.k8s.api.discovery.v1.EndpointConditions', {
  ready: boolean(),
  serving: boolean(),
  terminating: boolean(),
});
export interface EndpointConditions extends Static<typeof EndpointConditions> {}

export const ForZone = object('io.k8s.api.discovery.v1.ForZone', {
  name: required(string()),
});
export interface ForZone extends Static<typeof ForZone> {}

export const ForNode = object('io.k8s.api.discovery.v1.ForNode', {
  name: required(string()),
});
export interface ForNode extends Static<typeof ForNode> {}

export const EndpointHints = object('io.k8s.api.discovery.v1.EndpointHints', {
  forZones: atomicList(ForZone),
  forNodes: atomicList(ForNode),
});
export interface EndpointHints extends Static<typeof EndpointHints> {}

export const Endpoint = object('io.k8s.api.discovery.v1.Endpoint', {
  addresses: required(list(string(), undefined, { listType: 'set' })),
  conditions: EndpointConditions,
  hostname: string(),
  targetRef: ObjectReference,
  deprecatedTopology: map(string()),
  nodeName: string(),
  zone: string(),
  hints: EndpointHints,
});
export interface Endpoint extends Static<typeof Endpoint> {}

export const EndpointPort = object(
  'io.k8s.api.discovery.v1.EndpointPort',
  {
    name: string(undefined, { default: '' }),
    protocol: field(Protocol, undefined, { default: 'TCP' }),
    port: int32(),
    appProtocol: string(),
  },
  { mapType: 'atomic' },
);
export interface EndpointPort extends Static<typeof EndpointPort> {}

export const EndpointSlice = kind('io.k8s.api.discovery.v1.EndpointSlice', {
  addressType: required(AddressType),
  endpoints: atomicList(Endpoint),
  ports: atomicList(EndpointPort),
});
export interface EndpointSlice extends Static<typeof EndpointSlice> {}
