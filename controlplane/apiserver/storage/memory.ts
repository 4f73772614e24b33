/** Keeps nothing across a restart. For tests and for throw-away clusters; behaves like the others, past and watches included. */
import { SystemClock, type Clock } from '#base/clock.ts';
import { closed, compacted, future } from './errors.ts';
import { startExpirer, type Expirer } from './expirer.ts';
import { ChangeFeed, type ChangeSet, type OlderChanges } from './feed.ts';
import {
  FIRST_REVISION,
  type Change,
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
import { assertHolds, checkKey, checkReadRevision, checkRevision, checkWrites, compareKeys } from './writes.ts';

export interface MemoryOptions {
  readonly clock?: Clock;
  /** How many changes watches share before they read the log; for tests. */
  readonly ringChanges?: number;
}

export class MemoryStore implements Store {
  readonly #clock: Clock;
  readonly #feed: ChangeFeed;
  readonly #stop = new AbortController();
  readonly #expirer: Expirer;
  /** Every key that has a version left, in order. */
  #keys: string[] = [];
  /** Oldest first; the last one is the present. */
  readonly #versions = new Map<string, Version[]>();
  readonly #expirations = new Map<string, number>();
  /** Every change after #compacted. */
  #log: ChangeSet[] = [];
  #revision = FIRST_REVISION;
  #compacted = 0;

  constructor({ clock = new SystemClock(), ringChanges }: MemoryOptions = {}) {
    this.#clock = clock;
    this.#feed = new ChangeFeed({
      older: async (after, ringStart) => this.#older(after, ringStart),
      revision: FIRST_REVISION,
      compactedRevision: 0,
      ...(ringChanges === undefined ? {} : { maxChanges: ringChanges }),
    });
    this.#expirer = startExpirer({ clock, log: undefined, signal: this.#stop.signal, expire: async (nowMs) => this.#expire(nowMs) });
  }

  async revision(): Promise<number> {
    this.#assertOpen();
    return this.#revision;
  }

  async get(key: string, { revision }: ReadOptions = {}): Promise<Entry | undefined> {
    checkKey(key);
    return this.#at(key, this.#readRevision(revision));
  }

  async list({ prefix, after, limit = Number.POSITIVE_INFINITY, revision }: ListOptions): Promise<Page> {
    const at = this.#readRevision(revision);
    const entries: Entry[] = [];
    let remaining = 0;
    const start = after === undefined || compareKeys(after, prefix) < 0 ? this.#indexOf(prefix) : this.#indexAfter(after);
    for (let i = start; i < this.#keys.length; i++) {
      const key = this.#keys[i] ?? '';
      if (!key.startsWith(prefix)) break;
      const entry = this.#at(key, at);
      if (entry === undefined) continue;
      if (entries.length < limit) entries.push(entry);
      else remaining += 1;
    }
    const last = entries.at(-1);
    return remaining === 0 || last === undefined ? { entries, revision: at } : { entries, revision: at, next: last.key, remaining };
  }

  async transact(writes: readonly Write[]): Promise<number> {
    this.#assertOpen();
    checkWrites(writes);
    for (const write of writes) assertHolds(write, this.#at(write.key, this.#revision));
    const revision = this.#revision + 1;
    const changes: Change[] = [];
    for (const write of writes) {
      if (write.kind !== 'check') changes.push(this.#apply(write, revision));
    }
    this.#revision = revision;
    const set = { revision, changes };
    this.#log.push(set);
    this.#feed.publish([set]);
    return revision;
  }

  watch(options: WatchOptions): Watch {
    return this.#feed.watch(options);
  }

  async compact(revision: number): Promise<void> {
    checkRevision(revision);
    this.#assertOpen();
    if (revision > this.#revision) throw future(revision, this.#revision);
    if (revision <= this.#compacted) return;
    this.#compacted = revision;
    this.#feed.compact(revision);
    this.#log = this.#log.filter((set) => set.revision > revision);
    for (const [key, versions] of this.#versions) {
      const oldest = versions.findLastIndex((v) => v.revision <= revision);
      if (oldest > 0) versions.splice(0, oldest);
      const only = versions[0];
      if (versions.length === 1 && only?.entry === undefined && (only?.revision ?? 0) <= revision) this.#versions.delete(key);
    }
    this.#keys = this.#keys.filter((key) => this.#versions.has(key));
  }

  async history(key: string): Promise<readonly Version[]> {
    this.#assertOpen();
    return (this.#versions.get(key) ?? []).toReversed();
  }

  async expirations(): Promise<ReadonlyMap<string, number>> {
    return new Map(this.#expirations);
  }

  async status(): Promise<StoreStatus> {
    let bytes = 0;
    for (const versions of this.#versions.values()) for (const { entry } of versions) bytes += 100 + (entry?.value.length ?? 0);
    return { revision: this.#revision, compactedRevision: this.#compacted, sizeBytes: bytes, usedBytes: bytes };
  }

  async snapshot(file: string): Promise<void> {
    // Loaded late: a store in memory should not cost the embedded one's library.
    const { snapshotOf } = await import('./transfer.ts');
    await snapshotOf(this, file);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#feed.close();
    await this.#expirer.done;
  }

  #apply(write: Exclude<Write, { kind: 'check' }>, revision: number): Change {
    const { key } = write;
    const previous = this.#at(key, this.#revision);
    this.#expirations.delete(key);
    const entry =
      write.kind === 'delete'
        ? undefined
        : { key, value: copyOf(write.value), createRevision: previous?.createRevision ?? revision, modRevision: revision };
    if (write.kind !== 'delete' && write.ttlMs !== undefined) {
      const atMs = this.#clock.nowMs() + write.ttlMs;
      this.#expirations.set(key, atMs);
      this.#expirer.poke(atMs);
    }
    let versions = this.#versions.get(key);
    if (versions === undefined) {
      this.#versions.set(key, (versions = []));
      this.#keys.splice(this.#indexOf(key), 0, key);
    }
    versions.push({ revision, entry, atMs: this.#clock.nowMs(), ...(write.by === undefined ? {} : { by: write.by }) });
    return { key, revision, entry, previous };
  }

  async #expire(nowMs: number): Promise<number | undefined> {
    let nextMs: number | undefined;
    for (const [key, atMs] of this.#expirations) {
      const entry = this.#at(key, this.#revision);
      if (atMs > nowMs) nextMs = Math.min(nextMs ?? atMs, atMs);
      else if (entry !== undefined) await this.transact([{ kind: 'delete', key, ifRevision: entry.modRevision }]);
    }
    return nextMs;
  }

  #older(after: number, ringStart: number): OlderChanges {
    if (after < this.#compacted) throw compacted(after, this.#compacted);
    return { sets: this.#log.filter((set) => set.revision > after && set.revision <= ringStart), through: ringStart };
  }

  #at(key: string, revision: number): Entry | undefined {
    return this.#versions.get(key)?.findLast((v) => v.revision <= revision)?.entry;
  }

  #readRevision(revision: number | undefined): number {
    this.#assertOpen();
    if (revision === undefined) return this.#revision;
    checkReadRevision(revision);
    if (revision < this.#compacted) throw compacted(revision, this.#compacted);
    if (revision > this.#revision) throw future(revision, this.#revision);
    return revision;
  }

  /** Where the key is or would be. */
  #indexOf(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareKeys(this.#keys[middle] ?? '', key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #indexAfter(key: string): number {
    const index = this.#indexOf(key);
    return this.#keys[index] === key ? index + 1 : index;
  }

  #assertOpen(): void {
    if (this.#stop.signal.aborted) throw closed();
  }
}

/** In a buffer of its own size: a piece of the shared pool would keep all of it alive. */
function copyOf(value: Uint8Array): Buffer {
  const out = Buffer.allocUnsafeSlow(value.length);
  out.set(value);
  return out;
}
