/**
 * What an administrator does with the state of an API server while no API server is asked: save it, look at what was saved, put it back,
 * move it to another store. Throws: the codes of storage/errors.ts, ETCD_FILE.
 */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { StoreSettings } from './config/settings.ts';
import { copyOfEmbedded } from './storage/embeddedCopy.ts';
import { openStore } from './storage/open.ts';
import type { Store } from './storage/store.ts';
import { transferToEmbedded, transferToStore, type TransferResult } from './storage/transfer.ts';

export { restoreSnapshot, snapshotStatus, type SnapshotStatus } from './storage/snapshot.ts';

export interface BackupContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** While an API server runs, too: a reader of its own copies one state of the file. */
export async function saveSnapshot(from: StoreSettings, file: string, context: BackupContext): Promise<void> {
  if (from.kind === 'embedded') return copyOfEmbedded(from.dir, file, context.signal);
  await withStore(from, context, (store) => store.snapshot(file, context.signal));
}

export interface Move extends BackupContext {
  readonly from: StoreSettings;
  readonly to: StoreSettings;
  readonly onProgress?: (entries: number) => void;
}

/** The API servers of both must be stopped: an embedded store is locked by the one that runs, etcd is not. */
export async function moveStore({ from, to, onProgress, ...context }: Move): Promise<TransferResult> {
  const options = { clock: context.clock, signal: context.signal, ...(onProgress === undefined ? {} : { onProgress }) };
  return withStore(from, context, (source) =>
    to.kind === 'embedded'
      ? transferToEmbedded({ ...options, from: source, dir: to.dir })
      : withStore(to, context, (target) => transferToStore({ ...options, from: source, to: target })),
  );
}

async function withStore<T>(settings: StoreSettings, { clock, log, signal }: BackupContext, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore({ settings, withinMs: 0, clock, log }, signal);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
