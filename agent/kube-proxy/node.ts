/**
 * From the settings and the facts of the node to what the rules of a family depend on, and to the kernel settings. Pure.
 *
 * Source: upstream's choice of node addresses, local traffic detectors, nodePortAddresses keywords and conntrack limits
 * (at most 2^20 flows, however many cores).
 */
import type { Node as NodeObject } from '#api/kinds/core/node.ts';
import { AppError } from '#base/errors.ts';
import type { ConntrackSettings, Settings } from './config/settings.ts';
import { cidrContains, isLoopback, parseCidr, parseIp, type Family } from './ip.ts';
import type { LocalTraffic, NodePortScope, ProxySettings } from './proxier.ts';

export interface NodeFacts {
  readonly name: string;
  /** Canonical. The one of the default route first; loopback and link-local addresses as well. */
  readonly addresses: readonly string[];
  /** From the Node object, where there is an API server; empty while it says nothing. */
  readonly podCidrs?: readonly string[];
  /** The addresses of the Node object, in its order. */
  readonly nodeIps?: readonly string[];
  readonly conntrackLiberal: boolean;
}

/** What the Node object says of the addresses. */
export function factsOfNode(node: NodeObject | undefined): Pick<Required<NodeFacts>, 'podCidrs' | 'nodeIps'> {
  const { podCIDRs = [], podCIDR } = node?.spec ?? {};
  const all = node?.status?.addresses ?? [];
  const ips = ['InternalIP', 'ExternalIP'].flatMap((type) => all.filter((a) => a.type === type));
  return {
    podCidrs: podCIDRs.length > 0 ? podCIDRs : podCIDR === undefined || podCIDR === '' ? [] : [podCIDR],
    nodeIps: ips.flatMap(({ address }) => parseIp(address)?.text ?? []),
  };
}

/** The node's own address in a family. */
export function nodeIpOf(
  { bindAddress }: Pick<Settings, 'bindAddress'>,
  { addresses, nodeIps = [] }: NodeFacts,
  family: Family,
): string | undefined {
  const fits = (ip: string): boolean => ip.includes(':') === (family === 'IPv6');
  if (bindAddress !== undefined && fits(bindAddress)) return bindAddress;
  return nodeIps.find(fits) ?? addresses.find((ip) => fits(ip) && !isLoopback(ip) && !ip.startsWith('fe80:'));
}

export function proxySettings(settings: Settings, facts: NodeFacts, family: Family): ProxySettings {
  const nodeIp = nodeIpOf(settings, facts, family);
  const nodePorts = nodePortScope(settings, { family, addresses: facts.addresses, nodeIp });
  const servesLoopback = nodePorts.kind === 'all' || nodePorts.ips.some((ip) => ip.startsWith('127.'));
  return {
    family,
    masqueradeBit: settings.masqueradeBit,
    masqueradeAll: settings.masqueradeAll,
    localTraffic: localTrafficOf(settings, facts, family),
    ...(nodeIp === undefined ? {} : { nodeIp }),
    nodePorts,
    localhostNodePorts: settings.localhostNodePorts && family === 'IPv4' && servesLoopback,
    conntrackLiberal: facts.conntrackLiberal,
  };
}

function localTrafficOf({ localDetection }: Settings, { podCidrs }: NodeFacts, family: Family): LocalTraffic {
  if (localDetection.kind === 'clusterCidr') {
    const cidr = localDetection.cidrs[family];
    return cidr === undefined ? { kind: 'unknown' } : { kind: 'cidr', cidr };
  }
  if (localDetection.kind !== 'nodeCidr') return localDetection;
  if (podCidrs === undefined) {
    throw new AppError(
      'CONFIG_INVALID',
      'detectLocalMode NodeCIDR needs the Node object of an API server: set another mode, or a kubeconfig',
    );
  }
  const mine = podCidrs.flatMap((c) => parseCidr(c) ?? []).find((c) => c.family === family);
  return mine === undefined ? { kind: 'unknown' } : { kind: 'cidr', cidr: mine.text };
}

interface ScopeInput {
  readonly family: Family;
  readonly addresses: readonly string[];
  readonly nodeIp: string | undefined;
}

/** Without a list: everywhere; in nftables mode on the node's own address only. */
export function nodePortScope(
  { nodePortAddresses, mode }: Pick<Settings, 'nodePortAddresses' | 'mode'>,
  { family, addresses, nodeIp }: ScopeInput,
): NodePortScope {
  const given = nodePortAddresses.length > 0 ? nodePortAddresses : [mode === 'nftables' ? 'primary' : 'all'];
  const cidrs = given.flatMap((text) => {
    if (text === 'primary') return nodeIp === undefined ? [] : [`${nodeIp}/${family === 'IPv4' ? 32 : 128}`];
    if (text === 'localhost') return [family === 'IPv4' ? '127.0.0.0/8' : '::1/128'];
    if (text === 'all') return [family === 'IPv4' ? '0.0.0.0/0' : '::/0'];
    const cidr = parseCidr(text);
    return cidr?.family === family ? [cidr.text] : [];
  });
  if (cidrs.some((c) => c.endsWith('/0'))) return { kind: 'all' };
  const mine = addresses.filter((ip) => cidrs.some((c) => cidrContains(c, ip)) && !ip.startsWith('fe80:'));
  return { kind: 'only', ips: [...new Set(mine)].sort() };
}

export interface SysctlWish {
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

const MOST_FLOWS = 1_048_576;

export function conntrackLimit({ maxPerCore, min }: ConntrackSettings, cores: number): number | undefined {
  return maxPerCore === 0 ? undefined : Math.min(Math.max(maxPerCore * cores, min), MOST_FLOWS);
}

export function sysctlWishes(
  settings: Settings,
  { cores, localhostNodePorts }: { cores: number; localhostNodePorts: boolean },
): SysctlWish[] {
  const { conntrack } = settings;
  const wish = (name: string, value: number | undefined, why: string): SysctlWish[] =>
    value === undefined || value <= 0 ? [] : [{ name: `net/netfilter/nf_conntrack_${name}`, value: String(value), why }];
  return [
    ...(localhostNodePorts ? [{ name: 'net/ipv4/conf/all/route_localnet', value: '1', why: 'iptables.localhostNodePorts' }] : []),
    ...wish('max', conntrackLimit(conntrack, cores), 'conntrack.maxPerCore'),
    ...wish('tcp_timeout_established', conntrack.tcpEstablishedSeconds, 'conntrack.tcpEstablishedTimeout'),
    ...wish('tcp_timeout_close_wait', conntrack.tcpCloseWaitSeconds, 'conntrack.tcpCloseWaitTimeout'),
    ...wish('tcp_be_liberal', conntrack.tcpBeLiberal ? 1 : 0, 'conntrack.tcpBeLiberal'),
    ...wish('udp_timeout', conntrack.udpSeconds, 'conntrack.udpTimeout'),
    ...wish('udp_timeout_stream', conntrack.udpStreamSeconds, 'conntrack.udpStreamTimeout'),
  ];
}
