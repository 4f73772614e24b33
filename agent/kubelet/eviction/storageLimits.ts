/**
 * Looks now and then how much disk those pods use that have a limit, and ends the ones that use more. Their manifest has to change before
 * they begin again: they would only fill the disk once more.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { EventLog } from '../events.ts';
import type { Fates } from '../pods/fates.ts';
import { keyOf } from '../sources/fileSet.ts';
import { limitsStorage, storageExcess, type StorageUse } from './storage.ts';

export interface StorageLimitsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventLog;
  readonly fates: Fates;
  readonly pods: () => readonly Pod[];
  readonly use: (pods: readonly Pod[], signal: AbortSignal) => Promise<ReadonlyMap<string, StorageUse>>;
  readonly imagesApart: () => Promise<boolean>;
  readonly onPod: (key: string) => void;
}

const EVERY_MS = 10_000;
const GRACE_MS = 1_000;

export class StorageLimits {
  readonly #deps: StorageLimitsDeps;

  constructor(deps: StorageLimitsDeps) {
    this.#deps = deps;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    while (!signal.aborted) {
      await this.look(signal).catch((err: unknown) => {
        // A runtime that is away is told elsewhere.
        if (!signal.aborted && codeOf(err) !== 'CRI_UNAVAILABLE') log.warn('Cannot find out how much disk pods use', { err });
      });
      await clock.sleep(EVERY_MS, signal).catch(() => undefined);
    }
  }

  async look(signal: AbortSignal): Promise<void> {
    const { pods, fates, use, events, log, onPod, imagesApart } = this.#deps;
    const limited = pods().filter((pod) => limitsStorage(pod) && fates.of(pod.metadata.uid) === undefined);
    if (limited.length === 0) return;
    const [used, apart] = await Promise.all([use(limited, signal), imagesApart()]);
    for (const pod of limited) {
      const uid = pod.metadata.uid ?? '';
      const mine = used.get(uid);
      const message = mine === undefined ? undefined : storageExcess(pod, mine, apart);
      if (message === undefined || fates.of(uid) !== undefined) continue;
      const key = keyOf(pod);
      fates.set(uid, { why: 'evicted', reason: 'Evicted', message, graceMs: GRACE_MS, disruption: 'TerminationByKubelet', stays: true });
      events.record(pod, 'Warning', 'Evicted', message);
      log.warn('Evicted pod', { pod: key, uid, signal: 'ephemeral-storage', graceMs: GRACE_MS, why: message.trim() });
      onPod(key);
    }
  }
}
