import type { Clock } from '#base/clock.ts';
import { Oldest } from '#base/oldest.ts';

/** Told what becomes of keys, for metrics. */
export interface QueueObserver {
  opened(queue: WorkQueue): void;
  added(key: string): void;
  begun(key: string): void;
  done(key: string): void;
  later(key: string): void;
}

/**
 * A set of dirty keys for one loop. Adding a key twice costs nothing; a key in a worker's hands is
 * not handed out again before done(key); a key added meanwhile comes back after done(key).
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #observer: QueueObserver | undefined;
  readonly #ready = new Set<string>();
  readonly #oldest = new Oldest(() => this.#ready.values());
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { readonly atMs: number; readonly cancel: () => void }>();
  #wake: (() => void)[] = [];

  constructor(clock: Clock, observer?: QueueObserver) {
    this.#clock = clock;
    this.#observer = observer;
    observer?.opened(this);
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#ready.size;
  }

  add(key: string): void {
    if (this.#busy.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    this.#ready.add(key);
    this.#observer?.added(key);
    this.#wakeAll();
  }

  /** One timer per key: the earliest wins, because the turn it starts decides anew when to look again. */
  addAfter(key: string, delayMs: number, signal: AbortSignal): void {
    if (delayMs <= 0) return this.add(key);
    this.#observer?.later(key);
    const atMs = this.#clock.nowMs() + delayMs;
    const pending = this.#timers.get(key);
    if (pending !== undefined && pending.atMs <= atMs) return;
    pending?.cancel();
    if (signal.aborted) return;
    const stopTimer = this.#clock.after(delayMs, () => {
      cancel();
      this.add(key);
    });
    const cancel = (): void => {
      stopTimer();
      signal.removeEventListener('abort', cancel);
      this.#timers.delete(key);
    };
    signal.addEventListener('abort', cancel, { once: true });
    this.#timers.set(key, { atMs, cancel });
  }

  done(key: string): void {
    this.#busy.delete(key);
    this.#observer?.done(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Keys that wait for a worker, are in one's hands, or are due later. 0 means the loop is idle. */
  get size(): number {
    return new Set([...this.#ready, ...this.#busy, ...this.#timers.keys()]).size;
  }

  async *keys(signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    const onAbort = (): void => this.#wakeAll();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const next = this.#oldest.next();
        if (next === undefined) {
          await new Promise<void>((resolve) => this.#wake.push(resolve));
          continue;
        }
        this.#ready.delete(next);
        this.#busy.add(next);
        this.#observer?.begun(next);
        yield next;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const w of wake) w();
  }
}
