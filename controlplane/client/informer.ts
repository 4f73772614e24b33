/**
 * All objects of one kind (or of a selection) in memory, kept up to date, with indexes. Handlers are told keys, to be queued: what is to be
 * done follows from what get() says then, not from the event.
 *
 * A handler sees for each object an unbroken story: what is before in one call was after in the call before. An object that was removed
 * and made again while nobody watched is one change. A handler that throws is logged and told the next change all the same.
 * Objects are shared: nobody may change them.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Selection } from './query.ts';
import { follow, keyOf, type Source } from './watch.ts';

export interface Change<T> {
  /** "namespace/name", or the name alone for kinds of the whole cluster. */
  readonly key: string;
  readonly before: T | undefined;
  readonly after: T | undefined;
}

export type Handler<T> = (change: Change<T>) => void;
/** Under which values an object is to be found. */
export type Index<T> = (object: T) => readonly string[];

export interface InformerOptions<T extends KubeObject> {
  readonly source: Source<T>;
  /** For log lines: "pods". */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly selection?: Selection;
  readonly indexes?: Readonly<Record<string, Index<T>>>;
  /** Leaves out what nobody needs, to save memory: managed fields, for instance. Must keep name, namespace and resourceVersion. */
  readonly transform?: (object: T) => T;
  readonly random?: () => number;
  readonly streamList?: boolean;
}

export class Informer<T extends KubeObject> {
  readonly name: string;
  readonly #options: InformerOptions<T>;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, { readonly valuesOf: Index<T>; readonly keys: Map<string, Set<string>> }>();
  readonly #handlers = new Set<Handler<T>>();
  readonly #ready = Promise.withResolvers<void>();
  #isSynced = false;

  constructor(options: InformerOptions<T>) {
    this.name = options.name;
    this.#options = options;
    this.addIndexes(options.indexes ?? {});
  }

  /** More ways to find objects. A name that is taken by another function throws a RangeError. */
  addIndexes(indexes: Readonly<Record<string, Index<T>>>): void {
    for (const [name, valuesOf] of Object.entries(indexes)) {
      const there = this.#indexes.get(name);
      if (there?.valuesOf === valuesOf) continue;
      if (there !== undefined) throw new RangeError(`Informer ${this.name} has another index ${name}`);
      this.#indexes.set(name, { valuesOf, keys: new Map() });
      for (const [key, object] of this.#objects) this.#indexOne(name, { key, before: undefined, after: object });
    }
  }

  /** Resolves when the signal aborts and not before; call it once. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, clock, log, name, selection = {}, random = Math.random, streamList = true } = this.#options;
    const sink = {
      replace: (objects: Iterable<T>) => this.#replace(objects),
      set: (object: T) => this.#set(object),
      remove: (object: T) => this.#remove(keyOf(object)),
    };
    await follow({ source, selection, sink, clock, log: log.with({ resource: name }), random, streamList }, signal);
  }

  /** Whether everything has been read once. Before that, "not there" means nothing. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Resolves when everything has been read once; rejects with the signal's reason. */
  async synced(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#ready.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Told of every change from now on, and first of all that is there. The function that comes back ends it. */
  onChange(handler: Handler<T>): () => void {
    for (const [key, after] of this.#objects) this.#call(handler, { key, before: undefined, after });
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  get size(): number {
    return this.#objects.size;
  }

  keys(): Iterable<string> {
    return this.#objects.keys();
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  /** The objects under one value of an index, in no order. */
  by(index: string, value: string): readonly T[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new RangeError(`Informer ${this.name} has no index ${index}`);
    return [...(found.keys.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  #replace(objects: Iterable<T>): void {
    const gone = new Set(this.#objects.keys());
    for (const object of objects) {
      gone.delete(keyOf(object));
      this.#set(object);
    }
    for (const key of gone) this.#remove(key);
    this.#isSynced = true;
    this.#ready.resolve();
  }

  #set(received: T): void {
    const key = keyOf(received);
    const before = this.#objects.get(key);
    if (before !== undefined && isSame(before, received)) return;
    const after = this.#options.transform?.(received) ?? received;
    this.#index(key, before, after);
    this.#objects.set(key, after);
    this.#tell({ key, before, after });
  }

  #remove(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#index(key, before, undefined);
    this.#objects.delete(key);
    this.#tell({ key, before, after: undefined });
  }

  #index(key: string, before: T | undefined, after: T | undefined): void {
    for (const name of this.#indexes.keys()) this.#indexOne(name, { key, before, after });
  }

  #indexOne(name: string, { key, before, after }: Change<T>): void {
    const index = this.#indexes.get(name);
    if (index === undefined) return;
    const { valuesOf, keys } = index;
    for (const value of before === undefined ? [] : valuesOf(before)) {
      const under = keys.get(value);
      under?.delete(key);
      if (under?.size === 0) keys.delete(value);
    }
    for (const value of after === undefined ? [] : valuesOf(after)) {
      const under = keys.get(value);
      if (under === undefined) keys.set(value, new Set([key]));
      else under.add(key);
    }
  }

  #tell(change: Change<T>): void {
    for (const handler of this.#handlers) this.#call(handler, change);
  }

  #call(handler: Handler<T>, change: Change<T>): void {
    try {
      handler(change);
    } catch (err) {
      this.#options.log.error('Handler of an informer failed', { resource: this.name, key: change.key, err });
    }
  }
}

function isSame({ metadata: a }: KubeObject, { metadata: b }: KubeObject): boolean {
  return a.resourceVersion === b.resourceVersion && a.uid === b.uid;
}
