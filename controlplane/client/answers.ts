/** Answers that were dear, kept for a while in bounded memory. Apart from what asks, which a daemon may never load. Units: milliseconds. */
import type { Clock } from '#base/clock.ts';

const KEPT_ANSWERS = 1_000;

/** Remembers answers for a while; the oldest go first. */
export class Answers<T> {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly value: T; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async get(key: string, ask: () => Promise<T>, keepMs: (value: T) => number): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#kept.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.value;
    const value = await ask();
    this.#kept.delete(key);
    this.#kept.set(key, { value, untilMs: nowMs + keepMs(value) });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_ANSWERS) break;
      this.#kept.delete(oldest);
    }
    return value;
  }
}
