/**
 * Names of the ipvs mode: the device, the sets and their types as upstream has them. Pure.
 *
 * The sets of IPv6 have "KUBE-6-" for "KUBE-". A name has at most 31 bytes (IPSET_MAXNAMELEN - 1, linux/netfilter/ipset/ip_set.h).
 * Differs: KUBE-NO-LOCAL-CLUSTER-IP and KUBE-NO-LOCAL-IP are ours: services that have endpoints, but none here where they have to be here.
 * Upstream sends their clients to other nodes, whose answers never arrive.
 */
import type { Family } from '../ip.ts';
import type { Protocol } from '../servicePort.ts';

export const DEVICE = 'kube-ipvs0';

const IP = 'hash:ip';
const IP_PORT = 'hash:ip,port';
const IP_PORT_IP = 'hash:ip,port,ip';
const IP_PORT_NET = 'hash:ip,port,net';
const PORT = 'bitmap:port';

const TYPES = {
  loopBack: ['KUBE-LOOP-BACK', IP_PORT_IP],
  clusterIp: ['KUBE-CLUSTER-IP', IP_PORT],
  externalIp: ['KUBE-EXTERNAL-IP', IP_PORT],
  externalIpLocal: ['KUBE-EXTERNAL-IP-LOCAL', IP_PORT],
  loadBalancer: ['KUBE-LOAD-BALANCER', IP_PORT],
  loadBalancerLocal: ['KUBE-LOAD-BALANCER-LOCAL', IP_PORT],
  loadBalancerFirewall: ['KUBE-LOAD-BALANCER-FW', IP_PORT],
  loadBalancerSourceCidr: ['KUBE-LOAD-BALANCER-SOURCE-CIDR', IP_PORT_NET],
  loadBalancerSourceIp: ['KUBE-LOAD-BALANCER-SOURCE-IP', IP_PORT_IP],
  nodePortTcp: ['KUBE-NODE-PORT-TCP', PORT],
  nodePortLocalTcp: ['KUBE-NODE-PORT-LOCAL-TCP', PORT],
  nodePortUdp: ['KUBE-NODE-PORT-UDP', PORT],
  nodePortLocalUdp: ['KUBE-NODE-PORT-LOCAL-UDP', PORT],
  nodePortSctp: ['KUBE-NODE-PORT-SCTP-HASH', IP_PORT],
  nodePortLocalSctp: ['KUBE-NODE-PORT-LOCAL-SCTP-HASH', IP_PORT],
  healthCheckNodePort: ['KUBE-HEALTH-CHECK-NODE-PORT', PORT],
  ipvsIps: ['KUBE-IPVS-IPS', IP],
  noLocalClusterIp: ['KUBE-NO-LOCAL-CLUSTER-IP', IP_PORT],
  noLocalIp: ['KUBE-NO-LOCAL-IP', IP_PORT],
} as const;

export type SetKey = keyof typeof TYPES;
export const SET_KEYS = Object.keys(TYPES) as readonly SetKey[];

const LONGEST = 31;

export function setName(key: SetKey, family: Family): string {
  const [name] = TYPES[key];
  return (family === 'IPv4' ? name : name.replace('KUBE-', 'KUBE-6-')).slice(0, LONGEST);
}

export function isSetOf(family: Family): (name: string) => boolean {
  const names = new Set(SET_KEYS.map((key) => setName(key, family)));
  return (name) => names.has(name);
}

/** As upstream makes them, so that either proxy finds the sets of the other in order. */
const USUAL_ELEMENTS = 65_536;
const MANY_ELEMENTS = 1_048_576;

/** What stands after the name in "create". Sets that would be full are larger than upstream's. */
export function setType(key: SetKey, family: Family, elements: number): string {
  const [, type] = TYPES[key];
  if (type === PORT) return `${type} range 0-65535`;
  const most = elements > USUAL_ELEMENTS ? MANY_ELEMENTS : USUAL_ELEMENTS;
  return `${type} family ${family === 'IPv4' ? 'inet' : 'inet6'} hashsize 1024 maxelem ${most}`;
}

/** Is a set in the kernel good for what we want? It may be larger. */
export function isGoodSet(kernelType: string, wanted: string): boolean {
  const facts = (type: string): (string | undefined)[] => [
    type.split(' ')[0],
    /family (\S+)/.exec(type)?.[1],
    /range (\S+)/.exec(type)?.[1],
  ];
  const most = (type: string): number => Number(/maxelem (\d+)/.exec(type)?.[1] ?? 0);
  return facts(kernelType).join() === facts(wanted).join() && most(kernelType) >= most(wanted);
}

const NODE_PORT_SETS: Readonly<Record<Protocol, readonly [all: SetKey, local: SetKey]>> = {
  tcp: ['nodePortTcp', 'nodePortLocalTcp'],
  udp: ['nodePortUdp', 'nodePortLocalUdp'],
  sctp: ['nodePortSctp', 'nodePortLocalSctp'],
};

export function nodePortSets(protocol: Protocol): readonly [all: SetKey, local: SetKey] {
  return NODE_PORT_SETS[protocol];
}
