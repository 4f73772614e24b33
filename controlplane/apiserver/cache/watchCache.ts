/**
 * The state of the whole store in memory, kept up to date by one watch of it. Reads are answered from here; a consistent read first asks the
 * store how far it is and waits until the cache is there too, which costs nothing when it is.
 * All resources share one revision, so "up to date" is one number.
 *
 * Differs: upstream has one cache, one watch and one progress per resource. One for all means one stream from the store, and a bookmark
 * is as fresh as the whole cluster.
 */
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { futureVersion, unavailable } from '../status.ts';
import type { Store, Watch, WatchBatch } from '../storage/store.ts';
import type { FieldReaders } from './object.ts';
import { ResourceCache } from './resourceCache.ts';

export const ROOT = '/registry/';
const PAGE = 1_000;
const RETRY_MS = 1_000;
/** How long a read waits for a revision that has not come yet. Source: upstream's limit for waiting on its watch cache. */
const FRESH_MS = 3_000;

export interface WatchCacheOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

interface Written {
  readonly value: Buffer;
  readonly object: KubeObject;
}

export class WatchCache {
  readonly store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #resources = new Map<string, ResourceCache>();
  /** What this server is writing, so that its own writes need not be decoded when they come back. */
  readonly #written = new Map<string, Written>();
  #waiters: Waiter[] = [];
  #revision = 0;
  #following: Watch | undefined;
  /** Settles, and never fails, when the question under way has been answered. */
  #asked: Promise<void> | undefined;
  /** The question that comes after it. */
  #next: Promise<number> | undefined;
  #generation = new AbortController();

  constructor({ store, clock, log }: WatchCacheOptions) {
    this.store = store;
    this.#clock = clock;
    this.#log = log;
  }

  /** Before start. A second time for the same prefix gives the same cache. */
  register(prefix: string, readers: FieldReaders): ResourceCache {
    const known = this.#resources.get(prefix);
    if (known !== undefined) return known;
    const made = new ResourceCache(prefix, readers);
    this.#resources.set(prefix, made);
    return made;
  }

  resources(): Iterable<ResourceCache> {
    return this.#resources.values();
  }

  /** Every change up to here is in the cache, and all live watches have been told. */
  get revision(): number {
    return this.#revision;
  }

  get isFollowing(): boolean {
    return this.#following !== undefined;
  }

  /** Aborted when what watches were told no longer leads to what is here: they must start anew. */
  get generation(): AbortSignal {
    return this.#generation.signal;
  }

  /** Resolves when everything has been read; done resolves when following has ended, which it does with the signal. */
  async start(signal: AbortSignal): Promise<{ readonly done: Promise<void> }> {
    await this.#load(signal);
    return { done: this.#follow(signal) };
  }

  /** Makes the cache at least as new as every write acknowledged before the call. */
  async fresh(): Promise<number> {
    const revision = await this.#newest();
    if (revision > this.#revision) await this.waitFor(revision);
    return this.#revision;
  }

  /** Throws Timeout when the revision does not come. */
  async waitFor(revision: number): Promise<void> {
    if (revision <= this.#revision) return;
    const done = new AbortController();
    const come = new Promise<void>((resolve) => this.#waiters.push({ revision, resolve }));
    this.#following?.progressTo(revision);
    const late = this.#clock.sleep(FRESH_MS, done.signal).catch(() => undefined);
    await Promise.race([come, late]);
    done.abort();
    this.#waiters = this.#waiters.filter((w) => w.revision > this.#revision);
    if (revision > this.#revision) throw futureVersion(revision, this.#revision);
  }

  /** These bytes are on their way to the store and mean this object. */
  willWrite(key: string, value: Buffer, object: KubeObject): void {
    this.#written.set(key, { value, object });
  }

  /** They got there. When the watch is past that, it has brought them or never will. */
  didWrite(key: string, value: Buffer, revision: number): void {
    if (revision <= this.#revision) this.notWritten(key, value);
  }

  /** They did not get there, or nobody knows. */
  notWritten(key: string, value: Buffer): void {
    if (this.#written.get(key)?.value === value) this.#written.delete(key);
  }

  /**
   * Calls that come while one is under way share the next one: an answer that was asked for earlier may miss their writes. So however many
   * reads there are, the store is asked once at a time; over etcd that is one agreement of its members for all reads that came during the last.
   */
  #newest(): Promise<number> {
    this.#next ??= this.#ask();
    return this.#next;
  }

  async #ask(): Promise<number> {
    await this.#asked;
    this.#next = undefined;
    const answer = this.store.revision();
    const over = (): void => undefined;
    this.#asked = answer.then(over, over);
    return answer;
  }

  async #load(signal: AbortSignal): Promise<void> {
    const first = await this.store.list({ prefix: ROOT, limit: PAGE, signal });
    this.#written.clear();
    for (const resource of this.#resources.values()) resource.reset(first.revision);
    for (let page = first; ;) {
      for (const entry of page.entries) this.#resourceOf(entry.key)?.load(entry);
      if (page.next === undefined) break;
      page = await this.store.list({ prefix: ROOT, limit: PAGE, revision: first.revision, after: page.next, signal });
    }
    this.#advance(first.revision);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const watch = this.store.watch({ prefix: ROOT, afterRevision: this.#revision, signal });
        this.#following = watch;
        const last = this.#waiters.at(-1);
        if (last !== undefined) watch.progressTo(last.revision);
        for await (const batch of watch) this.#apply(batch);
      } catch (error) {
        if (signal.aborted || codeOf(error) === 'STORE_CLOSED') break;
        this.#following = undefined;
        await this.#recover(error, signal);
      }
    }
    this.#following = undefined;
  }

  async #recover(cause: unknown, signal: AbortSignal): Promise<void> {
    this.#log.warn('Lost the watch of the store', { retryInMs: RETRY_MS, err: cause });
    await this.#clock.sleep(RETRY_MS, signal).catch(() => undefined);
    if (codeOf(cause) !== 'STORE_COMPACTED') return;
    // What happened in between is gone for good, so watches that were promised every change end here.
    this.#generation.abort(unavailable('the history was compacted'));
    this.#generation = new AbortController();
    await this.#load(signal).catch((again: unknown) => this.#log.warn('Cannot read the store anew', { retryInMs: RETRY_MS, err: again }));
  }

  #apply(batch: WatchBatch): void {
    const touched = new Set<ResourceCache>();
    for (const { key, revision, entry } of batch.changes) {
      const resource = this.#resourceOf(key);
      if (resource === undefined) continue;
      const written = entry === undefined ? undefined : this.#written.get(key);
      const isOurs = written !== undefined && entry !== undefined && written.value.equals(entry.value);
      if (isOurs) this.#written.delete(key);
      resource.apply(key, { revision, entry, ...(isOurs ? { object: written.object } : {}) });
      touched.add(resource);
    }
    this.#revision = batch.revision;
    for (const resource of touched) resource.dispatch(batch.revision);
    this.#advance(batch.revision);
  }

  #advance(revision: number): void {
    this.#revision = revision;
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter((w) => w.revision <= revision);
    this.#waiters = this.#waiters.filter((w) => w.revision > revision);
    for (const { resolve } of due) resolve();
  }

  /** "/registry/pods/default/x" -> pods; custom resources have their group in front: "/registry/example.com/widgets/...". */
  #resourceOf(key: string): ResourceCache | undefined {
    const end = key.indexOf('/', ROOT.length);
    if (end < 0) return undefined;
    const found = this.#resources.get(key.slice(0, end + 1));
    if (found !== undefined) return found;
    const second = key.indexOf('/', end + 1);
    return second < 0 ? undefined : this.#resources.get(key.slice(0, second + 1));
  }
}
