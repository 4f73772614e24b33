/**
 * The loop behind times to live in the stores that have no leases of their own: sleeps until the next entry is due, then has the
 * due ones deleted. Entries are never deleted early; how late depends on the load. Wall-clock time, because it must outlive a restart.
 */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';

/** With nothing to expire the loop sleeps this long; poke() ends the sleep. */
const IDLE_MS = 3_600_000;
const RETRY_MS = 5_000;

export interface Expirer {
  /** An entry was written that is due at this time. */
  poke(atMs: number): void;
  /** Ends when the signal aborts. */
  readonly done: Promise<void>;
}

export interface ExpirerOptions {
  readonly clock: Clock;
  readonly log: Logger | undefined;
  readonly signal: AbortSignal;
  /** Deletes what is due by now and returns when the next one is. */
  readonly expire: (nowMs: number) => Promise<number | undefined>;
}

export function startExpirer({ clock, log, signal, expire }: ExpirerOptions): Expirer {
  let nextMs = 0;
  let wake = new AbortController();

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      wake = new AbortController();
      nextMs = Number.POSITIVE_INFINITY;
      let foundMs: number;
      try {
        foundMs = (await expire(clock.nowMs())) ?? clock.nowMs() + IDLE_MS;
      } catch (err) {
        if (signal.aborted) return;
        log?.warn('Entries could not be expired', { retryInMs: RETRY_MS, err });
        foundMs = clock.nowMs() + RETRY_MS;
      }
      // poke() may have lowered it meanwhile.
      nextMs = Math.min(nextMs, foundMs);
      if (nextMs > clock.nowMs()) await clock.sleep(nextMs - clock.nowMs(), AbortSignal.any([signal, wake.signal])).catch(() => undefined);
    }
  };

  return {
    poke: (atMs) => {
      if (atMs >= nextMs) return;
      nextMs = atMs;
      wake.abort();
    },
    done: run(),
  };
}
