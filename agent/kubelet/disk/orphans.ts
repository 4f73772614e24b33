/**
 * Removes the directories and control groups of pods that nobody knows by name any more, because their logs are gone: what the
 * workers, who go by names, never find. Only what neither a manifest nor the runtime knows is removed; what fails is tried again.
 */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';

const RETRY_MS = 60_000;

export interface OrphanDeps {
  /** Removes everything of a UID. */
  readonly remove: (uid: string) => Promise<void>;
  /** Whether a manifest asks for it, or the runtime has something of it. */
  readonly isKnown: (uid: string, signal: AbortSignal) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns when nothing is left, or signal aborts. */
export async function removeOrphans(
  uids: readonly string[],
  { remove, isKnown, clock, log }: OrphanDeps,
  signal: AbortSignal,
): Promise<void> {
  let left = uids;
  while (left.length > 0 && !signal.aborted) {
    const failed: string[] = [];
    for (const uid of left) {
      try {
        if (await isKnown(uid, signal)) continue; // its worker removes it when its time has come
        await remove(uid);
        log.info('Removed what an unknown pod left behind', { uid });
      } catch (err) {
        if (signal.aborted) return;
        log.warn('Cannot remove what an unknown pod left behind', { uid, retryInMs: RETRY_MS, err });
        failed.push(uid);
      }
    }
    left = failed;
    if (left.length > 0) await clock.sleep(RETRY_MS, signal).catch(() => undefined);
  }
}
