/**
 * The store that lives in one directory of this machine: LMDB, memory-mapped. One process at a time.
 * A write is answered after its bytes are on disk. Writes that arrive while a commit is under way share the next one, so that
 * throughput grows with the number of writers while a single one waits for one sync.
 * Layout: embedded/layout.ts. Throws: see errors.ts.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { SystemClock, type Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { formBatch, type Batch } from './embedded/batch.ts';
import { LmdbFile } from './embedded/database.ts';
import { claimDirectory, type StoreDirectory } from './embedded/files.ts';
import { encodeState, FORMAT, READABLE_FORMATS, INFO_KEY, STATE_KEY, type State } from './embedded/layout.ts';
import { changesOf, dueEntries, findAt, findNow, historyOf, listAt, listNow, readLog, readState } from './embedded/reads.ts';
import { DEFAULT_HISTORY, retentionStep, type HistoryOptions } from './embedded/retention.ts';
import { closed, compacted, future, StoreError } from './errors.ts';
import { startExpirer, type Expirer } from './expirer.ts';
import { ChangeFeed, type OlderChanges } from './feed.ts';
import { sealSnapshot } from './snapshot.ts';
import {
  FIRST_REVISION,
  type Entry,
  type ListOptions,
  type Page,
  type ReadOptions,
  type Store,
  type StoreStatus,
  type Version,
  type Watch,
  type WatchOptions,
  type Write,
} from './store.ts';
import { checkKey, checkReadRevision, checkRevision, checkWrites } from './writes.ts';

export interface EmbeddedOptions {
  /** Made when it does not exist. */
  readonly dir: string;
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly history?: Partial<HistoryOptions>;
  /** Writes are refused with STORE_FULL when the file system has less left. */
  readonly minFreeBytes?: number;
  /** How many changes watches share before they read the log; for tests. */
  readonly ringChanges?: number;
}

/** Transactions per commit: bounds how long the first of them waits for the last. */
const BATCH_TRANSACTIONS = 1_000;
/** Changes a watch that is behind reads at a time. */
const CATCH_UP_CHANGES = 500;
const EXPIRE_AT_ONCE = 500;

type Job =
  | {
      readonly kind: 'transaction';
      readonly writes: readonly Write[];
      readonly resolve: (revision: number) => void;
      readonly reject: (err: unknown) => void;
    }
  /** Never rejects. */
  | { readonly kind: 'task'; readonly run: () => Promise<void> };

export class EmbeddedStore implements Store {
  readonly #db: LmdbFile;
  readonly #directory: StoreDirectory;
  readonly #clock: Clock;
  readonly #history: HistoryOptions;
  readonly #feed: ChangeFeed;
  readonly #stop = new AbortController();
  readonly #expirer: Expirer;
  #jobs: Job[] = [];
  #pumping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #state: State;

  static async open(options: EmbeddedOptions): Promise<EmbeddedStore> {
    const directory = claimDirectory(options.dir);
    let db: LmdbFile | undefined;
    try {
      db = new LmdbFile({
        file: directory.dataFile,
        ...(options.minFreeBytes === undefined ? {} : { minFreeBytes: options.minFreeBytes }),
      });
      const state = await openState(db, directory, options);
      return new EmbeddedStore(options, { db, directory, state });
    } catch (err) {
      await db?.close();
      directory.release();
      throw err;
    }
  }

  private constructor(
    options: EmbeddedOptions,
    opened: { readonly db: LmdbFile; readonly directory: StoreDirectory; readonly state: State },
  ) {
    this.#db = opened.db;
    this.#directory = opened.directory;
    this.#state = opened.state;
    this.#clock = options.clock ?? new SystemClock();
    this.#history = { ...DEFAULT_HISTORY, ...options.history };
    this.#feed = new ChangeFeed({
      older: async (after, ringStart) => this.#older(after, ringStart),
      revision: this.#state.revision,
      compactedRevision: this.#state.compacted,
      ...(options.ringChanges === undefined ? {} : { maxChanges: options.ringChanges }),
    });
    this.#expirer = startExpirer({
      clock: this.#clock,
      log: options.log,
      signal: this.#stop.signal,
      expire: (nowMs) => this.#expire(nowMs),
    });
  }

  async revision(): Promise<number> {
    return this.#read(() => readState(this.#db).revision);
  }

  async get(key: string, { revision }: ReadOptions = {}): Promise<Entry | undefined> {
    checkKey(key);
    return this.#read(() => {
      if (revision === undefined) return findNow(this.#db, key)?.entry;
      this.#assertReadable(revision);
      return findAt(this.#db, key, revision);
    });
  }

  async list(options: ListOptions): Promise<Page> {
    const { revision } = options;
    return this.#read(() => {
      if (revision === undefined) return listNow(this.#db, options);
      return this.#assertReadable(revision) ? listNow(this.#db, options) : listAt(this.#db, options, revision);
    });
  }

  async transact(writes: readonly Write[]): Promise<number> {
    checkWrites(writes);
    this.#assertOpen();
    return new Promise((resolve, reject) => this.#enqueue({ kind: 'transaction', writes, resolve, reject }));
  }

  watch(options: WatchOptions): Watch {
    return this.#feed.watch(options);
  }

  /** Resolves when what the compaction frees has been freed. */
  async compact(revision: number): Promise<void> {
    checkRevision(revision);
    await this.#task(async () => {
      if (revision > this.#state.revision) throw future(revision, this.#state.revision);
      if (revision <= this.#state.compacted) return;
      await this.#commitState({ ...this.#state, compacted: revision });
      this.#feed.compact(revision);
    });
    while (await this.#task(() => this.#freeSome()));
  }

  async history(key: string): Promise<readonly Version[]> {
    checkKey(key);
    return this.#read(() => historyOf(this.#db, key));
  }

  async expirations(): Promise<ReadonlyMap<string, number>> {
    return this.#read(() => {
      const found = new Map<string, number>();
      for (const { key, atMs, stamp } of dueEntries(this.#db)) {
        if (findNow(this.#db, key)?.stamp.equals(stamp) === true) found.set(key, atMs);
      }
      return found;
    });
  }

  async status(): Promise<StoreStatus> {
    return this.#read(() => {
      const { revision, compacted: compactedRevision } = readState(this.#db);
      return { revision, compactedRevision, ...this.#db.usage() };
    });
  }

  async snapshot(file: string, signal?: AbortSignal): Promise<void> {
    this.#assertOpen();
    await sealSnapshot(file, (copy) => this.#db.copyTo(copy), signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    this.#feed.close();
    await this.#expirer.done;
    await this.#pumping;
    await this.#db.close();
    this.#directory.release();
  }

  /** Runs between two commits. */
  async #task<T>(run: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    return new Promise((resolve, reject) => this.#enqueue({ kind: 'task', run: () => run().then(resolve, reject) }));
  }

  #enqueue(job: Job): void {
    this.#jobs.push(job);
    this.#pumping ??= this.#pump();
  }

  /** One commit at a time: what fails takes nothing along that was built upon it. */
  async #pump(): Promise<void> {
    while (this.#jobs.length > 0) {
      // Whoever was just answered may have the next write at hand.
      await turn();
      const [first] = this.#jobs;
      if (first?.kind === 'task') {
        this.#jobs.shift();
        await first.run();
      } else {
        const end = this.#jobs.findIndex((job, i) => job.kind === 'task' || i >= BATCH_TRANSACTIONS);
        const jobs = this.#jobs.splice(0, end < 0 ? this.#jobs.length : end);
        await this.#commitBatch(jobs.filter((job) => job.kind === 'transaction'));
      }
    }
    this.#pumping = undefined;
  }

  async #commitBatch(jobs: readonly Extract<Job, { kind: 'transaction' }>[]): Promise<void> {
    let batch: Batch;
    try {
      const start = { revision: this.#state.revision, nowMs: this.#clock.nowMs() };
      batch = formBatch(
        this.#db,
        jobs.map((job) => job.writes),
        start,
      );
      if (batch.sets.length > 0) await this.#commitState({ ...this.#state, revision: batch.revision }, batch);
    } catch (err) {
      // A refusal too may rest on a write that has not happened now.
      const again = codeOf(err) === 'STORE_FULL' ? jobs.filter((job) => !addsData(job.writes)) : [];
      for (const job of jobs) if (!again.includes(job)) job.reject(err);
      if (again.length > 0 && again.length < jobs.length) return this.#commitBatch(again);
      for (const job of again) job.reject(err);
      return;
    }
    this.#feed.publish(batch.sets);
    if (batch.firstDueMs !== undefined) this.#expirer.poke(batch.firstDueMs);
    for (const [i, job] of jobs.entries()) {
      const outcome = batch.outcomes[i];
      if (outcome?.kind === 'done') job.resolve(outcome.revision);
      else job.reject(outcome?.error);
    }
  }

  async #commitState(state: State, batch?: Batch): Promise<void> {
    await this.#db.commit(batch?.addsBytes ?? 0, () => {
      batch?.apply();
      void this.#db.meta.put(STATE_KEY, encodeState(state));
    });
    this.#state = state;
  }

  /** Returns whether there may be more to free. */
  async #freeSome(): Promise<boolean> {
    const step = this.#db.read(() => retentionStep(this.#db, this.#state, this.#history, this.#clock.nowMs()));
    if (step === undefined) return false;
    await this.#db.commit(0, () => {
      for (const stamp of step.removeLog) void this.#db.log.remove(stamp);
      for (const key of step.removePast) void this.#db.past.remove(key);
      void this.#db.meta.put(STATE_KEY, encodeState(step.state));
    });
    this.#state = step.state;
    return true;
  }

  async #expire(nowMs: number): Promise<number | undefined> {
    const due = this.#read(() => dueEntries(this.#db).take(EXPIRE_AT_ONCE).toArray());
    const over = due.filter(({ atMs }) => atMs <= nowMs);
    if (over.length === 0) return due[0]?.atMs;
    await Promise.all(over.map(({ key, stamp }) => this.#deleteVersion(key, stamp)));
    await this.#task(() =>
      this.#db.commit(0, () => {
        for (const { dueKey } of over) void this.#db.due.remove(dueKey);
      }),
    );
    return due[over.length]?.atMs ?? nowMs;
  }

  async #deleteVersion(key: string, stamp: Buffer): Promise<void> {
    const found = this.#read(() => findNow(this.#db, key));
    if (found?.stamp.equals(stamp) !== true) return;
    try {
      await this.transact([{ kind: 'delete', key, ifRevision: found.entry.modRevision }]);
    } catch (err) {
      // Written again in the meantime: then that version's time counts.
      if (codeOf(err) !== 'STORE_CONFLICT') throw err;
    }
  }

  #older(after: number, ringStart: number): OlderChanges {
    return this.#read(() => {
      const { compacted: compactedRevision } = readState(this.#db);
      if (after < compactedRevision) throw compacted(after, compactedRevision);
      const slice = readLog(this.#db, after, ringStart, CATCH_UP_CHANGES);
      return { sets: changesOf(this.#db, slice), through: slice.through };
    });
  }

  /** Returns whether the revision is the present. */
  #assertReadable(revision: number): boolean {
    checkReadRevision(revision);
    const state = readState(this.#db);
    if (revision < state.compacted) throw compacted(revision, state.compacted);
    if (revision > state.revision) throw future(revision, state.revision);
    return revision === state.revision;
  }

  #read<T>(fn: () => T): T {
    this.#assertOpen();
    return this.#db.read(fn);
  }

  #assertOpen(): void {
    if (this.#stop.signal.aborted) throw closed();
  }
}

function addsData(writes: readonly Write[]): boolean {
  return writes.some((write) => write.kind === 'create' || write.kind === 'update');
}

async function openState(db: LmdbFile, directory: StoreDirectory, { dir, clock = new SystemClock() }: EmbeddedOptions): Promise<State> {
  if (directory.empty) {
    const state = { revision: FIRST_REVISION, compacted: 0, purged: 0, trimmed: 0 };
    await db.commit(1, () => {
      void db.meta.put(INFO_KEY, Buffer.from(JSON.stringify({ format: FORMAT, madeAtMs: clock.nowMs() })));
      void db.meta.put(STATE_KEY, encodeState(state));
    });
    directory.markMade();
    return state;
  }
  const info = db.read(() => db.meta.getBinary(INFO_KEY));
  const format: unknown = info === undefined ? undefined : (JSON.parse(info.toString()) as { format: unknown }).format;
  if (!READABLE_FORMATS.includes(format)) {
    const found = typeof format === 'number' ? format : 'none';
    const message = `Cannot open store ${dir}: want format ${FORMAT}, found ${found}; use the version that made it, or restore a snapshot`;
    throw new StoreError('STORE_CORRUPT', message, { facts: { dir, format: found } });
  }
  // An older program, which cannot read what is written from now on, then says so.
  if (format !== FORMAT) {
    const renewed = { ...(JSON.parse(String(info)) as object), format: FORMAT };
    await db.commit(0, () => void db.meta.put(INFO_KEY, Buffer.from(JSON.stringify(renewed))));
  }
  directory.markMade();
  return db.read(() => readState(db));
}
