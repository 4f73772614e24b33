/**
 * Rules for a Service. Pure. The service has its defaults; cluster IPs and node ports may not have been given out yet.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import { at, type FieldPath } from '#api/fieldPath.ts';
import { cidrProblems, looseIpProblems, parseIp, specialIpProblems } from '#api/ip.ts';
import type { Service, ServicePort, ServiceSpec } from '#api/kinds/core/service.ts';
import { dns1035Label, dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateLabels, validateMetadata } from '#api/validation/metadata.ts';
import { validatePort, validatePresent } from '#api/validation/paths.ts';

const SPEC = at('spec');
const PORTS = SPEC.field('ports');
/** One day. */
const LONGEST_AFFINITY_SECONDS = 86_400;

export const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None';

export function validateService(service: Service): readonly Problem[] {
  const problems = new Problems();
  const { spec } = service;
  validateMetadata(problems, service.metadata, at('metadata'), { namespaced: true, name: dns1035Label });
  validateType(problems, spec);
  validatePorts(problems, spec);
  validateLabels(problems, spec.selector, SPEC.field('selector'));
  validateAffinity(problems, spec);
  if (spec.type !== 'ExternalName') validateClusterIps(problems, spec);
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const broken = looseIpProblems(ip);
    problems.invalidAll(SPEC.field('externalIPs').index(i), ip, broken.length > 0 ? broken : specialIpProblems(ip));
  }
  validateLoadBalancer(problems, spec);
  validateTraffic(problems, spec);
  return problems.found;
}

function validateType(problems: Problems, spec: ServiceSpec): void {
  const headless = isHeadless(spec);
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== 'ExternalName') problems.required(PORTS);
  if (headless && (spec.type === 'LoadBalancer' || spec.type === 'NodePort')) {
    problems.invalid(SPEC.field('clusterIPs').index(0), 'None', `may not be set to 'None' for ${spec.type} services`);
  }
  if (spec.type !== 'ExternalName') return;
  for (const name of ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) {
    const value = spec[name];
    const isSet = (value ?? '').length > 0 || (name === 'clusterIPs' && (spec.clusterIP ?? '') !== '');
    if (isSet) problems.forbidden(SPEC.field(name), 'may not be set for ExternalName services');
  }
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (validatePresent(problems, name, SPEC.field('externalName')))
    problems.invalidAll(SPEC.field('externalName'), name, dns1123Subdomain(name));
}

function validatePorts(problems: Problems, { ports = [], type }: ServiceSpec): void {
  const names = new Set<string>();
  const nodePorts = new Set<string>();
  const pairs = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const place = PORTS.index(i);
    validateServicePort(problems, port, place, names);
    if (ports.length > 1) validatePresent(problems, port.name, place.field('name'));
    const { protocol = 'TCP', nodePort = 0 } = port;
    if (nodePort !== 0) {
      problems.invalidAll(place.field('nodePort'), nodePort, portNumber(nodePort));
      if (type === 'ClusterIP') problems.forbidden(place.field('nodePort'), "may not be used when `type` is 'ClusterIP'");
      if (nodePorts.has(`${protocol}/${nodePort}`)) problems.duplicate(place.field('nodePort'), nodePort);
      nodePorts.add(`${protocol}/${nodePort}`);
    }
    if (pairs.has(`${protocol}/${port.port}`)) problems.duplicate(place, { protocol, port: port.port });
    pairs.add(`${protocol}/${port.port}`);
  }
}

function validateServicePort(problems: Problems, port: ServicePort, place: FieldPath, names: Set<string>): void {
  const { name = '', appProtocol } = port;
  if (name !== '') {
    problems.invalidAll(place.field('name'), name, dns1123Label(name));
    if (names.has(name)) problems.duplicate(place.field('name'), name);
    names.add(name);
  }
  problems.invalidAll(place.field('port'), port.port, portNumber(port.port));
  if (port.targetPort !== undefined) validatePort(problems, port.targetPort, place.field('targetPort'));
  if (appProtocol !== undefined) problems.invalidAll(place.field('appProtocol'), appProtocol, qualifiedName(appProtocol));
}

function validateAffinity(problems: Problems, { sessionAffinity, sessionAffinityConfig }: ServiceSpec): void {
  const place = SPEC.field('sessionAffinityConfig');
  if (sessionAffinity === 'None' && sessionAffinityConfig !== undefined) {
    problems.forbidden(place, 'must not be set when session affinity is None');
  }
  if (sessionAffinity !== 'ClientIP') return;
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds === undefined) problems.required(place.field('clientIP').field('timeoutSeconds'), 'when session affinity type is ClientIP');
  else if (seconds <= 0 || seconds > LONGEST_AFFINITY_SECONDS) {
    const detail = `must be greater than 0 and less than ${LONGEST_AFFINITY_SECONDS}`;
    problems.invalid(place.field('clientIP').field('timeoutSeconds'), seconds, detail);
  }
}

function validateClusterIps(problems: Problems, spec: ServiceSpec): void {
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const place = SPEC.field('clusterIPs');
  if (clusterIP !== '' && clusterIPs.length > 0 && clusterIPs[0] !== clusterIP)
    problems.invalid(place, clusterIPs, 'first value must match `clusterIP`');
  if (clusterIP === '' && clusterIPs.length > 0) problems.invalid(place, clusterIPs, 'must be empty when `clusterIP` is not specified');
  if (clusterIP !== '' && clusterIP !== 'None' && clusterIPs.length === 0) {
    problems.invalidAll(SPEC.field('clusterIP'), clusterIP, looseIpProblems(clusterIP));
  }
  for (const [i, family] of ipFamilies.entries()) {
    if (ipFamilies.indexOf(family) !== i) problems.duplicate(SPEC.field('ipFamilies').index(i), family);
  }
  if (clusterIPs[0] === 'None') {
    if (clusterIPs.length > 1) problems.invalid(place, clusterIPs, "'None' must be the first and only value");
    return;
  }
  for (const [i, ip] of clusterIPs.entries()) {
    problems.invalidAll(place.index(i), ip, looseIpProblems(ip));
    const family = parseIp(ip)?.family;
    if (family !== undefined && ipFamilies[i] !== undefined && ipFamilies[i] !== family) {
      problems.invalid(place.index(i), ip, `expected an ${ipFamilies[i]} value as indicated by \`ipFamilies[${i}]\``);
    }
  }
  if (clusterIPs.length > 2) problems.invalid(place, clusterIPs, 'may only hold up to 2 values');
  if (clusterIPs.length === 2) {
    if (parseIp(clusterIPs[0] ?? '')?.family === parseIp(clusterIPs[1] ?? '')?.family) {
      problems.invalid(place, clusterIPs, 'may specify no more than one IP for each IP family');
    }
    if (ipFamilyPolicy === 'SingleStack') {
      problems.invalid(
        SPEC.field('ipFamilyPolicy'),
        ipFamilyPolicy,
        'must be RequireDualStack or PreferDualStack when multiple `clusterIPs` are specified',
      );
    }
  }
}

function validateLoadBalancer(problems: Problems, spec: ServiceSpec): void {
  const { loadBalancerSourceRanges: ranges = [], loadBalancerClass, allocateLoadBalancerNodePorts } = spec;
  const isLoadBalancer = spec.type === 'LoadBalancer';
  const only = "may only be used when `type` is 'LoadBalancer'";
  if (ranges.length > 0 && !isLoadBalancer) problems.forbidden(SPEC.field('loadBalancerSourceRanges'), only);
  for (const [i, range] of ranges.entries()) {
    problems.invalidAll(SPEC.field('loadBalancerSourceRanges').index(i), range, cidrProblems(range.trim()));
  }
  if (allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) problems.forbidden(SPEC.field('allocateLoadBalancerNodePorts'), only);
  if (loadBalancerClass === undefined) return;
  if (!isLoadBalancer) problems.forbidden(SPEC.field('loadBalancerClass'), only);
  problems.invalidAll(SPEC.field('loadBalancerClass'), loadBalancerClass, qualifiedName(loadBalancerClass));
}

/** Can be reached from outside the cluster at all. */
export function isExternal(spec: ServiceSpec): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
}

function validateTraffic(problems: Problems, spec: ServiceSpec): void {
  const { externalTrafficPolicy, healthCheckNodePort = 0, trafficDistribution } = spec;
  if (externalTrafficPolicy !== undefined && !isExternal(spec)) {
    problems.invalid(SPEC.field('externalTrafficPolicy'), externalTrafficPolicy, 'may only be set for externally-accessible services');
  }
  const place = SPEC.field('healthCheckNodePort');
  if (healthCheckNodePort !== 0) {
    if (spec.type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local') {
      problems.invalid(place, healthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    } else {
      problems.invalidAll(place, healthCheckNodePort, portNumber(healthCheckNodePort));
    }
  }
  const known = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  if (trafficDistribution !== undefined && !known.includes(trafficDistribution)) {
    problems.notSupported(SPEC.field('trafficDistribution'), trafficDistribution, known);
  }
}
