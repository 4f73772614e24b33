/**
 * Which node a pod goes to. Pure: the pod, the cluster and the plugins in, a decision with its reasons out.
 *
 * Not all nodes of a large cluster are looked at: the search ends with enough that pass, and the next one begins where this one ended.
 * Of equally good nodes chance takes one, each as likely.
 * Source: upstream's numbers: at least 100 nodes, 50 % of small clusters down to 5 % of large ones.
 */
import type { Cluster } from './cluster.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { Filter, Plugin, Refusal, Verdict } from './plugin.ts';
import type { PodInfo } from './podInfo.ts';

export interface Weighted {
  readonly plugin: Plugin;
  readonly weight: number;
}

/** The plugins of a profile in their order, by what they do. */
export interface Profile {
  readonly schedulerName: string;
  readonly filters: readonly Plugin[];
  readonly scores: readonly Weighted[];
  /** All of them: gates, reservations, what helps. */
  readonly plugins: readonly Plugin[];
  readonly percentageOfNodesToScore?: number | undefined;
}

export interface Refused {
  readonly plugin: string;
  readonly verdict: Verdict;
}

export interface Scored {
  readonly node: NodeInfo;
  readonly total: number;
}

/** Scores of a plugin for each node in the order of nodes; weighted ones are worth weight times as much. */
export interface PluginScores {
  readonly plugin: string;
  readonly weight: number;
  readonly scores: Float64Array;
}

export interface Fits {
  readonly kind: 'fits';
  readonly node: NodeInfo;
  readonly feasible: readonly NodeInfo[];
  readonly refused: ReadonlyMap<NodeInfo, Refused>;
  readonly scores: readonly PluginScores[];
  readonly totals: Float64Array;
  /** Nodes that were looked at, those that did not pass included. */
  readonly evaluated: number;
}

export interface DoesNotFit {
  readonly kind: 'doesNotFit';
  readonly refused: ReadonlyMap<NodeInfo, Refused>;
  /** Said by a plugin before any node was looked at. */
  readonly before: string | undefined;
  /** Names of the plugins that refused. */
  readonly plugins: ReadonlySet<string>;
  readonly nodes: number;
}

export type Decision = Fits | DoesNotFit;

/** Nodes that pass, before the best of them is chosen. */
export type Found = { readonly kind: 'found' } & Pick<Fits, 'feasible' | 'refused' | 'evaluated'>;

export interface DecideOptions {
  readonly profile: Profile;
  readonly cluster: Cluster;
  /** Where in the order of nodes the search begins. */
  readonly start?: number;
  /** 0 <= x < 1 */
  readonly random: () => number;
}

export interface Prepared {
  readonly filters: readonly { readonly plugin: Plugin; readonly filter: Filter }[];
  readonly only: ReadonlySet<string> | undefined;
  /** Plugins that left only some nodes. */
  readonly narrowedBy: readonly string[];
}

/** What does not depend on nodes, once for each pod. */
export function prepare(
  pod: PodInfo,
  { profile, cluster }: Pick<DecideOptions, 'profile' | 'cluster'>,
): Prepared | (Refusal & { plugin: string }) {
  const filters: { plugin: Plugin; filter: Filter }[] = [];
  let only: ReadonlySet<string> | undefined;
  const narrowedBy: string[] = [];
  for (const plugin of profile.filters) {
    const filter = plugin.filter?.(pod, cluster);
    if (filter === undefined) continue;
    if ('refused' in filter) return { ...filter, plugin: plugin.name };
    filters.push({ plugin, filter });
    if (filter.only === undefined) continue;
    narrowedBy.push(plugin.name);
    only = only === undefined ? filter.only : only.intersection(filter.only);
  }
  return { filters, only, narrowedBy };
}

export function decide(pod: PodInfo, options: DecideOptions): Decision {
  const found = find(pod, options);
  return found.kind === 'found' ? pick(pod, found, options) : found;
}

/** The best of them, with what others than plugins think. */
export function pick(
  pod: PodInfo,
  { feasible, refused, evaluated }: Found,
  options: DecideOptions,
  others: readonly PluginScores[] = [],
): Fits {
  return { kind: 'fits', feasible, refused, evaluated, ...choose(pod, feasible, { ...options, others }) };
}

export function find(pod: PodInfo, options: DecideOptions): Found | DoesNotFit {
  const { profile, cluster, start = 0 } = options;
  const all = cluster.nodes;
  const prepared = prepare(pod, options);
  const refused = new Map<NodeInfo, Refused>();
  if ('refused' in prepared)
    return { kind: 'doesNotFit', refused, before: prepared.refused, plugins: new Set([prepared.plugin]), nodes: all.length };
  const { only } = prepared;
  const nominated = only === undefined ? cluster.nominatedNodeOf(pod.key) : undefined;
  const feasible: NodeInfo[] = [];
  let evaluated = 0;
  const look = (node: NodeInfo): void => {
    evaluated += 1;
    const why = firstRefusal(pod, node, prepared, cluster);
    if (why === undefined) feasible.push(node);
    else refused.set(node, why);
  };
  const first = nominated === undefined ? undefined : cluster.node(nominated);
  if (first !== undefined) look(first);
  if (feasible.length === 0) {
    if (only === undefined) {
      const enough = enoughNodes(all.length, profile.percentageOfNodesToScore);
      for (let i = 0; i < all.length && feasible.length < enough; i++) {
        const node = all[(start + i) % all.length] as NodeInfo;
        if (node !== first) look(node);
      }
    } else for (const name of only) look1(cluster.node(name), look);
  }
  if (feasible.length === 0) {
    const plugins = new Set([...refused.values()].map(({ plugin }) => plugin));
    let before: string | undefined;
    if (only !== undefined && refused.size === 0) {
      before = `node(s) didn't satisfy plugin(s) [${prepared.narrowedBy.join(' ')}]`;
      for (const name of prepared.narrowedBy) plugins.add(name);
    } else if (only !== undefined) refuseRest({ all, only, refused, narrowedBy: prepared.narrowedBy, plugins });
    return { kind: 'doesNotFit', refused, before, plugins, nodes: all.length };
  }
  return { kind: 'found', feasible, refused, evaluated };
}

const look1 = (node: NodeInfo | undefined, look: (node: NodeInfo) => void): void => (node === undefined ? undefined : look(node));

/** Nodes that were not looked at because a plugin had narrowed the choice get its name. */
function refuseRest(parts: {
  readonly all: readonly NodeInfo[];
  readonly only: ReadonlySet<string>;
  readonly refused: Map<NodeInfo, Refused>;
  readonly narrowedBy: readonly string[];
  readonly plugins: Set<string>;
}): void {
  const { all, only, refused, narrowedBy, plugins } = parts;
  const verdict = { reasons: [`node(s) didn't satisfy plugin(s) [${narrowedBy.join(' ')}]`], helpedByPreemption: false };
  const plugin = narrowedBy[0] ?? '';
  for (const node of all) if (!only.has(node.name)) refused.set(node, { plugin, verdict });
  for (const name of narrowedBy) plugins.add(name);
}

/** As upstream: enough to choose well, not more. */
export function enoughNodes(nodes: number, percentage = 0): number {
  if (nodes < 100) return nodes;
  const percent = percentage > 0 ? Math.min(percentage, 100) : Math.max(5, 50 - Math.floor(nodes / 125));
  return Math.max(100, Math.floor((nodes * percent) / 100));
}

/**
 * With those that are to come onto the node by preemption and are as important, and without them: they may never come, and a pod that
 * wants to be near them would have nobody.
 */
export function firstRefusal(pod: PodInfo, node: NodeInfo, prepared: Prepared, cluster: Cluster): Refused | undefined {
  if (cluster.hasNominated) {
    const coming = [...cluster.nominatedOn(node.name)].filter((p) => p.priority >= pod.priority && p.key !== pod.key);
    if (coming.length > 0) {
      for (const p of coming) cluster.putOn(p, node);
      try {
        const why = run(node, prepared);
        if (why !== undefined) return why;
      } finally {
        for (const p of coming) cluster.takeOff(p, node);
      }
    }
  }
  return run(node, prepared);
}

export function run(node: NodeInfo, { filters }: Prepared): Refused | undefined {
  for (const { plugin, filter } of filters) {
    const verdict = filter.check(node);
    if (verdict !== undefined) return { plugin: plugin.name, verdict };
  }
  return undefined;
}

/** The best of those that pass; undefined scores where there is only one to take. */
function choose(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  { profile, cluster, random, others }: DecideOptions & { readonly others: readonly PluginScores[] },
): Pick<Fits, 'node' | 'scores' | 'totals'> {
  const totals = new Float64Array(nodes.length);
  const [only] = nodes;
  if (nodes.length === 1 && only !== undefined) return { node: only, scores: [], totals };
  const scores = [...scoresOf(pod, nodes, { profile, cluster }), ...others];
  for (const { weight, scores: own } of scores) for (let i = 0; i < own.length; i++) totals[i] = (totals[i] ?? 0) + weight * (own[i] ?? 0);
  return { node: best(nodes, totals, random), scores, totals };
}

export function scoresOf(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  { profile, cluster }: Pick<DecideOptions, 'profile' | 'cluster'>,
): readonly PluginScores[] {
  const out: PluginScores[] = [];
  for (const { plugin, weight } of profile.scores) {
    const scorer = plugin.score?.(pod, cluster, nodes);
    if (scorer === undefined) continue;
    const scores = new Float64Array(nodes.length);
    for (let i = 0; i < nodes.length; i++) scores[i] = scorer.score(nodes[i] as NodeInfo);
    scorer.normalize?.(scores);
    out.push({ plugin: plugin.name, weight, scores });
  }
  return out;
}

export function best(nodes: readonly NodeInfo[], totals: Float64Array, random: () => number): NodeInfo {
  let found = 0;
  let equals = 1;
  for (let i = 1; i < nodes.length; i++) {
    const ahead = (totals[i] ?? 0) - (totals[found] ?? 0);
    if (ahead > 0) [found, equals] = [i, 1];
    else if (ahead === 0 && random() * ++equals < 1) found = i;
  }
  return nodes[found] as NodeInfo;
}
