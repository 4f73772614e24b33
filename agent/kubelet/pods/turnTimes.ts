/** Since when pods are looked at, and how long their turns take: for health and metrics. By the monotonic clock. */
import type { Clock } from '#base/clock.ts';

export type TurnKind = 'create' | 'sync' | 'kill';

export class TurnTimes {
  readonly #clock: Clock;
  readonly #looking = new Map<string, number>();
  readonly #began = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A turn begins with a look. */
  async look<T>(key: string, work: () => Promise<T>): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    this.#looking.set(key, nowMs);
    this.#began.set(key, nowMs);
    return work().finally(() => this.#looking.delete(key));
  }

  /** How long the turn took that ends; undefined: none had begun. */
  end(key: string): number | undefined {
    const beganMs = this.#began.get(key);
    this.#began.delete(key);
    return beganMs === undefined ? undefined : this.#clock.monotonicMs() - beganMs;
  }

  /** The look that lasts longest. */
  longest(): { pod: string; sinceMs: number } | undefined {
    const [first] = [...this.#looking].sort(([, a], [, b]) => a - b);
    return first === undefined ? undefined : { pod: first[0], sinceMs: first[1] };
  }
}
