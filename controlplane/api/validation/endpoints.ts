/**
 * Rules for Endpoints. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import { at, type FieldPath } from '#api/fieldPath.ts';
import { looseIpProblems, specialIpProblems } from '#api/ip.ts';
import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset } from '#api/kinds/core/endpoints.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateMetadata } from '#api/validation/metadata.ts';
import { validatePresent } from '#api/validation/paths.ts';

export function validateEndpoints(endpoints: Endpoints): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, endpoints.metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  for (const [i, subset] of (endpoints.subsets ?? []).entries()) validateSubset(problems, subset, at('subsets').index(i));
  return problems.found;
}

function validateSubset(
  problems: Problems,
  { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset,
  place: FieldPath,
): void {
  if (addresses.length === 0 && notReadyAddresses.length === 0) problems.required(place, 'must specify `addresses` or `notReadyAddresses`');
  for (const [i, address] of addresses.entries()) validateAddress(problems, address, place.field('addresses').index(i));
  for (const [i, address] of notReadyAddresses.entries()) validateAddress(problems, address, place.field('notReadyAddresses').index(i));
  for (const [i, port] of ports.entries()) {
    if (ports.length > 1) validatePresent(problems, port.name, place.field('ports').index(i).field('name'));
    validatePort(problems, port, place.field('ports').index(i));
  }
}

function validateAddress(problems: Problems, { ip, hostname = '', nodeName }: EndpointAddress, place: FieldPath): void {
  const broken = looseIpProblems(ip);
  problems.invalidAll(place.field('ip'), ip, broken.length > 0 ? broken : specialIpProblems(ip));
  if (hostname !== '') problems.invalidAll(place.field('hostname'), hostname, dns1123Label(hostname));
  if (nodeName !== undefined) problems.invalidAll(place.field('nodeName'), nodeName, dns1123Subdomain(nodeName));
}

function validatePort(problems: Problems, { name = '', port, appProtocol }: EndpointPort, place: FieldPath): void {
  if (name !== '') problems.invalidAll(place.field('name'), name, dns1123Label(name));
  problems.invalidAll(place.field('port'), port, portNumber(port));
  if (appProtocol !== undefined) problems.invalidAll(place.field('appProtocol'), appProtocol, qualifiedName(appProtocol));
}
