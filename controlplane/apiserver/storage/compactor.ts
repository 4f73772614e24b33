/**
 * Gives up the past now and then: every interval, what was the newest revision one interval ago. So reads and watches reach back at
 * least one interval and at most two. Several API servers over one etcd may each run it: the second finds the work done.
 * Source: upstream compacts etcd every 5 minutes in the same way (--etcd-compaction-interval).
 */
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Store } from './store.ts';

export const COMPACTION_INTERVAL_MS = 300_000;

export interface CompactorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** 0: never. */
  readonly intervalMs?: number;
}

/** Ends with the signal; until then it takes every trouble for a passing one. */
export async function runCompactor(
  { store, clock, log, intervalMs = COMPACTION_INTERVAL_MS }: CompactorOptions,
  signal: AbortSignal,
): Promise<void> {
  if (intervalMs === 0) return;
  let before: number | undefined;
  while (!signal.aborted) {
    try {
      const now = await store.revision(signal);
      if (before !== undefined) await store.compact(before);
      before = now;
    } catch (err) {
      if (signal.aborted || codeOf(err) === 'STORE_CLOSED') return;
      log.warn('Store could not be compacted', { retryInMs: intervalMs, err });
    }
    await clock.sleep(intervalMs, signal).catch(() => undefined);
  }
}
