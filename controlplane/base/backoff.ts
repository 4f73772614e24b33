/** Per-key exponential delay, in milliseconds: min(baseMs * 2^failures, maxMs). */
export class Backoff {
  readonly #failures = new Map<string, number>();
  readonly #baseMs: number;
  readonly #maxMs: number;

  constructor(baseMs: number, maxMs: number) {
    if (!(baseMs > 0 && maxMs >= baseMs)) {
      throw new RangeError(`Cannot make a back-off with baseMs=${baseMs} and maxMs=${maxMs}: want 0 < baseMs <= maxMs`);
    }
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
  }

  nextMs(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return Math.min(this.#baseMs * 2 ** Math.min(failures, 30), this.#maxMs);
  }

  reset(key: string): void {
    this.#failures.delete(key);
  }
}
