/** The last decisions with their reasons, in bounded memory. */
import type { Outcome } from '../scheduler.ts';

export interface Remembered {
  readonly pod: string;
  readonly uid: string;
  readonly atMs: number;
  readonly profile: string;
  /** undefined: it was not placed. */
  readonly node: string | undefined;
  readonly message: string | undefined;
  readonly victims: readonly string[];
  readonly refused: readonly { readonly node: string; readonly plugin: string; readonly reasons: readonly string[] }[];
  /** The best first. */
  readonly scored: readonly { readonly node: string; readonly total: number; readonly scores: Readonly<Record<string, number>> }[];
  readonly weights: Readonly<Record<string, number>>;
}

const MOST_DECISIONS = 256;
/** Lines about single nodes in all; on large clusters fewer decisions are kept. */
const MOST_NODES = 50_000;

export class Decisions {
  readonly #kept: Outcome[] = [];
  #nodes = 0;

  take(outcome: Outcome): void {
    this.#kept.push(outcome);
    this.#nodes += sizeOf(outcome);
    while (this.#kept.length > 1 && (this.#kept.length > MOST_DECISIONS || this.#nodes > MOST_NODES)) {
      const oldest = this.#kept.shift();
      this.#nodes -= oldest === undefined ? 0 : sizeOf(oldest);
    }
  }

  /** The newest about a pod. */
  of(key: string): Remembered | undefined {
    const outcome = this.#kept.findLast(({ pod }) => pod.key === key);
    return outcome === undefined ? undefined : told(outcome);
  }

  all(): readonly Remembered[] {
    return this.#kept.map(told);
  }
}

function sizeOf({ decision }: Outcome): number {
  return decision.refused.size + (decision.kind === 'fits' ? decision.feasible.length * (1 + decision.scores.length) : 0);
}

function told({ pod, profile, decision, preemption, message, atMs }: Outcome): Remembered {
  const fits = decision.kind === 'fits' ? decision : undefined;
  return {
    pod: pod.key,
    uid: pod.uid,
    atMs,
    profile: profile.schedulerName,
    node: fits?.node.name,
    message,
    victims: preemption?.kind === 'victims' ? preemption.candidate.victims.map((v) => v.key) : [],
    refused: [...decision.refused].map(([node, { plugin, verdict }]) => ({ node: node.name, plugin, reasons: verdict.reasons })),
    scored: (fits?.feasible ?? [])
      .map((node, i) => ({
        node: node.name,
        total: fits?.totals[i] ?? 0,
        scores: Object.fromEntries((fits?.scores ?? []).map(({ plugin, scores }) => [plugin, scores[i] ?? 0])),
      }))
      .toSorted((a, b) => b.total - a.total),
    weights: Object.fromEntries((fits?.scores ?? []).map(({ plugin, weight }) => [plugin, weight])),
  };
}
