/**
 * Time as a boundary. Nothing else in the tree may read the wall clock or set a timer.
 * Units: milliseconds since the Unix epoch (nowMs), milliseconds (sleep, monotonicMs).
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  nowMs(): number;
  /** Milliseconds since an arbitrary start; never steps backwards. For durations. */
  monotonicMs(): number;
  /** Resolves after delayMs, or rejects with signal.reason as soon as signal aborts. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
  /** Does work after delayMs unless it is cancelled before, by what is returned. For what is cancelled as a rule: a sleep costs ten times as much. */
  after(delayMs: number, work: () => void): () => void;
}

/** The largest delay a Node timer holds (2^31 - 1 ms, 24.8 days); longer sleeps are cut to it, so that callers look again. */
const LONGEST_TIMER_MS = 2_147_483_647;

export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    try {
      await delay(Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS), undefined, { signal });
    } catch (err) {
      throw signal.aborted ? signal.reason : err;
    }
  }

  after(delayMs: number, work: () => void): () => void {
    const timer = setTimeout(work, Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  }
}

/** A clock that moves only when told to. Ships beside the interface so every test uses the same one. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #startMs: number;
  #sleepers: { atMs: number; wake: () => void }[] = [];

  constructor(nowMs = 0) {
    this.#nowMs = nowMs;
    this.#startMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const sleeper = { atMs: this.#nowMs + delayMs, wake: () => (signal.removeEventListener('abort', onAbort), resolve()) };
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((s) => s !== sleeper);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  after(delayMs: number, work: () => void): () => void {
    const sleeper = { atMs: this.#nowMs + delayMs, wake: work };
    this.#sleepers.push(sleeper);
    return () => void (this.#sleepers = this.#sleepers.filter((s) => s !== sleeper));
  }

  /** How long until the next sleeper wakes; undefined when nothing sleeps. */
  get nextWakeMs(): number | undefined {
    return this.#sleepers.length === 0 ? undefined : Math.min(...this.#sleepers.map((s) => s.atMs)) - this.#nowMs;
  }

  /** Moves time forward and lets everything that became due run to its next await. */
  async advance(byMs: number): Promise<void> {
    this.#nowMs += byMs;
    const due = this.#sleepers.filter((s) => s.atMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter((s) => s.atMs > this.#nowMs);
    for (const sleeper of due) sleeper.wake();
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }
}
