/**
 * Rules for an EndpointSlice. Pure.
 * Source: texts of the discovery validation of Kubernetes 1.36.
 */
import { at, type FieldPath } from '#api/fieldPath.ts';
import { looseIpProblems, parseIp, specialIpProblems } from '#api/ip.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { dns1123Label, dns1123Subdomain, outsideRange, portNumber, qualifiedName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateLabels, validateMetadata } from '#api/validation/metadata.ts';

const MOST_ENDPOINTS = 1_000;
const MOST_ADDRESSES = 100;
/** Upstream's documentation still says 100; the limit was raised to what a service can have. */
const MOST_PORTS = 20_000;
const MOST_TOPOLOGY_LABELS = 16;
const MOST_ZONE_HINTS = 8;

export function validateEndpointSlice(slice: EndpointSlice): readonly Problem[] {
  const problems = new Problems();
  const { endpoints = [], ports = [], addressType } = slice;
  validateMetadata(problems, slice.metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  if (endpoints.length > MOST_ENDPOINTS) problems.tooMany(at('endpoints'), endpoints.length, MOST_ENDPOINTS);
  else for (const [i, endpoint] of endpoints.entries()) validateEndpoint(problems, { endpoint, addressType }, at('endpoints').index(i));
  if (ports.length > MOST_PORTS) problems.tooMany(at('ports'), ports.length, MOST_PORTS);
  else validatePorts(problems, ports);
  return problems.found;
}

interface Typed {
  readonly endpoint: Endpoint;
  readonly addressType: EndpointSlice['addressType'];
}

function validateEndpoint(problems: Problems, { endpoint, addressType }: Typed, place: FieldPath): void {
  const { addresses, hostname, nodeName, deprecatedTopology = {}, hints } = endpoint;
  const list = place.field('addresses');
  if (addresses.length === 0) problems.required(list, 'must contain at least 1 address');
  else if (addresses.length > MOST_ADDRESSES) problems.tooMany(list, addresses.length, MOST_ADDRESSES);
  for (const [i, address] of addresses.entries()) problems.invalidAll(list.index(i), address, addressProblems(address, addressType));
  if (hostname !== undefined) problems.invalidAll(place.field('hostname'), hostname, dns1123Label(hostname));
  if (nodeName !== undefined) problems.invalidAll(place.field('nodeName'), nodeName, dns1123Subdomain(nodeName));
  const topology = place.field('deprecatedTopology');
  const labels = Object.keys(deprecatedTopology).length;
  if (labels > MOST_TOPOLOGY_LABELS) problems.tooMany(topology, labels, MOST_TOPOLOGY_LABELS);
  validateLabels(problems, deprecatedTopology, topology);
  if (hints !== undefined) validateHints(problems, hints, place.field('hints'));
}

function addressProblems(address: string, type: EndpointSlice['addressType']): readonly string[] {
  if (type === 'FQDN') return dns1123Subdomain(address.replace(/\.$/, ''));
  const broken = looseIpProblems(address);
  if (broken.length > 0) return broken;
  if (parseIp(address)?.family !== type) return [`must be an ${type} address`];
  return specialIpProblems(address);
}

function validateHints(problems: Problems, { forZones = [], forNodes = [] }: NonNullable<Endpoint['hints']>, place: FieldPath): void {
  const named = [
    ['forZones', forZones, qualifiedName],
    ['forNodes', forNodes, dns1123Subdomain],
  ] as const;
  for (const [field, list, check] of named) {
    if (list.length > MOST_ZONE_HINTS) problems.tooMany(place.field(field), list.length, MOST_ZONE_HINTS);
    for (const [i, { name }] of list.entries()) {
      if (list.findIndex((other) => other.name === name) !== i) problems.duplicate(place.field(field).index(i), name);
      problems.invalidAll(place.field(field).index(i).field('name'), name, check(name));
    }
  }
}

function validatePorts(problems: Problems, ports: readonly EndpointPort[]): void {
  const names = new Set<string>();
  for (const [i, { name = '', port, appProtocol }] of ports.entries()) {
    const place = at('ports').index(i);
    if (name !== '') problems.invalidAll(place.field('name'), name, dns1123Label(name));
    if (names.has(name)) problems.duplicate(place.field('name'), name);
    names.add(name);
    // 0 means all ports, and is refused; leaving the port out is the way to say so.
    if (port !== undefined && portNumber(port).length > 0) problems.invalid(place.field('port'), port, outsideRange(1, 65_535));
    if (appProtocol !== undefined) problems.invalidAll(place.field('appProtocol'), appProtocol, qualifiedName(appProtocol));
  }
}
