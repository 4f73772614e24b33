/**
 * Names in the table kube-proxy. Where upstream's nftables mode has the same thing it has the same name and the same type, so that
 * either proxy can take over from the other, and `nft list map ip kube-proxy service-ips` shows what tutorials show. Pure.
 *
 * Chains of ours have a slash in their name, except the fixed ones: that is how upstream tells the chains it may remove.
 * Source: upstream's hash is the first 8 characters of base32(sha256(name)); a name has at most 255 bytes (NFT_NAME_MAXLEN, linux/netfilter/nf_tables.h).
 */
import { createHash } from 'node:crypto';
import type { Family } from '../ip.ts';
import type { Endpoint, Protocol, ServicePort } from '../servicePort.ts';

export const TABLE = 'kube-proxy';

export const SETS = {
  clusterIps: 'cluster-ips',
  nodePortIps: 'nodeport-ips',
  serviceIps: 'service-ips',
  serviceNodePorts: 'service-nodeports',
  noEndpointServices: 'no-endpoint-services',
  noEndpointNodePorts: 'no-endpoint-nodeports',
  firewallIps: 'firewall-ips',
  /** Endpoints paired with themselves: a pod that was sent to itself. */
  hairpin: 'hairpin-connections',
} as const;

/** Address, port and slot -> endpoint. One per protocol: nft knows what a port is only together with its protocol. */
export function serviceEndpoints(protocol: Protocol): string {
  return SERVICE_ENDPOINTS[protocol];
}

// Asked once for each element: not a text made anew each time.
const SERVICE_ENDPOINTS = { tcp: 'service-endpoints-tcp', udp: 'service-endpoints-udp', sctp: 'service-endpoints-sctp' } as const;

/** Node port and slot -> endpoint. */
export function nodePortEndpoints(protocol: Protocol): string {
  return `nodeport-endpoints-${protocol}`;
}

export const CHAINS = {
  services: 'services',
  masquerading: 'masquerading',
  mark: 'mark-for-masquerade',
  reject: 'reject-chain',
  firewallCheck: 'firewall-check',
  clusterIpsCheck: 'cluster-ips-check',
  serviceEndpointsCheck: 'service-endpoints-check',
  nodePortEndpointsCheck: 'nodeport-endpoints-check',
} as const;

/** What differs between the families in the language of nft. */
export interface Words {
  readonly ip: 'ip' | 'ip6';
  readonly address: 'ipv4_addr' | 'ipv6_addr';
  readonly loopback: string;
}

export function wordsOf(family: Family): Words {
  return family === 'IPv4'
    ? { ip: 'ip', address: 'ipv4_addr', loopback: '127.0.0.0/8' }
    : { ip: 'ip6', address: 'ipv6_addr', loopback: '::1' };
}

/** Chains and sets of service ports that need their own: those with session affinity or source ranges. */
export interface PortNames {
  readonly service: string;
  readonly local: string;
  readonly external: string;
  readonly firewall: string;
  endpoint(endpoint: Endpoint): string;
  affinity(endpoint: Endpoint): string;
}

export function namesOf({ service, name, protocol }: Pick<ServicePort, 'service' | 'name' | 'protocol'>): PortNames {
  const portName = name.slice(service.length + 1);
  const base = `${service}/${protocol}/${portName}`;
  const hashed = hashAndCut(base);
  // Chain names hold no colons.
  const ofEndpoint = ({ ip, port }: Endpoint): string => hashAndCut(`${base}__${ip.replaceAll(':', '.')}/${port}`);
  return {
    service: `service-${hashed}`,
    local: `local-${hashed}`,
    external: `external-${hashed}`,
    firewall: `firewall-${hashed}`,
    endpoint: (e) => `endpoint-${ofEndpoint(e)}`,
    affinity: (e) => `affinity-${ofEndpoint(e)}`,
  };
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Upstream keeps 16 bytes of the longest name for the prefix. */
const LONGEST = 240;

function hashAndCut(text: string): string {
  const digest = createHash('sha256').update(text).digest();
  let hash = '';
  for (let bit = 0; bit < 40; bit += 5) {
    const at = bit >> 3;
    const pair = ((digest[at] ?? 0) << 8) | (digest[at + 1] ?? 0);
    hash += BASE32[(pair >> (11 - (bit & 7))) & 31];
  }
  const full = `${hash}-${text}`;
  return full.length > LONGEST ? `${full.slice(0, LONGEST - 3)}...` : full;
}
