/**
 * From service ports to iptables rules. Pure and order-free: the same service ports give the same rules whatever order they came in.
 *
 * A rule is the text that iptables-save prints after "-A CHAIN ", so that what should be and what is in the kernel compare as strings.
 * Chains, comments and jumps are upstream's. Chains whose rules exclude each other ("dispatch": one address and port each)
 * have no order except for their last rules, so that a service comes and goes with one line.
 *
 * Throws: never.
 * Source: chain names, comments and order as upstream's iptables proxy; the semantics are those of packet.ts.
 */
import { hostCidr, isLoopback } from '../ip.ts';
import type { ProxySettings } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import {
  CANARY,
  EXTERNAL_SERVICES,
  FORWARD,
  KUBELET_FIREWALL,
  MARK_MASQ,
  NODEPORTS,
  POSTROUTING,
  PROXY_FIREWALL,
  SERVICES,
  markOf,
  type TableName,
} from './names.ts';
import { rulesOf, type PortRules, type Style } from './portRules.ts';

/** Above this many endpoints upstream leaves comments out of the rules of endpoints: they are two fifths of all bytes. */
export const LARGE_ENDPOINTS = 1_000;

export interface TableRules {
  /** Chains that are exactly this. */
  readonly chains: Map<string, readonly string[]>;
  /** Chains that are these rules in any order, then the tail. */
  readonly dispatch: Map<string, { readonly rules: string[]; readonly tail: readonly string[] }>;
  /** Rules in chains of others: there, somewhere. The first one comes first. */
  readonly hooks: readonly Hook[];
}

export interface Hook {
  readonly chain: string;
  readonly rule: string;
  /** The chain is shared with other software of Kubernetes and made when it is missing. */
  readonly makeChain?: true;
}

export type Ruleset = Readonly<Record<TableName, TableRules>>;

/** What should be there. The rules of services are made one after the other: all at once they are a quarter of a gigabyte at 40,000. */
export interface Plan {
  readonly fixed: Ruleset;
  /** Can be gone through once. */
  readonly services: Iterable<PortRules>;
}

export function planRuleset(services: Iterable<ServicePort>, settings: ProxySettings, style: Style): Plan {
  return { fixed: staticRuleset(settings), services: inOrder(services, settings, style) };
}

function* inOrder(services: Iterable<ServicePort>, settings: ProxySettings, style: Style): Generator<PortRules> {
  for (const port of [...services].sort((a, b) => (a.id < b.id ? -1 : 1))) yield rulesOf(port, settings, style);
}

/** Everything that does not depend on any service. */
export function staticRuleset(settings: ProxySettings): Ruleset {
  const mark = markOf(settings.masqueradeBit);
  const empty = (tail: readonly string[] = []): { rules: string[]; tail: readonly string[] } => ({ rules: [], tail });
  return {
    mangle: { chains: new Map([[CANARY, []]]), dispatch: new Map(), hooks: [] },
    nat: {
      chains: new Map([
        [CANARY, []],
        [MARK_MASQ, [`-j MARK --set-xmark ${mark}/${mark}`]],
        [
          POSTROUTING,
          [
            `-m mark ! --mark ${mark}/${mark} -j RETURN`,
            // Cleared, so that a packet that goes through the stack again is not masqueraded twice.
            `-j MARK --set-xmark ${mark}/0x0`,
            '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
          ],
        ],
      ]),
      dispatch: new Map([
        [NODEPORTS, empty()],
        [SERVICES, empty(nodePortJumps(settings))],
      ]),
      hooks: [
        { chain: 'PREROUTING', rule: '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES' },
        { chain: 'OUTPUT', rule: '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES' },
        { chain: 'POSTROUTING', rule: '-m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING' },
      ],
    },
    filter: {
      chains: new Map([
        [CANARY, []],
        [
          FORWARD,
          [
            ...(settings.conntrackLiberal ? [] : ['-m conntrack --ctstate INVALID -j DROP']),
            // Node port traffic goes on even where the policy of FORWARD is to drop.
            `-m comment --comment "kubernetes forwarding rules" -m mark --mark ${mark}/${mark} -j ACCEPT`,
            '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
          ],
        ],
      ]),
      dispatch: new Map([
        [NODEPORTS, empty()],
        [EXTERNAL_SERVICES, empty()],
        [PROXY_FIREWALL, empty()],
        [SERVICES, empty()],
      ]),
      hooks: filterHooks(settings),
    },
  };
}

const NEW = '-m conntrack --ctstate NEW';

/** In the order they stand in their chains. */
function filterHooks({ localhostNodePorts, family }: ProxySettings): Hook[] {
  const jump = (chain: string, to: string, comment: string, match = ''): Hook => ({
    chain,
    rule: `${match === '' ? '' : `${match} `}-m comment --comment "${comment}" -j ${to}`,
  });
  const firewall = 'kubernetes load balancer firewall';
  const portals = 'kubernetes service portals';
  const external = 'kubernetes externally-visible service portals';
  const guardsLocalhost = localhostNodePorts && family === 'IPv4';
  return [
    ...(guardsLocalhost
      ? [
          { chain: 'INPUT', rule: `-j ${KUBELET_FIREWALL}` },
          { chain: 'OUTPUT', rule: `-j ${KUBELET_FIREWALL}` },
        ]
      : []),
    jump('INPUT', PROXY_FIREWALL, firewall, NEW),
    jump('INPUT', NODEPORTS, 'kubernetes health check service ports'),
    jump('INPUT', EXTERNAL_SERVICES, external, NEW),
    jump('FORWARD', PROXY_FIREWALL, firewall, NEW),
    jump('FORWARD', FORWARD, 'kubernetes forwarding rules'),
    jump('FORWARD', SERVICES, portals, NEW),
    jump('FORWARD', EXTERNAL_SERVICES, external, NEW),
    jump('OUTPUT', PROXY_FIREWALL, firewall, NEW),
    jump('OUTPUT', SERVICES, portals, NEW),
    ...(guardsLocalhost
      ? [
          {
            // route_localnet lets others reach what listens on 127.0.0.1; this closes it again (CVE-2020-8558).
            chain: KUBELET_FIREWALL,
            rule: '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
            makeChain: true as const,
          },
        ]
      : []),
  ];
}

function nodePortJumps({ nodePorts, family, localhostNodePorts }: ProxySettings): string[] {
  const end = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"';
  if (nodePorts.kind === 'all') {
    const not = family === 'IPv6' ? '! -d ::1/128 ' : localhostNodePorts ? '' : '! -d 127.0.0.0/8 ';
    return [`${not}${end} -m addrtype --dst-type LOCAL -j ${NODEPORTS}`];
  }
  const served = nodePorts.ips.filter((ip) => ip.includes(':') === (family === 'IPv6') && (localhostNodePorts || !isLoopback(ip)));
  return served.toSorted().map((ip) => `-d ${hostCidr(ip)} ${end} -j ${NODEPORTS}`);
}
