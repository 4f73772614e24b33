/**
 * From one Service and its EndpointSlices to its service ports, in every family it has an address of. Pure.
 * How services get along with each other (two that claim the same address) is decided in serviceTable.ts.
 *
 * What cannot be honoured is left out and named in problems; the rest of the service still works.
 * Differs: a loadBalancerSourceRanges list with malformed entries admits only its well-formed ones, and nobody when there are
 * none; upstream admits everybody then, which turns a typing error into an open door.
 */
import type { Service, ServicePort as SpecPort } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { SERVICE_NAME_LABEL, chooseEndpoints, endpointsByPort, portKey, type EndpointsByPort } from './endpoints.ts';
import { FAMILIES, parseCidr, parseIp, type Family } from './ip.ts';
import { isExternal, type NodeView, type Problem, type Protocol, type ServicePort } from './servicePort.ts';

/** A service that names another proxy is none of ours. */
export const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';
/** Upstream's default of sessionAffinityConfig.clientIP.timeoutSeconds: three hours. */
const DEFAULT_AFFINITY_SECONDS = 10_800;
const LONGEST_AFFINITY_SECONDS = 86_400;

export interface ServiceInput {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
}

export interface ServiceReading {
  readonly ports: readonly ServicePort[];
  readonly problems: readonly Problem[];
  /** Why there is nothing to program, when the service asks for just that. */
  readonly nothingBecause?: string;
  /** Why it can have no endpoints at all. */
  readonly noEndpointsBecause?: string;
}

export function serviceKey(service: Service): string {
  return `${service.metadata.namespace ?? ''}/${service.metadata.name ?? ''}`;
}

export function readService(input: ServiceInput, node: NodeView): ServiceReading {
  const { service, slices } = input;
  if (!NAME.test(service.metadata.namespace ?? '') || !NAME.test(service.metadata.name ?? '')) {
    const message = 'its name or namespace is no DNS name: nothing of it is served, want lower case letters, digits and "-"';
    return { ports: [], problems: [{ object: `Service ${JSON.stringify(serviceKey(service))}`, code: 'SERVICE_INVALID', message }] };
  }
  const nothingBecause = whyNothing(service);
  if (nothingBecause !== undefined) return { ports: [], problems: [], nothingBecause };
  const reading = new Reading(service, node);
  for (const family of FAMILIES) {
    const clusterIp = reading.clusterIps.get(family);
    if (clusterIp === undefined) continue;
    const endpoints = endpointsByPort({ slices, family, node, problems: reading.problems });
    for (const port of reading.usablePorts) reading.addPort(port, { family, clusterIp, endpoints });
  }
  for (const { addressType, metadata } of slices) {
    if (FAMILIES.some((family) => family === addressType)) continue;
    const message = `its addressType is ${addressType}: want IPv4 or IPv6, its endpoints are left out`;
    reading.problems.push({
      object: `EndpointSlice ${metadata.namespace ?? ''}/${metadata.name ?? ''}`,
      code: 'ENDPOINT_INVALID',
      message,
    });
  }
  const { ports, problems } = reading;
  if (slices.length > 0) return { ports, problems };
  return { ports, problems, noEndpointsBecause: `no EndpointSlice with the label ${SERVICE_NAME_LABEL}=${service.metadata.name} is known` };
}

/** Names end up in rules and comments: what the API would refuse must not get that far. */
const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const PORT_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

function whyNothing(service: Service): string | undefined {
  const { type, clusterIP, clusterIPs } = service.spec;
  const proxy = service.metadata.labels?.[PROXY_NAME_LABEL];
  if (proxy !== undefined) return `label ${PROXY_NAME_LABEL} leaves it to ${proxy === '' ? 'another proxy' : proxy}`;
  if (type === 'ExternalName') return 'type ExternalName is a DNS name only';
  if (clusterIP === 'None' || clusterIPs?.[0] === 'None') return 'it is headless: clients connect to the endpoints themselves';
  if ((clusterIP ?? '') === '' && (clusterIPs ?? []).length === 0) return 'it has no clusterIP yet';
  return undefined;
}

interface FamilyContext {
  readonly family: Family;
  readonly clusterIp: string;
  readonly endpoints: EndpointsByPort;
}

/** Collects the ports and the problems of one service. */
class Reading {
  readonly ports: ServicePort[] = [];
  readonly problems: Problem[] = [];
  readonly clusterIps: ReadonlyMap<Family, string>;
  readonly usablePorts: readonly SpecPort[];
  readonly #service: Service;
  readonly #node: NodeView;
  readonly #externalIps: readonly { readonly family: Family; readonly text: string }[];
  readonly #loadBalancerIps: readonly { readonly family: Family; readonly text: string }[];
  readonly #affinitySeconds: number | undefined;
  readonly #healthCheckNodePort: number | undefined;

  constructor(service: Service, node: NodeView) {
    this.#service = service;
    this.#node = node;
    const { spec, status } = service;
    const clusterIps = (spec.clusterIPs ?? []).length > 0 ? (spec.clusterIPs ?? []) : [spec.clusterIP ?? ''];
    this.clusterIps = firstOfEach(this.#ips('spec.clusterIPs', clusterIps));
    this.#externalIps = this.#ips('spec.externalIPs', spec.externalIPs ?? []);
    const vips = (status?.loadBalancer?.ingress ?? []).flatMap((i) =>
      i.ip !== undefined && i.ip !== '' && i.ipMode !== 'Proxy' ? [i.ip] : [],
    );
    this.#loadBalancerIps = this.#ips('status.loadBalancer.ingress', vips);
    this.#affinitySeconds = this.#readAffinity();
    this.#healthCheckNodePort = this.#readHealthCheckNodePort();
    this.usablePorts = this.#readPorts();
  }

  addPort(given: SpecPort, { family, clusterIp, endpoints }: FamilyContext): void {
    const { spec } = this.#service;
    const protocol = (given.protocol ?? 'TCP').toLowerCase() as Protocol;
    const service = serviceKey(this.#service);
    const name = (given.name ?? '') === '' ? service : `${service}:${given.name}`;
    const frontends = {
      ...(given.nodePort === undefined || given.nodePort === 0 ? {} : { nodePort: given.nodePort }),
      externalIps: textsOf(family, this.#externalIps).filter((ip) => ip !== clusterIp),
      loadBalancerIps: [] as string[],
    };
    frontends.loadBalancerIps = textsOf(family, this.#loadBalancerIps).filter(
      (ip) => ip !== clusterIp && !frontends.externalIps.includes(ip),
    );
    const external = isExternal(frontends);
    const internalPolicy = spec.internalTrafficPolicy === 'Local' ? 'Local' : 'Cluster';
    const externalPolicy = spec.externalTrafficPolicy === 'Local' && this.#isExternalType() ? 'Local' : 'Cluster';
    const mine = endpoints.get(portKey(given.name ?? '', given.protocol ?? 'TCP')) ?? [];
    const sourceRanges = this.#sourceRanges(family);
    this.ports.push({
      id: `${name}/${protocol}`,
      name,
      service,
      family,
      protocol,
      clusterIp,
      port: given.port,
      ...frontends,
      ...(sourceRanges === undefined ? {} : { sourceRanges }),
      ...(this.#affinitySeconds === undefined ? {} : { affinitySeconds: this.#affinitySeconds }),
      internalPolicy,
      externalPolicy,
      ...(this.#healthCheckNodePort === undefined ? {} : { healthCheckNodePort: this.#healthCheckNodePort }),
      endpoints: mine,
      choice: chooseEndpoints({
        endpoints: mine,
        // Even under externalTrafficPolicy Local, traffic from this node and its pods goes to any endpoint.
        usesCluster: internalPolicy === 'Cluster' || external,
        usesLocal: internalPolicy === 'Local' || (externalPolicy === 'Local' && external),
        node: this.#node,
      }),
    });
  }

  #isExternalType(): boolean {
    const { type, externalIPs } = this.#service.spec;
    return type === 'LoadBalancer' || type === 'NodePort' || (externalIPs ?? []).length > 0;
  }

  #readPorts(): SpecPort[] {
    const seen = new Set<string>();
    return (this.#service.spec.ports ?? []).filter((given) => {
      const where = `port ${given.port}${(given.name ?? '') === '' ? '' : ` (${given.name})`}`;
      if (!isPort(given.port)) return this.#refuse(`${where} is out of range: want 1 to 65535`);
      if ((given.name ?? '') !== '' && !PORT_NAME.test(given.name ?? '')) {
        return this.#refuse(`port ${given.port} has the name ${JSON.stringify(given.name)}: want letters, digits and "-"`);
      }
      const protocol = given.protocol ?? 'TCP';
      if (!['TCP', 'UDP', 'SCTP'].includes(protocol)) return this.#refuse(`${where} has protocol ${protocol}: want TCP, UDP or SCTP`);
      // Differs: upstream writes the rule, which the kernel refuses together with the rules of all other services.
      if (protocol === 'SCTP' && this.#node.lacksSctp !== undefined)
        return this.#refuse(`${where} is SCTP and is not served: ${this.#node.lacksSctp}`);
      const key = portKey(given.name ?? '', protocol);
      if (seen.has(key))
        return this.#refuse(`${where} has the name and protocol of an earlier port of the service: give it a name of its own`);
      seen.add(key);
      const { nodePort = 0 } = given;
      if (nodePort !== 0 && !isPort(nodePort)) return this.#refuse(`${where} has nodePort ${nodePort}: want 1 to 65535`);
      return true;
    });
  }

  #readAffinity(): number | undefined {
    const { sessionAffinity, sessionAffinityConfig } = this.#service.spec;
    if (sessionAffinity !== 'ClientIP') return undefined;
    const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
    if (Number.isInteger(seconds) && seconds >= 1 && seconds <= LONGEST_AFFINITY_SECONDS) return seconds;
    this.#refuse(
      `sessionAffinityConfig.clientIP.timeoutSeconds is ${seconds}: want 1 to ${LONGEST_AFFINITY_SECONDS}, ${DEFAULT_AFFINITY_SECONDS} is used`,
    );
    return DEFAULT_AFFINITY_SECONDS;
  }

  #readHealthCheckNodePort(): number | undefined {
    const { type, externalTrafficPolicy, healthCheckNodePort = 0 } = this.#service.spec;
    if (type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local') return undefined;
    if (isPort(healthCheckNodePort)) return healthCheckNodePort;
    this.#refuse(
      healthCheckNodePort === 0
        ? 'externalTrafficPolicy is Local but there is no healthCheckNodePort: the load balancer cannot ask this node'
        : `healthCheckNodePort is ${healthCheckNodePort}: want 1 to 65535`,
    );
    return undefined;
  }

  /** Upstream applies the ranges of each family to that family alone. */
  #sourceRanges(family: Family): string[] | undefined {
    const given = (this.#service.spec.loadBalancerSourceRanges ?? []).map((r) => ({ r, cidr: parseCidr(r.trim()) }));
    if (family === this.clusterIps.keys().next().value) {
      for (const { r, cidr } of given)
        if (cidr === undefined) this.#refuse(`loadBalancerSourceRanges holds "${r}", which is no CIDR: it admits nobody`);
    }
    const mine = [...new Set(given.flatMap(({ cidr }) => (cidr?.family === family ? [cidr.text] : [])))].sort();
    if (mine.length > 0) return mine;
    return given.some(({ cidr }) => cidr === undefined) ? [] : undefined;
  }

  #ips(path: string, texts: readonly string[]): { readonly family: Family; readonly text: string }[] {
    return texts.flatMap((text) => {
      const ip = parseIp(text);
      if (ip === undefined) this.#refuse(`${path} holds "${text}", which is no IP address`);
      return ip ?? [];
    });
  }

  #refuse(message: string): false {
    const problem: Problem = { object: `Service ${serviceKey(this.#service)}`, code: 'SERVICE_INVALID', message };
    if (!this.problems.some((p) => p.message === message)) this.problems.push(problem);
    return false;
  }
}

function isPort(n: number): boolean {
  return Number.isInteger(n) && n >= 1 && n <= 65_535;
}

function firstOfEach(ips: readonly { readonly family: Family; readonly text: string }[]): Map<Family, string> {
  const first = new Map<Family, string>();
  for (const { family, text } of ips) if (!first.has(family)) first.set(family, text);
  return first;
}

/** Sorted, each once: the order in the document has no meaning. */
function textsOf(family: Family, ips: readonly { readonly family: Family; readonly text: string }[]): string[] {
  return [...new Set(ips.filter((ip) => ip.family === family).map((ip) => ip.text))].sort();
}
