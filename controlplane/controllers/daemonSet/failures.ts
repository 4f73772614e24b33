/** How long what failed on a node stays there: 1 s after the first, doubled with each up to 15 minutes, forgotten after half an hour. Source: upstream. */
import type { Clock } from '#base/clock.ts';

const FIRST_MS = 1_000;
const LONGEST_MS = 900_000;

export class NodeFailures {
  readonly #clock: Clock;
  readonly #last = new Map<string, { readonly atMs: number; readonly count: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  waitMs(id: string): number {
    const last = this.#last.get(id);
    if (last === undefined) return 0;
    const waitMs = Math.min(FIRST_MS * 2 ** Math.min(last.count - 1, 20), LONGEST_MS);
    return Math.max(0, last.atMs + waitMs - this.#clock.nowMs());
  }

  failed(id: string): void {
    const atMs = this.#clock.nowMs();
    for (const [key, last] of this.#last) if (atMs - last.atMs > 2 * LONGEST_MS) this.#last.delete(key);
    this.#last.set(id, { atMs, count: (this.#last.get(id)?.count ?? 0) + 1 });
  }
}
