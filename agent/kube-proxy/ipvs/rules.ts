/**
 * The iptables rules of the ipvs mode: a fixed number, whatever the services are; what belongs to services is in sets. Pure.
 *
 * They mark what is to be masqueraded (nat), and keep out who may not come in (filter, before IPVS takes the packet; mangle for what the node
 * itself sends, because IPVS takes that before filter sees it). A rule is the text iptables-save prints.
 *
 * Source: chains, sets and jumps as upstream's ipvs proxy.
 * Differs: what the node itself sends to an address under externalTrafficPolicy Local is masqueraded, because its source is that very address;
 * access of the node to load balancers with source ranges is settled by two sets in mangle rather than by a rule per service.
 */
import { MARK_MASQ, POSTROUTING, PROXY_FIREWALL, FORWARD, SERVICES, markOf } from '../iptables/names.ts';
import type { Hook, Ruleset, TableRules } from '../iptables/ruleset.ts';
import type { ProxySettings } from '../proxier.ts';
import { setName, type SetKey } from './names.ts';

export const NODE_PORT = 'KUBE-NODE-PORT';
export const LOAD_BALANCER = 'KUBE-LOAD-BALANCER';
export const SOURCE_RANGES_FIREWALL = 'KUBE-SOURCE-RANGES-FIREWALL';
export const IPVS_FILTER = 'KUBE-IPVS-FILTER';
export const IPVS_OUT_FILTER = 'KUBE-IPVS-OUT-FILTER';

/** Chains that the iptables mode does not have. */
export const OWN_CHAINS: ReadonlySet<string> = new Set([NODE_PORT, LOAD_BALANCER, SOURCE_RANGES_FIREWALL, IPVS_FILTER, IPVS_OUT_FILTER]);

export function ipvsRules(settings: ProxySettings): Ruleset {
  const text = new RuleText(settings);
  return { nat: natRules(text, settings), filter: filterRules(text, settings), mangle: mangleRules(text) };
}

class RuleText {
  readonly #settings: ProxySettings;

  constructor(settings: ProxySettings) {
    this.#settings = settings;
  }

  /** "-m set --match-set KUBE-CLUSTER-IP dst,dst" */
  set(key: SetKey, which: string): string {
    return `-m set --match-set ${setName(key, this.#settings.family)} ${which}`;
  }

  /** How traffic of pods is told: what stands in front of a rule. undefined: it is not told. */
  pods(is: 'in' | 'notIn'): string | undefined {
    const { localTraffic } = this.#settings;
    const not = is === 'in' ? '' : '! ';
    switch (localTraffic.kind) {
      case 'unknown':
        return undefined;
      case 'cidr':
        return `${not}-s ${localTraffic.cidr} `;
      case 'bridge':
        return `${not}-i ${localTraffic.name} `;
      case 'interfacePrefix':
        return `${not}-i ${localTraffic.prefix}+ `;
    }
  }
}

const dst = 'dst';
const dst2 = 'dst,dst';
const dst2src = 'dst,dst,src';
const fromNode = '-m addrtype --src-type LOCAL';
const isNew = '-m conntrack --ctstate NEW';

function comment(text: string): string {
  return `-m comment --comment "${text}"`;
}

function natRules(text: RuleText, { family, masqueradeAll, masqueradeBit }: ProxySettings): TableRules {
  const mark = markOf(masqueradeBit);
  const toMark = `-j ${MARK_MASQ}`;
  const outsiders = text.pods('notIn');
  const clusterIps = comment('cluster IPs');
  const masqueradeClusterIps = masqueradeAll
    ? `${clusterIps} ${text.set('clusterIp', dst2)} ${toMark}`
    : outsiders === undefined
      ? // Only the node's own packets, whose source is an address of the device.
        `${clusterIps} ${text.set('clusterIp', 'src,dst')} ${toMark}`
      : `${outsiders}${clusterIps} ${text.set('clusterIp', dst2)} ${toMark}`;
  const nodePorts = (protocol: string, all: SetKey, local: SetKey, which: string): string[] => [
    `-p ${protocol} ${fromNode} ${text.set(all, which)} ${toMark}`,
    `-p ${protocol} ${comment('node ports that keep the client')} ${text.set(local, which)} -j RETURN`,
    `-p ${protocol} ${comment('node ports')} ${text.set(all, which)} ${toMark}`,
  ];
  const chains = new Map<string, readonly string[]>([
    [MARK_MASQ, [`-j MARK --set-xmark ${mark}/${mark}`]],
    [
      LOAD_BALANCER,
      [
        `${fromNode} ${toMark}`,
        `${comment('load balancer addresses that keep the client')} ${text.set('loadBalancerLocal', dst2)} -j RETURN`,
        toMark,
      ],
    ],
    [
      NODE_PORT,
      [
        ...nodePorts('tcp', 'nodePortTcp', 'nodePortLocalTcp', dst),
        ...nodePorts('udp', 'nodePortUdp', 'nodePortLocalUdp', dst),
        ...nodePorts('sctp', 'nodePortSctp', 'nodePortLocalSctp', dst2),
      ],
    ],
    [
      SERVICES,
      [
        `-s ${family === 'IPv4' ? '127.0.0.0/8' : '::1/128'} -j RETURN`,
        `${comment('load balancer addresses')} ${text.set('loadBalancer', dst2)} -j ${LOAD_BALANCER}`,
        masqueradeClusterIps,
        `${comment('external addresses')} ${text.set('externalIp', dst2)} ${toMark}`,
        `${fromNode} ${text.set('externalIpLocal', dst2)} ${toMark}`,
        // What has been decided is not taken for a node port.
        `${text.set('externalIp', dst2)} -j ACCEPT`,
        `${text.set('externalIpLocal', dst2)} -j ACCEPT`,
        `-m addrtype --dst-type LOCAL -j ${NODE_PORT}`,
        `${text.set('clusterIp', dst2)} -j ACCEPT`,
        `${text.set('loadBalancer', dst2)} -j ACCEPT`,
      ],
    ],
    [
      POSTROUTING,
      [
        `${comment('endpoints that called themselves')} ${text.set('loopBack', dst2src)} -j MASQUERADE`,
        `-m mark ! --mark ${mark}/${mark} -j RETURN`,
        // Cleared, so that a packet that goes through the stack again is not masqueraded twice.
        `-j MARK --set-xmark ${mark}/0x0`,
        `${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
      ],
    ],
  ]);
  const hooks = [
    hook('PREROUTING', SERVICES, 'kubernetes service portals'),
    hook('OUTPUT', SERVICES, 'kubernetes service portals'),
    hook('POSTROUTING', POSTROUTING, 'kubernetes postrouting rules'),
  ];
  return { chains, dispatch: new Map(), hooks };
}

function filterRules(text: RuleText, { family, masqueradeBit }: ProxySettings): TableRules {
  const mark = markOf(masqueradeBit);
  const reject = `-j REJECT --reject-with ${family === 'IPv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'}`;
  const chains = new Map<string, readonly string[]>([
    [NODE_PORT, [`-p tcp ${comment('health check node ports')} ${text.set('healthCheckNodePort', dst)} -j ACCEPT`]],
    [
      FORWARD,
      [
        `${comment('kubernetes forwarding rules')} -m mark --mark ${mark}/${mark} -j ACCEPT`,
        `${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      ],
    ],
    [
      SOURCE_RANGES_FIREWALL,
      [`${text.set('loadBalancerSourceCidr', dst2src)} -j RETURN`, `${text.set('loadBalancerSourceIp', dst2src)} -j RETURN`, '-j DROP'],
    ],
    [
      PROXY_FIREWALL,
      [`${comment('load balancers with source ranges')} ${text.set('loadBalancerFirewall', dst2)} -j ${SOURCE_RANGES_FIREWALL}`],
    ],
    [
      IPVS_FILTER,
      [
        `${isNew} ${comment('no endpoint on this node')} ${text.set('noLocalClusterIp', dst2)} -j DROP`,
        `${text.pods('notIn') ?? ''}${isNew} ${comment('no endpoint on this node')} ${text.set('noLocalIp', dst2)} -j DROP`,
        `${text.set('loadBalancer', dst2)} -j RETURN`,
        `${text.set('clusterIp', dst2)} -j RETURN`,
        `${text.set('externalIp', dst2)} -j RETURN`,
        `${text.set('externalIpLocal', dst2)} -j RETURN`,
        `-p tcp ${text.set('healthCheckNodePort', dst)} -j RETURN`,
        // Whatever else listens on the node is not to be reached through the address of a service.
        `${isNew} ${text.set('ipvsIps', dst)} ${reject}`,
      ],
    ],
  ]);
  const firewall = 'kube-proxy firewall rules';
  const hooks = [
    hook('INPUT', IPVS_FILTER, 'kubernetes ipvs access filter'),
    hook('INPUT', PROXY_FIREWALL, firewall),
    hook('INPUT', NODE_PORT, 'kubernetes health check rules'),
    hook('FORWARD', PROXY_FIREWALL, firewall),
    hook('FORWARD', FORWARD, 'kubernetes forwarding rules'),
  ];
  return { chains, dispatch: new Map(), hooks };
}

function mangleRules(text: RuleText): TableRules {
  const rules = [
    `${text.set('loadBalancerSourceCidr', dst2src)} -j RETURN`,
    `${text.set('loadBalancerSourceIp', dst2src)} -j RETURN`,
    `${comment('load balancers with source ranges')} ${text.set('loadBalancerFirewall', dst2)} -j DROP`,
  ];
  return {
    chains: new Map([[IPVS_OUT_FILTER, rules]]),
    dispatch: new Map(),
    hooks: [hook('OUTPUT', IPVS_OUT_FILTER, 'kubernetes ipvs access filter')],
  };
}

function hook(chain: string, to: string, text: string): Hook {
  return { chain, rule: `${comment(text)} -j ${to}` };
}
