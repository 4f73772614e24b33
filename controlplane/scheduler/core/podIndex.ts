/**
 * How many pods there are that answer a question, by node and by the value of a label of their nodes. Made once for each question by looking
 * at all pods, then kept up with each pod that comes or goes, so that asking costs the same however many pods there are.
 */
import type { NodeInfo } from './nodeInfo.ts';
import type { PodInfo } from './podInfo.ts';

export class PodIndex {
  readonly #holds: (pod: PodInfo) => boolean;
  readonly byNode = new Map<NodeInfo, number>();
  readonly #byLabel = new Map<string, Map<string, number>>();
  /** Another one after each change. */
  version = 0;

  constructor(holds: (pod: PodInfo) => boolean) {
    this.#holds = holds;
  }

  add(pod: PodInfo, node: NodeInfo, by: 1 | -1): void {
    if (!this.#holds(pod)) return;
    this.version += 1;
    change(this.byNode, node, by);
    for (const [label, counts] of this.#byLabel) {
      const value = valueOf(node, label);
      if (value !== undefined) change(counts, value, by);
    }
  }

  get isEmpty(): boolean {
    return this.byNode.size === 0;
  }

  /** By the value of this label; nodes without it do not count. Changes with the pods: do not keep it over a change of nodes. */
  by(label: string): ReadonlyMap<string, number> {
    const known = this.#byLabel.get(label);
    if (known !== undefined) return known;
    const counts = new Map<string, number>();
    for (const [node, count] of this.byNode) {
      const value = valueOf(node, label);
      if (value !== undefined) change(counts, value, count);
    }
    this.#byLabel.set(label, counts);
    return counts;
  }

  /** Labels of nodes have changed. */
  forgetLabels(): void {
    this.#byLabel.clear();
    this.version += 1;
  }
}

export function valueOf({ labels }: NodeInfo, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined;
}

function change<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
