/**
 * The store that several API servers share: an etcd v3 cluster. Keys and values stand in it as they are, so etcdctl and upstream's
 * tools read them. All reads are linearizable unless a revision is named.
 * The etcd user must be allowed to read and watch all keys (see etcd/hub.ts). Throws: see errors.ts.
 */
import { createWriteStream } from 'node:fs';
import { mkdtemp, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SystemClock, type Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { EtcdClient, TIMEOUT_MS, type EtcdTls } from './etcd/client.ts';
import { entryOf, readOlder, responses, revisionOf, runHub } from './etcd/hub.ts';
import { Leases } from './etcd/leases.ts';
import {
  COMPACT,
  LEASE_LEASES,
  LEASE_TIME_TO_LIVE,
  NUL,
  RANGE,
  SNAPSHOT,
  STATUS,
  TXN,
  type Compare,
  type RequestOp,
  type TxnResponse,
} from './etcd/wire.ts';
import { closed, StoreError } from './errors.ts';
import { ChangeFeed } from './feed.ts';
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
import { assertHolds, checkKey, checkReadRevision, checkRevision, checkWrites, prefixEnd } from './writes.ts';

export interface EtcdOptions {
  /** Such as https://10.0.0.1:2379; one that fails is left for the next. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** How long a request may take before it fails with STORE_UNAVAILABLE. */
  readonly timeoutMs?: number;
  /** How many changes watches share before they ask etcd for older ones; for tests. */
  readonly ringChanges?: number;
}

/** Entries per request of a list without a limit: bounds the size of one message, 20 MB of 4 KiB pods. */
const PAGE_ENTRIES = 5_000;

export class EtcdStore implements Store {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  readonly #leases: Leases;
  readonly #feed: ChangeFeed;
  readonly #stop = new AbortController();
  readonly #watching = Promise.withResolvers<void>();
  readonly #hub: Promise<void>;
  #closing: Promise<void> | undefined;

  /** Fails with STORE_UNAVAILABLE unless most members answer. */
  static async open(options: EtcdOptions): Promise<EtcdStore> {
    const { endpoints, tls, timeoutMs, clock = new SystemClock() } = options;
    const client = new EtcdClient({
      endpoints,
      clock,
      ...(tls === undefined ? {} : { tls }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    let store: EtcdStore | undefined;
    const watching = new AbortController();
    try {
      store = new EtcdStore(options, client, await revisionOf(client));
      const late = clock.sleep(timeoutMs ?? TIMEOUT_MS, watching.signal).then(() => {
        throw new StoreError('STORE_UNAVAILABLE', 'Cannot watch etcd: it does not answer; check that most of its members run');
      });
      await Promise.race([store.#watching.promise, late]);
      return store;
    } catch (err) {
      await store?.close();
      client.close();
      throw err;
    } finally {
      watching.abort();
    }
  }

  private constructor({ clock = new SystemClock(), log, ringChanges }: EtcdOptions, client: EtcdClient, revision: number) {
    this.#client = client;
    this.#clock = clock;
    this.#leases = new Leases(client, clock);
    this.#feed = new ChangeFeed({
      older: (after, ringStart, signal) => readOlder(client, after, ringStart, signal),
      revision,
      compactedRevision: 0,
      ...(ringChanges === undefined ? {} : { maxChanges: ringChanges }),
    });
    this.#hub = runHub(this.#feed, { client, clock, log, signal: this.#stop.signal, onWatching: () => this.#watching.resolve() });
  }

  async revision(signal?: AbortSignal): Promise<number> {
    this.#assertOpen();
    return revisionOf(this.#client, signal);
  }

  async get(key: string, { revision, signal }: ReadOptions = {}): Promise<Entry | undefined> {
    this.#assertOpen();
    checkKey(key);
    if (revision !== undefined) checkReadRevision(revision);
    const { kvs } = await this.#client.call(RANGE, { key: Buffer.from(key), revision: revision ?? 0 }, { repeatable: true, signal });
    return kvs[0] === undefined ? undefined : entryOf(kvs[0]);
  }

  async list({ prefix, after, limit = Number.POSITIVE_INFINITY, revision, signal }: ListOptions): Promise<Page> {
    this.#assertOpen();
    if (revision !== undefined) checkReadRevision(revision);
    const end = prefixEnd(prefix) ?? NUL;
    const entries: Entry[] = [];
    let key = startOf(prefix, after);
    let at = revision;
    for (;;) {
      const request = { key, range_end: end, limit: Math.min(limit - entries.length, PAGE_ENTRIES), revision: at ?? 0 };
      const { header, kvs, more, count } = await this.#client.call(RANGE, request, { repeatable: true, signal });
      at ??= header.revision;
      for (const kv of kvs) entries.push(entryOf(kv));
      const last = entries.at(-1);
      if (!more || last === undefined) return { entries, revision: at };
      if (entries.length >= limit) return { entries, revision: at, next: last.key, remaining: count - kvs.length };
      key = startOf(prefix, last.key);
    }
  }

  async transact(writes: readonly Write[]): Promise<number> {
    this.#assertOpen();
    checkWrites(writes);
    try {
      return await this.#transact(writes);
    } catch (err) {
      if (!/requested lease not found/.test(explain(err))) throw err;
      this.#leases.forget();
      return this.#transact(writes);
    }
  }

  async #transact(writes: readonly Write[]): Promise<number> {
    const success = await Promise.all(writes.filter((w) => w.kind !== 'check').map((write) => this.#request(write)));
    const failure = writes.map(({ key }) => ({ request_range: { key: Buffer.from(key) } }));
    const answer = await this.#client.call(TXN, { compare: writes.map(comparison), success, failure }, { repeatable: false });
    if (answer.succeeded) return answer.header.revision;
    throw refusal(writes, answer);
  }

  async #request(write: Exclude<Write, { kind: 'check' }>): Promise<RequestOp> {
    const key = Buffer.from(write.key);
    if (write.kind === 'delete') return { request_delete_range: { key } };
    const lease = write.ttlMs === undefined ? 0 : await this.#leases.lease(write.ttlMs);
    return { request_put: { key, value: write.value, lease } };
  }

  watch(options: WatchOptions): Watch {
    return this.#feed.watch(options);
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen();
    checkRevision(revision);
    try {
      await this.#client.call(COMPACT, { revision, physical: false }, { repeatable: true });
    } catch (err) {
      // Somebody was faster, perhaps another API server.
      if (codeOf(err) !== 'STORE_COMPACTED') throw err;
    }
    this.#feed.compact(revision);
  }

  /** etcd keeps nothing beyond compaction, and no times. */
  async history(key: string, signal?: AbortSignal): Promise<readonly Version[]> {
    this.#assertOpen();
    checkKey(key);
    const stop = AbortSignal.any([this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
    const until = await revisionOf(this.#client, stop);
    const changes: Change[] = [];
    for (let after = FIRST_REVISION; after < until;) {
      try {
        // The whole store's changes, because only they tell where the end is.
        const older = await readOlder(this.#client, after, until, stop);
        after = older.through;
        for (const set of older.sets) changes.push(...set.changes.filter((change) => change.key === key));
      } catch (err) {
        const from = await this.#compactedRevision(err, stop);
        if (from <= after) throw err;
        after = from;
        changes.length = 0;
      }
    }
    const first = changes[0]?.previous ?? (changes.length === 0 ? await this.get(key, { signal: stop }) : undefined);
    const versions: Version[] = changes.map(({ revision, entry }) => ({ revision, entry }));
    return (first === undefined ? versions : [{ revision: first.modRevision, entry: first }, ...versions]).toReversed();
  }

  /** Asks etcd by way of a watch from the beginning; given the error of a read that came too late. */
  async #compactedRevision(tooLate: unknown, signal: AbortSignal): Promise<number> {
    if (codeOf(tooLate) !== 'STORE_COMPACTED') throw tooLate;
    try {
      for await (const { created } of responses(this.#client, { afterRevision: 0, key: NUL, signal })) if (!created) break;
    } catch (err) {
      if (err instanceof StoreError && typeof err.facts['compactedRevision'] === 'number') return err.facts['compactedRevision'];
      throw err;
    }
    throw tooLate;
  }

  async expirations(signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
    this.#assertOpen();
    const found = new Map<string, number>();
    const { leases } = await this.#client.call(LEASE_LEASES, {}, { repeatable: true, signal });
    for (const { ID } of leases) {
      const { TTL, keys } = await this.#client.call(LEASE_TIME_TO_LIVE, { ID, keys: true }, { repeatable: true, signal });
      const atMs = this.#clock.nowMs() + Number(TTL) * 1_000;
      if (Number(TTL) >= 0) for (const key of keys) found.set(key.toString(), atMs);
    }
    return found;
  }

  async status(signal?: AbortSignal): Promise<StoreStatus> {
    this.#assertOpen();
    const revision = await revisionOf(this.#client, signal);
    const { dbSize, dbSizeInUse } = await this.#client.call(STATUS, {}, { repeatable: true, signal });
    return { revision, sizeBytes: dbSize, usedBytes: dbSizeInUse };
  }

  /** As `etcdctl snapshot save`: the file is for `etcdctl snapshot restore`. */
  async snapshot(file: string, signal?: AbortSignal): Promise<void> {
    this.#assertOpen();
    const parent = dirname(resolve(file));
    const dir = await mkdtemp(join(parent, '.kijabi-snapshot-'));
    const part = join(dir, 'part');
    const stop = AbortSignal.any([this.#stop.signal, ...(signal === undefined ? [] : [signal])]);
    try {
      const stream = await this.#client.download(SNAPSHOT, {}, stop);
      const blobs = async function* (): AsyncGenerator<Buffer> {
        for await (const { blob } of stream as AsyncIterable<{ readonly blob: Buffer }>) yield blob;
      };
      await pipeline(blobs(), createWriteStream(part, { mode: 0o600, flush: true }));
      await rename(part, file);
      const handle = await open(parent);
      await handle.sync();
      await handle.close();
    } catch (err) {
      signal?.throwIfAborted();
      if (err instanceof StoreError) throw err;
      throw new StoreError('STORE_UNAVAILABLE', `Cannot save snapshot of etcd to ${file}: ${explain(err)}`, {
        facts: { file },
        cause: err,
      });
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop.abort(closed());
    this.#feed.close();
    this.#client.close();
    await this.#hub;
  }

  #assertOpen(): void {
    if (this.#stop.signal.aborted) throw closed();
  }
}

function startOf(prefix: string, after: string | undefined): Buffer {
  const first = Buffer.from(prefix);
  const behind = after === undefined ? first : Buffer.from(`${after}\0`);
  const start = Buffer.compare(behind, first) > 0 ? behind : first;
  return start.length === 0 ? NUL : start;
}

function comparison(write: Write): Compare {
  const ifRevision = write.kind === 'create' ? 0 : write.ifRevision;
  // Only create and check may mean "absent" by 0; no entry is ever at -1.
  const wanted = ifRevision === 0 && (write.kind === 'update' || write.kind === 'delete') ? -1 : ifRevision;
  return { result: 'EQUAL', target: 'MOD', key: Buffer.from(write.key), mod_revision: wanted };
}

/** The error of the first write whose comparison did not hold. */
function refusal(writes: readonly Write[], { responses: found }: TxnResponse): unknown {
  try {
    for (const [i, write] of writes.entries()) {
      const kv = found[i]?.response_range?.kvs[0];
      assertHolds(write, kv === undefined ? undefined : entryOf(kv));
    }
  } catch (err) {
    return err;
  }
  return new StoreError('STORE_UNAVAILABLE', 'Cannot write to etcd: it refused a transaction whose comparisons hold');
}
