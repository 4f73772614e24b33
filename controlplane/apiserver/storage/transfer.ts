/**
 * Moves everything from one store to another: embedded to etcd, back, or from memory to a file. What arrives is compared with what
 * was sent, byte by byte. Stop the API servers before: what is written meanwhile is not copied, only counted (`missed`).
 *
 * Kept: keys, values, times to live. Into an embedded store also createRevision, modRevision and the store's revision, so clients
 * notice nothing. etcd gives its own revisions; it is written to until its revision is past the old one, so that no revision a client
 * has seen comes again with other contents, and clients list anew. The past (history, watches from before) is not copied.
 * Throws: STORE_INVALID when the target is not empty, STORE_CORRUPT when the copy differs; what the stores throw; the signal's reason.
 */
import { mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { SystemClock, type Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { EmbeddedStore, type EmbeddedOptions } from './embedded.ts';
import { LmdbFile } from './embedded/database.ts';
import { claimDirectory } from './embedded/files.ts';
import { dueKey, encodeRecord, encodeState, FORMAT, INFO_KEY, STATE_KEY, stampOf } from './embedded/layout.ts';
import { StoreError } from './errors.ts';
import { MAX_TRANSACTION_BYTES, MAX_TRANSACTION_WRITES, type Entry, type Store, type Write } from './store.ts';

export interface TransferOptions {
  readonly from: Store;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly onProgress?: (entries: number) => void;
}

export interface TransferResult {
  readonly entries: number;
  readonly fromRevision: number;
  readonly toRevision: number;
  /** Revisions the source has moved on meanwhile: changes that were not copied. */
  readonly missed: number;
}

const PAGE_ENTRIES = 1_000;

/** Into a directory that does not exist or is empty. It appears complete or not at all. */
export async function transferToEmbedded(options: TransferOptions & { readonly dir: string }): Promise<TransferResult> {
  const { from, dir, clock = new SystemClock() } = options;
  await assertNothingAt(dir);
  const part = await mkdtemp(join(dirname(resolve(dir)), '.kijabi-transfer-'));
  try {
    const fromRevision = await from.revision();
    await fillDirectory(part, options, fromRevision);
    const entries = await opened({ dir: part, clock }, (to) => compare(options, to, fromRevision));
    if (await isThere(dir)) await rmdir(dir);
    await rename(part, dir);
    return { entries, fromRevision, toRevision: fromRevision, missed: (await from.revision()) - fromRevision };
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

/** Into any store that is empty. */
export async function transferToStore(options: TransferOptions & { readonly to: Store }): Promise<TransferResult> {
  const { from, to, signal, clock = new SystemClock(), onProgress } = options;
  if ((await to.list({ prefix: '/registry/', limit: 1 })).entries.length > 0) {
    throw new StoreError('STORE_INVALID', 'Cannot copy the store: the target holds objects already; empty it first');
  }
  const fromRevision = await from.revision();
  const expirations = await from.expirations(signal);
  let copied = 0;
  for await (const entries of pages(from, fromRevision, signal)) {
    for (const writes of transactionsOf(entries, expirations, clock.nowMs())) await to.transact(writes);
    onProgress?.((copied += entries.length));
  }
  const entries = await compare(options, to, fromRevision);
  const toRevision = await raiseRevision(to, fromRevision, signal);
  return { entries, fromRevision, toRevision, missed: (await from.revision()) - fromRevision };
}

/** A snapshot, as restoreSnapshot reads it, of a store that has no files of its own. */
export async function snapshotOf(from: Store, file: string): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), 'kijabi-snapshot-'));
  try {
    const dir = join(parent, 'store');
    await transferToEmbedded({ from, dir, signal: new AbortController().signal });
    await opened({ dir }, (store) => store.snapshot(file));
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

async function opened<T>(options: EmbeddedOptions, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await EmbeddedStore.open(options);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function* pages(from: Store, revision: number, signal: AbortSignal): AsyncGenerator<readonly Entry[]> {
  let after: string | undefined;
  do {
    signal.throwIfAborted();
    const page = await from.list({ prefix: '', limit: PAGE_ENTRIES, revision, signal, ...(after === undefined ? {} : { after }) });
    yield page.entries;
    after = page.next;
  } while (after !== undefined);
}

async function fillDirectory(
  dir: string,
  { from, signal, clock = new SystemClock(), onProgress }: TransferOptions,
  revision: number,
): Promise<void> {
  const directory = claimDirectory(dir);
  const db = new LmdbFile({ file: directory.dataFile });
  try {
    const expirations = await from.expirations(signal);
    const perRevision = new Map<number, number>();
    let copied = 0;
    for await (const entries of pages(from, revision, signal)) {
      const bytes = entries.reduce((sum, e) => sum + e.value.length, 0);
      await db.commit(bytes + 1, () => {
        for (const entry of entries) putEntry(db, entry, { perRevision, expirations, nowMs: clock.nowMs() });
      });
      onProgress?.((copied += entries.length));
    }
    await db.commit(1, () => {
      void db.meta.put(INFO_KEY, Buffer.from(JSON.stringify({ format: FORMAT, madeAtMs: clock.nowMs() })));
      void db.meta.put(STATE_KEY, encodeState({ revision, compacted: revision, purged: revision, trimmed: revision }));
    });
    directory.markMade();
  } finally {
    await db.close();
    directory.release();
  }
}

interface PutContext {
  /** How many entries of each revision have been put: those of one transaction share it. */
  readonly perRevision: Map<number, number>;
  readonly expirations: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

function putEntry(db: LmdbFile, { key, value, createRevision, modRevision }: Entry, { perRevision, expirations, nowMs }: PutContext): void {
  const index = perRevision.get(modRevision) ?? 0;
  perRevision.set(modRevision, index + 1);
  const stamp = stampOf(modRevision, index);
  void db.log.put(stamp, encodeRecord({ key, deleted: false, createRevision, atMs: nowMs, previous: undefined, value }));
  void db.head.put(Buffer.from(key), stamp);
  const atMs = expirations.get(key);
  if (atMs !== undefined) void db.due.put(dueKey(atMs, key), stamp);
}

function* transactionsOf(entries: readonly Entry[], expirations: ReadonlyMap<string, number>, nowMs: number): Generator<readonly Write[]> {
  let writes: Write[] = [];
  let bytes = 0;
  for (const { key, value } of entries) {
    const size = value.length + 2 * Buffer.byteLength(key);
    if (writes.length >= MAX_TRANSACTION_WRITES || (writes.length > 0 && bytes + size > MAX_TRANSACTION_BYTES)) {
      yield writes;
      writes = [];
      bytes = 0;
    }
    const atMs = expirations.get(key);
    // What is due already is copied all the same, to go at once.
    writes.push({ kind: 'create', key, value, ...(atMs === undefined ? {} : { ttlMs: Math.max(1, atMs - nowMs) }) });
    bytes += size;
  }
  if (writes.length > 0) yield writes;
}

/** Returns how many entries there are, the same in both. Entries with a time to live may have gone in the meantime. */
async function compare({ from, signal }: TransferOptions, to: Store, fromRevision: number): Promise<number> {
  const expirations = await from.expirations(signal);
  const copies = flat(pages(to, await to.revision(), signal));
  let entries = 0;
  let copy = await copies.next();
  for await (const { key, value } of flat(pages(from, fromRevision, signal))) {
    if (copy.done !== true && copy.value.key === key && Buffer.compare(copy.value.value, value) === 0) {
      entries += 1;
      copy = await copies.next();
    } else if (!expirations.has(key)) {
      throw new StoreError('STORE_CORRUPT', 'Cannot copy the store: the copy differs; remove it and try again', { facts: { key } });
    }
  }
  if (copy.done !== true) {
    throw new StoreError('STORE_CORRUPT', 'Cannot copy the store: somebody else writes to the target', { facts: { key: copy.value.key } });
  }
  return entries;
}

async function* flat(all: AsyncIterable<readonly Entry[]>): AsyncGenerator<Entry, undefined, undefined> {
  for await (const entries of all) yield* entries;
  return undefined;
}

const RAISERS = 64;
/** Some minutes of writing; beyond that clients must be restarted instead. */
const MAX_RAISE = 2_000_000;

/** Writes until the store's revision is past the other one's, each writer to a key of its own. Returns the revision reached. */
async function raiseRevision(to: Store, beyond: number, signal: AbortSignal): Promise<number> {
  const reached = await to.revision();
  if (reached > beyond || beyond - reached > MAX_RAISE) return reached;
  let newest = reached;
  await Promise.all(
    Array.from({ length: RAISERS }, async (_, i) => {
      const key = `/kijabi/raise-revision/${i}`;
      while (newest <= beyond) {
        signal.throwIfAborted();
        const made = await to.transact([{ kind: 'create', key, value: new Uint8Array() }]);
        newest = Math.max(newest, await to.transact([{ kind: 'delete', key, ifRevision: made }]));
      }
    }),
  );
  return to.revision();
}

async function assertNothingAt(dir: string): Promise<void> {
  if (!(await isThere(dir)) || (await readdir(dir)).length === 0) return;
  throw new StoreError('STORE_INVALID', `Cannot copy the store into ${dir}: it is not empty; name another directory`, { facts: { dir } });
}

async function isThere(dir: string): Promise<boolean> {
  try {
    await readdir(dir);
    return true;
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return false;
    throw err;
  }
}
