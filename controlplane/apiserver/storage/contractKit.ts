/** What the parts of the contract suite share. */
import assert from 'node:assert/strict';
import type { Store, WatchBatch } from './store.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Nothing is stored below it yet, and nobody else writes there. */
  readonly root: string;
  /** Ends the store and opens the same data again. Absent: nothing outlives the store. */
  readonly reopen?: () => Promise<OpenedStore>;
  /** Moves the store's clock. Absent: it has a clock of its own. */
  readonly advance?: (byMs: number) => Promise<void>;
  close(): Promise<void>;
}

export interface ContractOptions {
  readonly open: () => Promise<OpenedStore>;
  /** Why the store cannot be tested here. */
  readonly skip?: string | undefined;
  readonly modelRuns: number;
  readonly oracleWrites: number;
}

export interface Batches {
  /** undefined: the watch is over. */
  next(): Promise<WatchBatch | undefined>;
  return(): Promise<unknown>;
  progressTo(revision: number): void;
}

export function watchFrom(store: Store, prefix: string, afterRevision: number, signal: AbortSignal): Batches {
  const watch = store.watch({ prefix, afterRevision, signal });
  const iterator = watch[Symbol.asyncIterator]();
  const next = async (): Promise<WatchBatch | undefined> => {
    const result = await iterator.next();
    return result.done === true ? undefined : result.value;
  };
  return { next, return: async () => iterator.return?.(), progressTo: (revision) => watch.progressTo(revision) };
}

/** The error of a promise that must fail. */
export async function fails(done: Promise<unknown>): Promise<unknown> {
  const failed = await done.then(
    () => undefined,
    (err: unknown) => ({ err }),
  );
  assert.ok(failed !== undefined, 'should have been refused');
  return failed.err;
}

export function must<T>(found: T | undefined): T {
  assert.ok(found !== undefined, 'nothing there');
  return found;
}
