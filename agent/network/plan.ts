/**
 * What the network of a node needs, from the Node objects of the cluster: the configuration of its pods' network, a route to the pods of
 * every other node, and the rules that masquerade what leaves the cluster. Pure.
 *
 * Layer 3 and nothing else: a packet from pod to pod arrives with the addresses it was sent with. So the nodes have to be neighbours, on one
 * segment; there is no tunnel for nodes behind routers.
 */
import type { Node } from '#api/kinds/core/node.ts';
import { contains, parseCidr, parseIp, type Cidr } from '#api/ip.ts';
import type { Plan } from '#base/reconcile.ts';
import type { NetworkRoute } from '../linux/routes.ts';
import { networkRules } from './rules.ts';

export interface Wanted {
  /** Parts of this node in the pods' network; empty: it has none yet. */
  readonly podSubnets: readonly string[];
  readonly nodeIps: readonly string[];
  readonly routes: readonly NetworkRoute[];
  readonly rules: string;
  /** What of other nodes cannot be used, and why. */
  readonly problems: readonly string[];
}

export interface Observed {
  /** Text of the file; undefined: there is none. */
  readonly cni: string | undefined;
  /** The text that belongs there for these subnets on this machine. */
  readonly wantedCni: (podSubnets: readonly string[], nodeIps: readonly string[]) => string;
  readonly routes: readonly NetworkRoute[];
  /** The rules as they were written last; undefined: they are not there. */
  readonly rules: string | undefined;
  /** Settings that keep packets from being passed on. */
  readonly forwardingOff: readonly string[];
}

export type Action =
  | { readonly kind: 'enableForwarding'; readonly settings: readonly string[] }
  | { readonly kind: 'writeRules'; readonly text: string }
  | { readonly kind: 'changeRoutes'; readonly set: readonly NetworkRoute[]; readonly remove: readonly NetworkRoute[] }
  | { readonly kind: 'writeCni'; readonly text: string };

/** Somebody may have flushed a device or a table: it is looked at again. */
export const LOOK_EVERY_MS = 30_000;

export function wantedOf(nodes: Iterable<Node>, self: string, clusterCidrs: readonly Cidr[]): Wanted {
  const routes: NetworkRoute[] = [];
  const problems: string[] = [];
  const inside = clusterCidrs.map(({ canonical }) => canonical);
  let own: Node | undefined;
  for (const node of [...nodes].sort(byName)) {
    const ips = addressesOf(node);
    inside.push(...ips.filter((ip) => !isWithin(clusterCidrs, parseCidr(`${ip}/${ip.includes(':') ? 128 : 32}`))));
    if (node.metadata.name === self) {
      own = node;
      continue;
    }
    for (const to of subnetsOf(node, clusterCidrs, problems)) {
      const via = ips.find((ip) => ip.includes(':') === to.includes(':'));
      if (via === undefined) problems.push(`node ${node.metadata.name} has no InternalIP of the family of its pods’ network ${to}`);
      else routes.push({ to, via });
    }
  }
  const podSubnets = own === undefined ? [] : subnetsOf(own, clusterCidrs, problems);
  return {
    podSubnets,
    nodeIps: own === undefined ? [] : addressesOf(own),
    routes,
    rules: networkRules(podSubnets, inside),
    problems,
  };
}

/** What a node says of itself counts within the cluster's network alone: no node may draw other traffic to itself. */
function subnetsOf({ metadata, spec }: Node, clusterCidrs: readonly Cidr[], problems: string[]): string[] {
  const said = (spec.podCIDRs ?? []).length > 0 ? (spec.podCIDRs ?? []) : spec.podCIDR === undefined ? [] : [spec.podCIDR];
  return said.flatMap((text) => {
    const cidr = parseCidr(text);
    if (cidr !== undefined && isWithin(clusterCidrs, cidr)) return [cidr.canonical];
    if (text !== '') problems.push(`pods’ network ${JSON.stringify(text)} of node ${metadata.name} is not in --cluster-cidr`);
    return [];
  });
}

const isWithin = (outer: readonly Cidr[], cidr: Cidr | undefined): boolean =>
  cidr !== undefined && outer.some((c) => c.prefix <= cidr.prefix && contains(c, cidr.ip));

const byName = (a: Node, b: Node): number => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);

const addressesOf = ({ status }: Node): string[] =>
  (status?.addresses ?? []).flatMap(({ type, address }) => (type === 'InternalIP' ? (parseIp(address)?.canonical ?? []) : []));

/** The configuration comes last: pods start with it, and then everything they need is there. */
export function planNetwork(wanted: Wanted | undefined, observed: Observed): Plan<Action> {
  if (wanted === undefined) return { actions: [] };
  const actions: Action[] = [];
  const { forwardingOff, routes, rules, cni, wantedCni } = observed;
  if (forwardingOff.length > 0) actions.push({ kind: 'enableForwarding', settings: forwardingOff });
  if (rules !== wanted.rules) actions.push({ kind: 'writeRules', text: wanted.rules });
  const has = (list: readonly NetworkRoute[], { to, via }: NetworkRoute): boolean => list.some((r) => r.to === to && r.via === via);
  const set = wanted.routes.filter((route) => !has(routes, route));
  const remove = routes.filter((route) => !wanted.routes.some(({ to }) => to === route.to));
  if (set.length + remove.length > 0) actions.push({ kind: 'changeRoutes', set, remove });
  if (wanted.podSubnets.length === 0)
    return { actions, lookAgainAfterMs: LOOK_EVERY_MS, waitingFor: 'a part of the pods’ network for this node (spec.podCIDR)' };
  const text = wantedCni(wanted.podSubnets, wanted.nodeIps);
  if (cni !== text) actions.push({ kind: 'writeCni', text });
  return { actions, lookAgainAfterMs: LOOK_EVERY_MS };
}
