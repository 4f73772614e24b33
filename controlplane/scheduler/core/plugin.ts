/**
 * What a plugin is. A plugin is asked once for each pod (prepare what does not depend on the node), and its answer then for each node.
 * Whoever writes one of their own needs nothing but this file (and cluster.ts, nodeInfo.ts, podInfo.ts for reading).
 * Everything here is synchronous but for preBind: a decision is one turn of the event loop.
 */
import type { Cluster } from './cluster.ts';
import type { ClusterEvent } from './events.ts';
import type { NodeInfo } from './nodeInfo.ts';
import type { PodInfo } from './podInfo.ts';

/** Why a node is none for a pod. */
export interface Verdict {
  readonly reasons: readonly string[];
  /** Whether it could become one if pods that are there went. */
  readonly helpedByPreemption: boolean;
}

export interface Filter {
  /** undefined: the node passes. Asked again after pods were put on or taken off to see what would be: read the cluster each time. */
  check(node: NodeInfo): Verdict | undefined;
  /** No other nodes can pass. */
  readonly only?: ReadonlySet<string>;
}

/** The pod cannot be placed anywhere, whatever the nodes are. */
export interface Refusal {
  readonly refused: string;
}

export interface Scorer {
  /** More is better; 0 to 100 unless there is normalize. */
  score(node: NodeInfo): number;
  /** Brings all scores into 0 to 100. */
  normalize?(scores: Float64Array): void;
}

export interface Plugin {
  readonly name: string;
  /** Why the pod must not even be tried; undefined: it may. */
  gate?(pod: PodInfo): string | undefined;
  /** undefined: nothing to check for this pod. */
  filter?(pod: PodInfo, cluster: Cluster): Filter | Refusal | undefined;
  /** undefined: it has no opinion. */
  score?(pod: PodInfo, cluster: Cluster, nodes: readonly NodeInfo[]): Scorer | undefined;
  /** Whether a change could help a pod that this plugin refused. Rather once too often. */
  helps(event: ClusterEvent, pod: PodInfo): boolean;
  /** Called when a node was chosen; what it throws refuses the pod. */
  reserve?(pod: PodInfo, node: NodeInfo): void;
  unreserve?(pod: PodInfo, node: NodeInfo): void;
  /** What has to be done before the pod is bound. */
  preBind?(pod: PodInfo, node: NodeInfo, signal: AbortSignal): Promise<void> | undefined;
}

export const MOST_SCORE = 100;

/** Scales to 0..100 by the largest; reversed: the smaller the better. Source: upstream's default normalization. */
export function normalizeToMost(scores: Float64Array, isReversed = false): void {
  let most = 0;
  for (const score of scores) if (score > most) most = score;
  for (let i = 0; i < scores.length; i++) {
    const scaled = most === 0 ? 0 : Math.floor((MOST_SCORE * (scores[i] ?? 0)) / most);
    scores[i] = isReversed ? MOST_SCORE - scaled : scaled;
  }
}
