/**
 * All objects of one resource as they are now, what happened to them lately, and the watches that follow. Fed by WatchCache.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Entry } from '../storage/store.ts';
import type { CacheEvent } from './events.ts';
import { passes, selectsAll, type Filter } from './filter.ts';
import { Indexes } from './indexes.ts';
import { cachedObject, type CachedObject, type FieldReaders } from './object.ts';
import { inOrder, OrderedObjects } from './ordered.ts';
import { Watchers } from './watchers.ts';

/** Enough for watches to resume after a short break; older ones read the store's own log. */
const RECENT_EVENTS = 1_000;

/** Told in order, before watches are. */
export type Listener = (before: CachedObject | undefined, after: CachedObject | undefined) => void;

export class ResourceCache {
  /** "/registry/pods/" */
  readonly prefix: string;
  readonly readers: FieldReaders;
  readonly watchers = new Watchers();
  readonly #objects = new OrderedObjects();
  readonly #indexes = new Indexes(() => this.#objects.values());
  #recent: CacheEvent[] = [];
  /** Every event after this revision is in #recent. */
  #recentStart = 0;
  #pending: CacheEvent[] = [];
  #lastChange = 0;
  readonly #listeners: Listener[] = [];

  constructor(prefix: string, readers: FieldReaders) {
    this.prefix = prefix;
    this.readers = readers;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** The revision of the newest change of any object here. */
  get lastChange(): number {
    return this.#lastChange;
  }

  /** For what this process derives from the objects: roles, allocated addresses. What is there already is told at once. */
  onChange(listener: Listener): void {
    this.#listeners.push(listener);
    for (const object of this.#objects.values()) listener(undefined, object);
  }

  get(key: string): CachedObject | undefined {
    return this.#objects.get(key);
  }

  /** In the order of keys. */
  list(filter: Filter): CachedObject[] {
    const candidates = selectsAll(filter) ? undefined : this.#indexes.candidates(filter, this.#objects.size);
    if (candidates !== undefined) return inOrder(this.#found(candidates, filter));
    const all = this.#objects.list(filter.namespace === '' ? '' : `${filter.namespace}/`);
    return selectsAll(filter) ? all : all.filter((object) => passes(filter, object));
  }

  #found(keys: readonly string[], filter: Filter): CachedObject[] {
    const out: CachedObject[] = [];
    for (const key of keys) {
      const object = this.#objects.get(key);
      if (object !== undefined && passes(filter, object)) out.push(object);
    }
    return out;
  }

  /** Events after the revision; undefined: some of them are no longer here. */
  eventsAfter(revision: number): readonly CacheEvent[] | undefined {
    if (revision < this.#recentStart) return undefined;
    const from = this.#recent.findLastIndex((event) => event.revision <= revision) + 1;
    return from === 0 ? this.#recent : this.#recent.slice(from);
  }

  /** The first contents, or contents anew after a gap: what watches saw before does not lead here. */
  reset(revision: number): void {
    this.#recent = [];
    this.#pending = [];
    this.#recentStart = revision;
    this.#lastChange = revision;
    for (const object of this.#objects.list()) this.#replace(object, undefined);
  }

  load(entry: Entry): void {
    const key = entry.key.slice(this.prefix.length);
    this.#replace(this.#objects.get(key), cachedObject(key, entry, this.readers));
  }

  /** One change; watches are told by dispatch, when the whole batch is in. object: what the bytes say, where somebody knows it already. */
  apply(
    storeKey: string,
    {
      revision,
      entry,
      object,
    }: {
      readonly revision: number;
      readonly entry: Entry | undefined;
      readonly object?: KubeObject | undefined;
    },
  ): void {
    const key = storeKey.slice(this.prefix.length);
    const before = this.#objects.get(key);
    const after = entry === undefined ? undefined : cachedObject(key, entry, this.readers);
    if (object !== undefined) after?.know(object);
    this.#pending.push({ revision, before, after });
    this.#replace(before, after);
  }

  dispatch(revision: number): void {
    const events = this.#pending;
    this.#pending = [];
    for (const event of events) this.#recent.push(event);
    this.#lastChange = events.at(-1)?.revision ?? this.#lastChange;
    this.#trim();
    this.watchers.dispatch(events, revision);
  }

  #replace(before: CachedObject | undefined, after: CachedObject | undefined): void {
    if (after !== undefined) this.#objects.set(after);
    else if (before !== undefined) this.#objects.delete(before.key);
    if (this.#indexes.size > 0) this.#indexes.changed(before, after);
    for (const listener of this.#listeners) listener(before, after);
  }

  /** Dropped in bulk: removing the first of an array moves all others. */
  #trim(): void {
    if (this.#recent.length <= 2 * RECENT_EVENTS) return;
    const cut = this.#recent.length - RECENT_EVENTS;
    this.#recentStart = this.#recent[cut - 1]?.revision ?? this.#recentStart;
    this.#recent = this.#recent.slice(cut);
  }
}
