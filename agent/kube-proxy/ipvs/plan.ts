/**
 * From service ports to virtual servers, addresses and sets, and from what is to what should be. Pure and order-free.
 *
 * A virtual server (address, port, protocol) has one list of real servers, whoever asks. So under externalTrafficPolicy Local everybody gets
 * the local endpoints where there are some; where there are none, pods and the node itself get those of other nodes and outsiders are dropped.
 * A real server that is no longer wanted gets weight 0 and goes when its last connection has ended.
 *
 * Differs: see names.ts for services without local endpoints.
 */
import { cidrContains, isLoopback, joinHostPort, type Family } from '../ip.ts';
import type { ProxySettings } from '../proxier.ts';
import { hasExternalEndpoints, hasInternalEndpoints, isExternal, type Endpoint, type Protocol, type ServicePort } from '../servicePort.ts';
import { nodePortSets, type SetKey } from './names.ts';

export interface IpvsOptions {
  readonly scheduler: string;
  /** Virtual servers of others with an address in one of these are left alone. */
  readonly excludeCidrs: readonly string[];
}

/** What the plan needs to know of the node besides ProxySettings. */
export interface IpvsNode {
  /** Its addresses in the family, without those on the device of the services. */
  readonly addresses: readonly string[];
}

export interface ServerDef {
  readonly protocol: Protocol;
  /** "10.96.0.1:80", "[fd96::1]:80". */
  readonly address: string;
  /** As ipvsadm wants and prints it: "-s rr -p 10800". */
  readonly how: string;
  /** By address, with their weights. */
  readonly reals: ReadonlyMap<string, number>;
}

export interface IpvsContent {
  /** On the device. */
  readonly addresses: Set<string>;
  /** By serverKey. */
  readonly servers: Map<string, ServerDef>;
  readonly entries: Map<SetKey, Set<string>>;
}

export function emptyIpvs(): IpvsContent {
  return { addresses: new Set(), servers: new Map(), entries: new Map() };
}

export function serverKey({ protocol, address }: Pick<ServerDef, 'protocol' | 'address'>): string {
  return `${protocol} ${address}`;
}

export interface PlanContext {
  readonly settings: ProxySettings;
  readonly options: IpvsOptions;
  readonly node: IpvsNode;
}

/** What one service port puts in. Of addresses and entries others may put the same. */
export function contributionOf(port: ServicePort, context: PlanContext): IpvsContent {
  const parts = new Parts(port, context);
  const { choice, internalPolicy, externalPolicy, clusterIp } = port;
  for (const { ip, port: number, isLocal, nodeName } of choice.reachable) {
    // Only an endpoint on this node comes back to itself through this node.
    if (isLocal || nodeName === undefined) parts.entry('loopBack', `${ip},${port.protocol}:${number},${ip}`);
  }
  parts.address(clusterIp);
  parts.entry('clusterIp', parts.member(clusterIp));
  parts.server(clusterIp, port.port, internalPolicy === 'Local' ? choice.local : choice.cluster);
  if (!hasInternalEndpoints(port) && choice.hasAny) parts.entry('noLocalClusterIp', parts.member(clusterIp));
  if (isExternal(port)) {
    const list = externalPolicy === 'Local' && choice.local.length > 0 ? choice.local : choice.cluster;
    const lacksLocal = choice.hasAny && !hasExternalEndpoints(port);
    for (const ip of port.externalIps) {
      parts.entry(externalPolicy === 'Local' ? 'externalIpLocal' : 'externalIp', parts.member(ip));
      parts.external(ip, list, lacksLocal);
    }
    for (const ip of port.loadBalancerIps) {
      parts.entry('loadBalancer', parts.member(ip));
      if (externalPolicy === 'Local') parts.entry('loadBalancerLocal', parts.member(ip));
      parts.external(ip, list, lacksLocal);
      parts.firewall(ip);
    }
    parts.nodePort(list, lacksLocal);
  }
  if (port.healthCheckNodePort !== undefined) parts.entry('healthCheckNodePort', String(port.healthCheckNodePort));
  return parts.content;
}

class Parts {
  readonly content = emptyIpvs();
  readonly #port: ServicePort;
  readonly #context: PlanContext;

  constructor(port: ServicePort, context: PlanContext) {
    this.#port = port;
    this.#context = context;
  }

  member(ip: string, port = this.#port.port): string {
    return `${ip},${this.#port.protocol}:${port}`;
  }

  entry(key: SetKey, entry: string): void {
    let entries = this.content.entries.get(key);
    if (entries === undefined) this.content.entries.set(key, (entries = new Set()));
    entries.add(entry);
  }

  /** On the device, unless the node has it anyway. */
  address(ip: string): void {
    if (this.#context.node.addresses.includes(ip)) return;
    this.content.addresses.add(ip);
    this.entry('ipvsIps', ip);
  }

  server(ip: string, port: number, endpoints: readonly Endpoint[]): void {
    const { protocol, affinitySeconds } = this.#port;
    const { scheduler } = this.#context.options;
    const address = joinHostPort(ip, port);
    const how = `-s ${scheduler}${affinitySeconds === undefined ? '' : ` -p ${affinitySeconds}`}${scheduler === 'mh' ? ' -b mh-port' : ''}`;
    this.content.servers.set(serverKey({ protocol, address }), {
      protocol,
      address,
      how,
      reals: new Map(endpoints.map((e) => [e.text, 1])),
    });
  }

  external(ip: string, endpoints: readonly Endpoint[], lacksLocal: boolean): void {
    this.address(ip);
    this.server(ip, this.#port.port, endpoints);
    if (lacksLocal) this.entry('noLocalIp', this.member(ip));
  }

  nodePort(endpoints: readonly Endpoint[], lacksLocal: boolean): void {
    const { nodePort, protocol, externalPolicy } = this.#port;
    if (nodePort === undefined) return;
    const ips = servedNodeIps(this.#context);
    const [all, local] = nodePortSets(protocol);
    const members = protocol === 'sctp' ? ips.map((ip) => this.member(ip, nodePort)) : [String(nodePort)];
    for (const member of members) {
      this.entry(all, member);
      if (externalPolicy === 'Local') this.entry(local, member);
    }
    for (const ip of ips) {
      this.server(ip, nodePort, endpoints);
      if (lacksLocal) this.entry('noLocalIp', this.member(ip, nodePort));
    }
  }

  firewall(ip: string): void {
    const { sourceRanges: ranges, choice } = this.#port;
    if (ranges === undefined || !choice.hasAny || ranges.some((cidr) => cidr.endsWith('/0'))) return;
    const { nodeIp } = this.#context.settings;
    this.entry('loadBalancerFirewall', this.member(ip));
    // A set prints a single address without its length.
    for (const cidr of ranges)
      this.entry(
        'loadBalancerSourceCidr',
        `${this.member(ip)},${cidr.replace(/\/(32|128)$/, (l) => (ip.includes(':') === (l === '/128') ? '' : l))}`,
      );
    if (nodeIp === undefined || !ranges.some((cidr) => cidrContains(cidr, nodeIp))) return;
    // The node's own packets to an address of the device carry that address as their source.
    this.entry('loadBalancerSourceIp', `${this.member(ip)},${ip}`);
  }
}

/** Never the loopback. */
export function servedNodeIps({ settings: { nodePorts }, node }: Pick<PlanContext, 'settings' | 'node'>): string[] {
  return node.addresses.filter(
    (ip) => !isLoopback(ip) && !ip.startsWith('fe80:') && (nodePorts.kind === 'all' || nodePorts.ips.includes(ip)),
  );
}

export interface IpvsWrites {
  /** For ipvsadm -R, in this order. */
  readonly servers: readonly string[];
  /** After the addresses are gone. */
  readonly removeServers: readonly string[];
  readonly addAddresses: readonly string[];
  readonly removeAddresses: readonly string[];
  readonly addEntries: ReadonlyMap<SetKey, readonly string[]>;
  readonly removeEntries: ReadonlyMap<SetKey, readonly string[]>;
  /** Real servers that have weight 0 now and wait for the end of their connections. */
  readonly draining: readonly Draining[];
}

export interface Draining {
  readonly server: string;
  readonly real: string;
}

export interface PlanInput {
  readonly before: IpvsContent;
  readonly after: IpvsContent;
  /** A virtual server of somebody else's: leave it. */
  readonly isForeign?: (address: string) => boolean;
}

export function planWrites({ before, after, isForeign = () => false }: PlanInput): IpvsWrites {
  const servers: string[] = [];
  const removeServers: string[] = [];
  const draining: Draining[] = [];
  for (const [key, def] of after.servers) {
    const was = before.servers.get(key);
    const at = serverFlag(def);
    if (was === undefined) servers.push(`-A ${at} ${def.how}`);
    else if (was.how !== def.how) servers.push(`-E ${at} ${def.how}`);
    for (const [real, weight] of def.reals) {
      const had = was?.reals.get(real);
      if (had === undefined) servers.push(`-a ${at} -r ${real} -m -w ${weight}`);
      else if (had !== weight) servers.push(`-e ${at} -r ${real} -m -w ${weight}`);
    }
    for (const [real, weight] of was?.reals ?? []) {
      if (def.reals.has(real)) continue;
      // Flows of UDP have no end to wait for; the proxy removes them by itself.
      if (def.protocol === 'udp') servers.push(`-d ${at} -r ${real}`);
      else {
        if (weight !== 0) servers.push(`-e ${at} -r ${real} -m -w 0`);
        draining.push({ server: key, real });
      }
    }
  }
  for (const [key, def] of before.servers) {
    if (!after.servers.has(key) && !isForeign(def.address)) removeServers.push(`-D ${serverFlag(def)}`);
  }
  return {
    servers,
    removeServers,
    draining,
    addAddresses: [...after.addresses].filter((ip) => !before.addresses.has(ip)),
    removeAddresses: [...before.addresses].filter((ip) => !after.addresses.has(ip)),
    addEntries: missing(before.entries, after.entries),
    removeEntries: missing(after.entries, before.entries),
  };
}

function missing(from: ReadonlyMap<SetKey, ReadonlySet<string>>, what: ReadonlyMap<SetKey, ReadonlySet<string>>): Map<SetKey, string[]> {
  const found = new Map<SetKey, string[]>();
  for (const [key, entries] of what) {
    const lacking = [...entries].filter((e) => from.get(key)?.has(e) !== true);
    if (lacking.length > 0) found.set(key, lacking);
  }
  return found;
}

export function serverFlag({ protocol, address }: Pick<ServerDef, 'protocol' | 'address'>): string {
  return `${{ tcp: '-t', udp: '-u', sctp: '--sctp-service' }[protocol]} ${address}`;
}

export function countWrites({ servers, removeServers, addAddresses, removeAddresses, addEntries, removeEntries }: IpvsWrites): number {
  const entries = [...addEntries.values(), ...removeEntries.values()].reduce((sum, list) => sum + list.length, 0);
  return servers.length + removeServers.length + addAddresses.length + removeAddresses.length + entries;
}

/** Is this address, as serverKey has it, of the family? */
export function isOfFamily(address: string, family: Family): boolean {
  return address.startsWith('[') === (family === 'IPv6');
}
