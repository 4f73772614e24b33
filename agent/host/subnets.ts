/**
 * Which addresses an isolated node uses inside. Pure.
 *
 * What goes out leaves through user-mode networking as if the host itself had sent it, so an address the host can reach must
 * not be one the node keeps inside: its packets would never leave. VirtualBox guests for one sit on 10.0.2.0/24, the uplink's default.
 * Throws: SUBNET_NONE_FREE.
 */
import ipaddr from 'ipaddr.js';
import { AppError } from '#base/errors.ts';

export interface Subnets {
  /** Pods of this node, such as 10.244.0.0/24. */
  readonly pods: string;
  /** Between the node and the host's user-mode network stack, such as 10.0.2.0/24. */
  readonly uplink: string;
  /** The segment between the nodes of a cluster; absent: the node stands alone. */
  readonly nodes?: string;
}

/** 10.244.0.0/16 is what most clusters use for pods; 10.96.0.0/12 is left to services. */
const POD_CANDIDATES = ['10.244.0.0/24', '10.245.0.0/24', '10.88.0.0/24', '172.30.0.0/24', '192.168.244.0/24', '198.19.244.0/24'];
const UPLINK_CANDIDATES = ['10.0.2.0/24', '10.0.3.0/24', '10.77.2.0/24', '172.31.254.0/24', '192.168.254.0/24', '198.18.2.0/24'];

/** Of a whole cluster, of which each node gets a part. */
const CLUSTER_CANDIDATES = ['10.244.0.0/16', '10.245.0.0/16', '10.88.0.0/16', '172.30.0.0/16', '192.168.240.0/20', '198.19.240.0/20'];
const SEGMENT_CANDIDATES = ['10.77.9.0/24', '172.31.253.0/24', '192.168.253.0/24', '198.18.9.0/24'];

/** used: networks and addresses the host reaches other than by its default route. */
export function chooseSubnets(used: readonly string[], wantedPods?: string, of: 'node' | 'cluster' = 'node'): Subnets {
  const taken = used.map(parse).filter((network) => network !== undefined);
  const pods = wantedPods ?? firstFree('pods', of === 'node' ? POD_CANDIDATES : CLUSTER_CANDIDATES, taken);
  const inside = parse(pods);
  if (inside === undefined) {
    const next = 'give an IPv4 network such as 10.244.0.0/24';
    throw new AppError('SUBNET_INVALID', `Cannot use ${JSON.stringify(pods)} as the pods' network: ${next}`, { next });
  }
  const uplink = firstFree('the uplink', UPLINK_CANDIDATES, [...taken, inside]);
  return of === 'node' ? { pods, uplink } : { pods, uplink, nodes: firstFree('the nodes', SEGMENT_CANDIDATES, [...taken, inside]) };
}

/** How long the part of a node is, so that as many fit in: 24 where there is room. */
export function nodeMaskSize(pods: string, nodes: number): number {
  const most = (parse(pods)?.[1] ?? 0) + Math.ceil(Math.log2(nodes));
  if (most <= 30) return Math.max(24, most);
  const next = 'give --pod-subnet a larger network';
  throw new AppError('SUBNET_INVALID', `${pods} is too small for the pods of ${nodes} nodes: ${next}`, { next });
}

type Network = readonly [ipaddr.IPv4, number];

function parse(text: string): Network | undefined {
  const cidr = text.includes('/') ? text : `${text}/32`;
  return ipaddr.IPv4.isValidCIDR(cidr) ? ipaddr.IPv4.parseCIDR(cidr) : undefined;
}

function firstFree(what: string, candidates: readonly string[], taken: readonly Network[]): string {
  const free = candidates.find((candidate) => !taken.some((network) => overlap(ipaddr.IPv4.parseCIDR(candidate), network)));
  if (free !== undefined) return free;
  const next = 'give --pod-subnet a network that the host does not use';
  throw new AppError('SUBNET_NONE_FREE', `Cannot find a free network for ${what}: the host uses all of ${candidates.join(', ')}; ${next}`, {
    next,
  });
}

function overlap(a: Network, b: Network): boolean {
  const bits = Math.min(a[1], b[1]);
  return a[0].match(b[0], bits);
}

/** The n-th address of an IPv4 network. */
export function addressAt(cidr: string, n: number): string {
  const [network] = ipaddr.IPv4.parseCIDR(cidr);
  const [a = 0, b = 0, c = 0, d = 0] = network.octets;
  const value = ((a << 24) | (b << 16) | (c << 8) | d) + n;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

export interface Route {
  readonly dst: string;
}

/** Networks named by `ip -4 -j route show table all`, without the default route and what every machine has of its own. */
export function usedNetworks(routes: readonly Route[]): string[] {
  return [...new Set(routes.map(({ dst }) => dst))].filter((dst) => dst !== 'default' && dst !== '0.0.0.0/0' && !dst.startsWith('127.'));
}

/** nameserver and search lines of a resolv.conf. */
export function resolverOf(text: string): { readonly nameservers: readonly string[]; readonly rest: readonly string[] } {
  const lines = text.split('\n').map((line) => line.trim());
  return {
    nameservers: lines.flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []),
    rest: lines.filter((line) => /^(search|domain|options)\s/.test(line)),
  };
}
