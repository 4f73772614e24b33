/**
 * InterPodAffinity: near to and away from other pods, also the other way round: a pod that is there may want nobody near it.
 * Near means: on a node with the same value of a label. Nothing is counted here: the cluster keeps the counts.
 */
import type { Labels } from '#api/labels.ts';
import type { Cluster } from '../core/cluster.ts';
import type { NodeInfo } from '../core/nodeInfo.ts';
import { MOST_SCORE, type Filter, type Plugin, type Verdict } from '../core/plugin.ts';
import { valueOf, type PodIndex } from '../core/podIndex.ts';
import { meant, type PodInfo, type Term } from '../core/podInfo.ts';
import type { Carried } from '../core/termIndex.ts';

const AFFINITY: Verdict = { reasons: ["node(s) didn't match pod affinity rules"], helpedByPreemption: false };
const ANTI: Verdict = { reasons: ["node(s) didn't match pod anti-affinity rules"], helpedByPreemption: true };
const EXISTING: Verdict = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], helpedByPreemption: true };

export interface InterPodAffinityArgs {
  readonly hardPodAffinityWeight?: number;
  readonly ignorePreferredTermsOfExistingPods?: boolean;
}

export function interPodAffinity({
  hardPodAffinityWeight = 1,
  ignorePreferredTermsOfExistingPods = false,
}: InterPodAffinityArgs = {}): Plugin {
  return {
    name: 'InterPodAffinity',
    filter: filterOf,
    score: (pod, cluster) => {
      const parts = scoreParts(pod, cluster, { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods });
      if (parts.length === 0) return undefined;
      return {
        score: (node) => {
          let sum = 0;
          for (const { label, counts, weight } of parts) {
            const value = valueOf(node, label);
            if (value !== undefined) sum += weight * (counts.get(value) ?? 0);
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
        case 'podRelabelled':
          return true;
        case 'nodeChanged':
          return event.what.labels;
        case 'podPlaced':
          return pod.affinity.length > 0;
        case 'podGone':
          return pod.antiAffinity.length > 0 || event.pod.antiAffinity.length > 0;
        default:
          return false;
      }
    },
  };
}

interface Part {
  readonly label: string;
  readonly counts: ReadonlyMap<string, number>;
  readonly weight: number;
}

function scoreParts(
  pod: PodInfo,
  cluster: Cluster,
  { hardPodAffinityWeight, ignorePreferredTermsOfExistingPods }: Required<InterPodAffinityArgs>,
): readonly Part[] {
  const parts: Part[] = [];
  const add = (pods: PodIndex, label: string, weight: number): void => {
    if (weight !== 0 && !pods.isEmpty) parts.push({ label, counts: pods.by(label), weight });
  };
  const { namespaceLabels, terms } = cluster;
  for (const term of pod.preferred) add(matching([term], cluster), term.topologyKey, term.weight);
  for (const term of pod.preferredAnti) add(matching([term], cluster), term.topologyKey, -term.weight);
  if (ignorePreferredTermsOfExistingPods && pod.preferred.length + pod.preferredAnti.length === 0) return parts;
  for (const { term, pods } of terms.affinity.all())
    if (meant(term, pod, namespaceLabels)) add(pods, term.topologyKey, hardPodAffinityWeight);
  for (const { term, pods } of terms.preferred.all()) if (meant(term, pod, namespaceLabels)) add(pods, term.topologyKey, term.weight);
  for (const { term, pods } of terms.preferredAnti.all()) if (meant(term, pod, namespaceLabels)) add(pods, term.topologyKey, -term.weight);
  return parts;
}

/** Pods that all of these terms mean. */
function matching(terms: readonly Term[], cluster: Cluster): PodIndex {
  const { namespaceLabels } = cluster;
  return cluster.counting(`terms ${terms.map(({ id }) => id).join()}`, (other) =>
    terms.every((term) => meant(term, other, namespaceLabels)),
  );
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

function filterOf(pod: PodInfo, cluster: Cluster): Filter | undefined {
  const { affinity, antiAffinity } = pod;
  const { namespaceLabels, terms } = cluster;
  // Whoever does not want it here; others may be put on while preemption is tried out, and be new.
  const wants = affinity.length + antiAffinity.length > 0;
  if (!wants && terms.antiAffinity.isEmpty && !cluster.hasNominated) return undefined;
  const near = affinity.length === 0 ? undefined : matching(affinity, cluster);
  const away = antiAffinity.map((term) => [term.topologyKey, matching([term], cluster)] as const);
  let revision = -1;
  let unwelcoming: readonly Carried<Term>[] = [];
  const look = (): readonly Carried<Term>[] => {
    if (revision !== terms.antiAffinity.revision) {
      ({ revision } = terms.antiAffinity);
      unwelcoming = [...terms.antiAffinity.all()].filter(({ term }) => meant(term, pod, namespaceLabels));
    }
    return unwelcoming;
  };
  return {
    check: (node) => {
      if (near !== undefined && !isNear({ pod, node, near, namespaceLabels })) return AFFINITY;
      for (const [label, pods] of away) if (countAt(pods, node, label) > 0) return ANTI;
      for (const { term, pods } of look()) if (countAt(pods, node, term.topologyKey) > 0) return EXISTING;
      return undefined;
    },
  };
}

function countAt(pods: PodIndex, node: NodeInfo, label: string): number {
  const value = valueOf(node, label);
  return value === undefined ? 0 : (pods.by(label).get(value) ?? 0);
}

interface Near {
  readonly pod: PodInfo;
  readonly node: NodeInfo;
  readonly near: PodIndex;
  readonly namespaceLabels: (namespace: string) => Labels | undefined;
}

function isNear({ pod, node, near, namespaceLabels }: Near): boolean {
  if (pod.affinity.some(({ topologyKey }) => valueOf(node, topologyKey) === undefined)) return false;
  if (pod.affinity.every(({ topologyKey }) => countAt(near, node, topologyKey) > 0)) return true;
  // The first of a group that wants to be together has nobody to go to; it may go wherever there are the labels.
  const isFirst = pod.affinity.every(({ topologyKey }) => near.by(topologyKey).size === 0);
  return isFirst && pod.affinity.every((term) => meant(term, pod, namespaceLabels));
}
