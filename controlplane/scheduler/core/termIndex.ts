/**
 * Terms of (anti-)affinity that pods carry, each with the pods that carry it: thousands of pods of one template are one term.
 */
import type { NodeInfo } from './nodeInfo.ts';
import { PodIndex } from './podIndex.ts';
import type { PodInfo, Term, WeightedTerm } from './podInfo.ts';

export interface Carried<T extends Term> {
  readonly term: T;
  readonly pods: PodIndex;
}

export class TermIndex<T extends Term | WeightedTerm> {
  readonly #termsOf: (pod: PodInfo) => readonly T[];
  readonly #carried = new Map<string, Carried<T>>();
  /** Another one whenever there are other terms. */
  revision = 0;

  constructor(termsOf: (pod: PodInfo) => readonly T[]) {
    this.#termsOf = termsOf;
  }

  add(pod: PodInfo, node: NodeInfo, by: 1 | -1): void {
    for (const term of this.#termsOf(pod)) {
      const key = 'weight' in term ? `${term.weight} ${term.id}` : term.id;
      let carried = this.#carried.get(key);
      if (carried === undefined) {
        this.#carried.set(key, (carried = { term, pods: new PodIndex(() => true) }));
        this.revision += 1;
      }
      carried.pods.add(pod, node, by);
      if (!carried.pods.isEmpty) continue;
      this.#carried.delete(key);
      this.revision += 1;
    }
  }

  get isEmpty(): boolean {
    return this.#carried.size === 0;
  }

  all(): Iterable<Carried<T>> {
    return this.#carried.values();
  }

  forgetLabels(): void {
    for (const { pods } of this.#carried.values()) pods.forgetLabels();
  }
}
