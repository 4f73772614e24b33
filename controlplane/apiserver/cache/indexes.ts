/**
 * Finds objects by a label or a field without looking at all of them. An index is built when the first list asks for it
 * and kept up to date from then on; the least used one goes when there are too many.
 */
import type { Selector } from '#api/labels.ts';
import type { Filter } from './filter.ts';
import type { CachedObject } from './object.ts';

/** Below this many objects looking at all of them is as quick. */
const WORTH_IT = 200;
/** Each costs about 100 bytes for every object that has the label. */
const MOST_INDEXES = 8;

/** "label:app" or "field:spec.nodeName". */
type IndexName = string;

class Index {
  readonly #valueOf: (object: CachedObject) => string | undefined;
  readonly #keys = new Map<string, Set<string>>();

  constructor(valueOf: (object: CachedObject) => string | undefined) {
    this.#valueOf = valueOf;
  }

  add(object: CachedObject): void {
    const value = this.#valueOf(object);
    if (value === undefined) return;
    const keys = this.#keys.get(value);
    if (keys === undefined) this.#keys.set(value, new Set([object.key]));
    else keys.add(object.key);
  }

  remove(object: CachedObject): void {
    const value = this.#valueOf(object);
    if (value === undefined) return;
    const keys = this.#keys.get(value);
    if (keys?.delete(object.key) === true && keys.size === 0) this.#keys.delete(value);
  }

  has(value: string): ReadonlySet<string> {
    return this.#keys.get(value) ?? NO_KEYS;
  }
}

const NO_KEYS: ReadonlySet<string> = new Set();

export class Indexes {
  readonly #indexes = new Map<IndexName, Index>();
  readonly #all: () => Iterable<CachedObject>;

  constructor(all: () => Iterable<CachedObject>) {
    this.#all = all;
  }

  get size(): number {
    return this.#indexes.size;
  }

  changed(previous: CachedObject | undefined, object: CachedObject | undefined): void {
    for (const index of this.#indexes.values()) {
      if (previous !== undefined) index.remove(previous);
      if (object !== undefined) index.add(object);
    }
  }

  /** The keys of all objects that may pass, and more; undefined: no index helps. */
  candidates(filter: Filter, total: number): readonly string[] | undefined {
    if (total < WORTH_IT) return undefined;
    let best: readonly string[] | undefined;
    for (const { name, values, valueOf } of indexable(filter)) {
      const index = this.#index(name, valueOf);
      const keys = values.flatMap((value) => [...index.has(value)]);
      if (best === undefined || keys.length < best.length) best = keys;
    }
    return best;
  }

  #index(name: IndexName, valueOf: (object: CachedObject) => string | undefined): Index {
    let index = this.#indexes.get(name);
    if (index === undefined) {
      index = new Index(valueOf);
      for (const object of this.#all()) index.add(object);
    } else {
      this.#indexes.delete(name);
    }
    this.#indexes.set(name, index);
    if (this.#indexes.size > MOST_INDEXES) {
      const [oldest] = this.#indexes.keys();
      if (oldest !== undefined) this.#indexes.delete(oldest);
    }
    return index;
  }
}

interface Indexable {
  readonly name: IndexName;
  readonly values: readonly string[];
  readonly valueOf: (object: CachedObject) => string | undefined;
}

function* indexable({ fields, labels }: Filter): Iterable<Indexable> {
  for (const { field, value, equal } of fields) {
    // The key itself tells these.
    if (!equal || field === 'metadata.namespace' || field === 'metadata.name') continue;
    yield { name: `field:${field}`, values: [value], valueOf: (object) => object.field(field) };
  }
  yield* labelIndexes(labels);
}

function* labelIndexes(labels: Selector): Iterable<Indexable> {
  for (const requirement of labels) {
    if (requirement.kind !== 'in') continue;
    const { key } = requirement;
    yield {
      name: `label:${key}`,
      values: [...new Set(requirement.values)],
      valueOf: ({ labels: own }) => (own !== undefined && Object.hasOwn(own, key) ? own[key] : undefined),
    };
  }
}
