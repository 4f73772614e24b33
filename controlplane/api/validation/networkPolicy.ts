/** Rules for network policies, and for the addresses of services. Pure. Source: texts of the networking validation of Kubernetes 1.36. */
import { at, type FieldPath } from '#api/fieldPath.ts';
import { contains, cidrProblems, parseCidr, parseIp } from '#api/ip.ts';
import type { IPAddress, ServiceCIDR } from '#api/kinds/networking/addresses.ts';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '#api/kinds/networking/networkPolicy.ts';
import { dns1123Subdomain, pathSegmentName, portName, portNumber } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateLabelSelector, validateMetadata } from '#api/validation/metadata.ts';
import { validatePresent } from '#api/validation/paths.ts';

const SPEC = at('spec');

export function validateNetworkPolicy({ metadata, spec }: NetworkPolicy): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  validateLabelSelector(problems, spec.podSelector, SPEC.field('podSelector'));
  for (const [i, { ports = [], from = [] }] of (spec.ingress ?? []).entries()) {
    validateTraffic(problems, { ports, peers: from, side: 'from' }, SPEC.field('ingress').index(i));
  }
  for (const [i, { ports = [], to = [] }] of (spec.egress ?? []).entries()) {
    validateTraffic(problems, { ports, peers: to, side: 'to' }, SPEC.field('egress').index(i));
  }
  if ((spec.policyTypes ?? []).length > 2) {
    problems.invalid(SPEC.field('policyTypes'), spec.policyTypes, 'may not specify more than two policyTypes');
  }
  return problems.found;
}

interface Traffic {
  readonly ports: readonly NetworkPolicyPort[];
  readonly peers: readonly NetworkPolicyPeer[];
  readonly side: 'from' | 'to';
}

function validateTraffic(problems: Problems, { ports, peers, side }: Traffic, place: FieldPath): void {
  for (const [i, port] of ports.entries()) validatePolicyPort(problems, port, place.field('ports').index(i));
  for (const [i, peer] of peers.entries()) validatePeer(problems, peer, place.field(side).index(i));
}

function validatePolicyPort(problems: Problems, { port, endPort }: NetworkPolicyPort, place: FieldPath): void {
  const [begin, end] = [place.field('port'), place.field('endPort')];
  if (port === undefined) {
    if (endPort !== undefined) problems.invalid(end, endPort, 'may not be specified when `port` is not specified');
  } else if (typeof port === 'string') {
    if (endPort !== undefined) problems.invalid(end, endPort, 'may not be specified when `port` is non-numeric');
    problems.invalidAll(begin, port, portName(port));
  } else {
    problems.invalidAll(begin, port, portNumber(port));
    if (endPort === undefined) return;
    if (endPort < port) problems.invalid(end, port, 'must be greater than or equal to `port`');
    problems.invalidAll(end, endPort, portNumber(endPort));
  }
}

function validatePeer(problems: Problems, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, place: FieldPath): void {
  validateLabelSelector(problems, podSelector, place.field('podSelector'));
  validateLabelSelector(problems, namespaceSelector, place.field('namespaceSelector'));
  if (ipBlock !== undefined) validateBlock(problems, ipBlock, place.field('ipBlock'));
  const selects = podSelector !== undefined || namespaceSelector !== undefined;
  if (!selects && ipBlock === undefined) problems.required(place, 'must specify a peer');
  else if (selects && ipBlock !== undefined) problems.forbidden(place, 'may not specify both ipBlock and another peer');
}

function validateBlock(problems: Problems, { cidr, except = [] }: IPBlock, place: FieldPath): void {
  if (!validatePresent(problems, cidr, place.field('cidr'))) return;
  problems.invalidAll(place.field('cidr'), cidr, cidrProblems(cidr));
  const whole = parseCidr(cidr);
  for (const [i, text] of except.entries()) {
    const at = place.field('except').index(i);
    problems.invalidAll(at, text, cidrProblems(text));
    const part = parseCidr(text);
    if (whole === undefined || part === undefined) continue;
    if (!contains(whole, part.ip) || part.prefix <= whole.prefix) problems.invalid(at, text, 'must be a strict subset of `cidr`');
  }
}

export function validateIpAddress({ metadata, spec }: IPAddress): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: false, name: canonicalAddress });
  const parent = spec?.parentRef;
  const place = SPEC.field('parentRef');
  if (parent === undefined) {
    problems.required(place);
    return problems.found;
  }
  if ((parent.group ?? '') !== '') problems.invalidAll(place.field('group'), parent.group, dns1123Subdomain(parent.group ?? ''));
  if (validatePresent(problems, parent.resource, place.field('resource')))
    problems.invalidAll(place.field('resource'), parent.resource, pathSegmentName(parent.resource));
  if (validatePresent(problems, parent.name, place.field('name')))
    problems.invalidAll(place.field('name'), parent.name, pathSegmentName(parent.name));
  if ((parent.namespace ?? '') !== '')
    problems.invalidAll(place.field('namespace'), parent.namespace, pathSegmentName(parent.namespace ?? ''));
  return problems.found;
}

function canonicalAddress(name: string): readonly string[] {
  const ip = parseIp(name);
  if (ip === undefined) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  return ip.canonical === name ? [] : [`must be in canonical form (${JSON.stringify(ip.canonical)})`];
}

export function validateServiceCidr({ metadata, spec }: ServiceCIDR): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: false, name: dns1123Subdomain });
  const place = SPEC.field('cidrs');
  const cidrs = spec?.cidrs ?? [];
  if (cidrs.length === 0) problems.required(place, 'at least one CIDR required');
  if (cidrs.length > 2) problems.invalid(place, spec, 'may only hold up to 2 values');
  const [first, second] = cidrs.map((cidr) => parseCidr(cidr)?.ip.family);
  if (cidrs.length === 2 && first !== undefined && first === second) {
    problems.invalid(place, spec, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96');
  }
  for (const [i, cidr] of cidrs.entries()) problems.invalidAll(place.index(i), cidr, cidrProblems(cidr));
  return problems.found;
}
