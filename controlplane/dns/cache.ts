/**
 * Answers by what was asked, for as long as they may be kept; the oldest go when there is no more room. Pure: time is given.
 * Units: milliseconds (monotonic), seconds (ages).
 */
import type { StoredAnswer } from './stored.ts';

export interface Kept {
  readonly stored: StoredAnswer;
  readonly atMs: number;
  readonly untilMs: number;
}

export class AnswerCache {
  readonly #kept = new Map<string, Kept>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(key: string, nowMs: number): Kept | undefined {
    const found = this.#kept.get(key);
    if (found === undefined || nowMs < found.untilMs) return found;
    this.#kept.delete(key);
    return undefined;
  }

  set(key: string, kept: Kept): void {
    if (this.#most === 0 || kept.untilMs <= kept.atMs) return;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size <= this.#most) return;
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      return;
    }
  }

  clear(): void {
    this.#kept.clear();
  }
}
