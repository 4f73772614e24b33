import { atomicList, boolean, field, int32, list, map, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { ObjectReference, Protocol } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const AddressType = oneOf(['IPv4', 'IPv6', 'FQDN']);
export type AddressType = Static<typeof AddressType>;

export const EndpointConditions = object('io.k8s.api.discovery.v1.EndpointConditions', {
  ready: boolean('May get new traffic'),
  serving: boolean('Works, even while it ends'),
  terminating: boolean('Is about to end'),
});
export interface EndpointConditions extends Static<typeof EndpointConditions> {}

export const ForZone = object('io.k8s.api.discovery.v1.ForZone', {
  name: required(string('Name of the zone')),
});
export interface ForZone extends Static<typeof ForZone> {}

export const ForNode = object('io.k8s.api.discovery.v1.ForNode', {
  name: required(string('Name of the node')),
});
export interface ForNode extends Static<typeof ForNode> {}

export const EndpointHints = object('io.k8s.api.discovery.v1.EndpointHints', {
  forZones: atomicList(ForZone, 'Zones that should use it'),
  forNodes: atomicList(ForNode, 'Nodes that should use it'),
});
export interface EndpointHints extends Static<typeof EndpointHints> {}

export const Endpoint = object('io.k8s.api.discovery.v1.Endpoint', {
  addresses: required(list(string(), 'Addresses of one endpoint', { listType: 'set' })),
  conditions: field(EndpointConditions, 'State of the endpoint'),
  hostname: string('Name of the endpoint'),
  targetRef: field(ObjectReference, 'Pod behind it'),
  deprecatedTopology: map(string(), 'Labels of the old version'),
  nodeName: string('Node it is on'),
  zone: string('Zone it is in'),
  hints: field(EndpointHints, 'Who should use it'),
});
export interface Endpoint extends Static<typeof Endpoint> {}

export const EndpointPort = object(
  'io.k8s.api.discovery.v1.EndpointPort',
  {
    name: string('Name of the port in the service', { default: '' }),
    protocol: field(Protocol, 'TCP, UDP or SCTP', { default: 'TCP' }),
    port: int32('Number of the port'),
    appProtocol: string('Protocol above'),
  },
  { mapType: 'atomic' },
);
export interface EndpointPort extends Static<typeof EndpointPort> {}

export const EndpointSlice = kind(
  'io.k8s.api.discovery.v1.EndpointSlice',
  {
    addressType: required(field(AddressType, 'Kind of the addresses')),
    endpoints: atomicList(Endpoint, 'Endpoints, 1,000 at most'),
    ports: atomicList(EndpointPort, 'Ports of all these endpoints'),
  },
  'A part of the addresses behind a service.',
);
export interface EndpointSlice extends Static<typeof EndpointSlice> {}
