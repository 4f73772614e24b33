/**
 * InterPodAffinity: near to and away from other pods, also the other way round: a pod that is there may want nobody near it.
 * What counts is a topology: all nodes with the same value of a label. For each pair (label, value) the matching pods are counted once.
 */
import { MOST_SCORE, type Filter, type Plugin, type Verdict } from '../core/plugin.ts';
import type { Cluster } from '../core/cluster.ts';
import type { NodeInfo } from '../core/nodeInfo.ts';

import { meant, type PodInfo, type Term } from '../core/podInfo.ts';

const AFFINITY: Verdict = { reasons: ["node(s) didn't match pod affinity rules"], helpedByPreemption: false };
const ANTI: Verdict = { reasons: ["node(s) didn't match pod anti-affinity rules"], helpedByPreemption: true };
const EXISTING: Verdict = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], helpedByPreemption: true };

export interface InterPodAffinityArgs {
  readonly hardPodAffinityWeight?: number;
  readonly ignorePreferredTermsOfExistingPods?: boolean;
}

/** How many pods there are by label and value. */
class Counts {
  readonly #counts = new Map<string, Map<string, number>>();

  add(key: string, value: string, by: number): void {
    let values = this.#counts.get(key);
    if (values === undefined) this.#counts.set(key, (values = new Map()));
    const count = (values.get(value) ?? 0) + by;
    if (count === 0) values.delete(value);
    else values.set(value, count);
  }

  get(key: string, value: string): number {
    return this.#counts.get(key)?.get(value) ?? 0;
  }

  get isEmpty(): boolean {
    for (const values of this.#counts.values()) if (values.size > 0) return false;
    return true;
  }

  entries(): Iterable<readonly [string, ReadonlyMap<string, number>]> {
    return this.#counts;
  }
}

const valueOf = (node: NodeInfo, key: string): string | undefined => (Object.hasOwn(node.labels, key) ? node.labels[key] : undefined);

export function interPodAffinity({
  hardPodAffinityWeight = 1,
  ignorePreferredTermsOfExistingPods = false,
}: InterPodAffinityArgs = {}): Plugin {
  return {
    name: 'InterPodAffinity',
    filter: (pod, cluster) => filterOf(pod, cluster),
    score: (pod, cluster) => {
      const own = pod.preferred.length + pod.preferredAnti.length > 0;
      if (ignorePreferredTermsOfExistingPods && !own) return undefined;
      const scores = new Counts();
      const nodes = own ? cluster.nodes : cluster.withAffinity;
      for (const node of nodes) {
        const others = own ? node.pods.values() : node.withAffinity;
        for (const other of others) addScores({ pod, other, node, cluster, scores, hardPodAffinityWeight });
      }
      if (scores.isEmpty) return undefined;
      return {
        score: (node) => {
          let sum = 0;
          for (const [key, values] of scores.entries()) {
            const value = valueOf(node, key);
            if (value !== undefined) sum += values.get(value) ?? 0;
          }
          return sum;
        },
        normalize: scaleBetween,
      };
    },
    helps: (event, pod) => {
      switch (event.kind) {
        case 'nodeAdded':
        case 'namespace':
        case 'self':
          return true;
        case 'nodeChanged':
          return event.what.labels;
        case 'podPlaced':
        case 'podRelabelled':
          return pod.affinity.length > 0 || event.kind === 'podRelabelled';
        case 'podGone':
          return pod.antiAffinity.length > 0 || event.pod.antiAffinity.length > 0;
        default:
          return false;
      }
    },
  };
}

interface ScoreParts {
  readonly pod: PodInfo;
  readonly other: PodInfo;
  readonly node: NodeInfo;
  readonly cluster: Cluster;
  readonly scores: Counts;
  readonly hardPodAffinityWeight: number;
}

function addScores({ pod, other, node, cluster, scores, hardPodAffinityWeight }: ScoreParts): void {
  const add = (term: Term, of: PodInfo, by: number): void => {
    const value = valueOf(node, term.topologyKey);
    if (by !== 0 && value !== undefined && meant(term, of, cluster.namespaceLabels)) scores.add(term.topologyKey, value, by);
  };
  for (const term of pod.preferred) add(term, other, term.weight);
  for (const term of pod.preferredAnti) add(term, other, -term.weight);
  for (const term of other.affinity) add(term, pod, hardPodAffinityWeight);
  for (const term of other.preferred) add(term, pod, term.weight);
  for (const term of other.preferredAnti) add(term, pod, -term.weight);
}

/** The worst node gets nothing, the best the most. */
function scaleBetween(scores: Float64Array): void {
  let least = Infinity;
  let most = -Infinity;
  for (const score of scores) {
    if (score < least) least = score;
    if (score > most) most = score;
  }
  const range = most - least;
  for (let i = 0; i < scores.length; i++) scores[i] = range > 0 ? Math.trunc((MOST_SCORE * ((scores[i] ?? 0) - least)) / range) : 0;
}

/** Counts what the pod wants near it, what it does not, and what does not want it; kept up while preemption is tried out. */
function filterOf(pod: PodInfo, cluster: Cluster): Filter | undefined {
  const wants = pod.affinity.length + pod.antiAffinity.length > 0;
  if (!wants && cluster.withAntiAffinity.size === 0) return undefined;
  const near = new Counts();
  const away = new Counts();
  const unwelcome = new Counts();
  const existing = (other: PodInfo, node: NodeInfo, by: 1 | -1): void => {
    for (const term of other.antiAffinity) {
      const value = valueOf(node, term.topologyKey);
      if (value !== undefined && meant(term, pod, cluster.namespaceLabels)) unwelcome.add(term.topologyKey, value, by);
    }
  };
  const own = (other: PodInfo, node: NodeInfo, by: 1 | -1): void => {
    if (pod.affinity.length > 0 && pod.affinity.every((term) => meant(term, other, cluster.namespaceLabels))) {
      for (const { topologyKey } of pod.affinity) {
        const value = valueOf(node, topologyKey);
        if (value !== undefined) near.add(topologyKey, value, by);
      }
    }
    for (const term of pod.antiAffinity) {
      const value = valueOf(node, term.topologyKey);
      if (value !== undefined && meant(term, other, cluster.namespaceLabels)) away.add(term.topologyKey, value, by);
    }
  };
  for (const node of cluster.withAntiAffinity) for (const other of node.withAntiAffinity) existing(other, node, 1);
  if (wants) for (const node of cluster.nodes) for (const other of node.pods.values()) own(other, node, 1);
  if (!wants && unwelcome.isEmpty) {
    // Nothing to check, unless a pod is put there that does not want this one: only preemption does that.
    return {
      check: (node) => isUnwelcome(node, unwelcome),
      added: (other, node) => existing(other, node, 1),
      removed: (other, node) => existing(other, node, -1),
    };
  }
  // The first of a group that wants to be together has nobody to go to; it may go anywhere that has the labels.
  const isFirst = (): boolean => near.isEmpty && pod.affinity.every((term) => meant(term, pod, cluster.namespaceLabels));
  const hasNear = (node: NodeInfo): boolean => {
    let all = true;
    for (const { topologyKey } of pod.affinity) {
      const value = valueOf(node, topologyKey);
      if (value === undefined) return false;
      if (near.get(topologyKey, value) <= 0) all = false;
    }
    return all || isFirst();
  };
  return {
    check: (node) => {
      if (pod.affinity.length > 0 && !hasNear(node)) return AFFINITY;
      for (const { topologyKey } of pod.antiAffinity) {
        const value = valueOf(node, topologyKey);
        if (value !== undefined && away.get(topologyKey, value) > 0) return ANTI;
      }
      return isUnwelcome(node, unwelcome);
    },
    added: (other, node) => (existing(other, node, 1), own(other, node, 1)),
    removed: (other, node) => (existing(other, node, -1), own(other, node, -1)),
  };
}

function isUnwelcome(node: NodeInfo, unwelcome: Counts): Verdict | undefined {
  for (const [key, values] of unwelcome.entries()) {
    const value = valueOf(node, key);
    if (value !== undefined && (values.get(value) ?? 0) > 0) return EXISTING;
  }
  return undefined;
}
