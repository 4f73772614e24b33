/** One version of one object as the cache holds it: bytes, and what selectors ask of it, worked out when the first one asks. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Labels } from '#api/labels.ts';
import { decodeSeen, seenAt, type Seen } from './bytes.ts';

/** How a kind's selectable fields are read from an object; metadata.name and metadata.namespace every kind has. */
export type FieldReaders = Readonly<Record<string, (object: never) => string>>;

interface Facts {
  readonly labels: Labels | undefined;
  readonly fields: Readonly<Record<string, string>>;
}

export class CachedObject {
  /** "namespace/name", or "name". */
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  /** What a client sees. Shared: never to be changed. */
  readonly seen: Seen;
  readonly #readers: FieldReaders;
  #facts: Facts | undefined;
  #known: KubeObject | undefined;

  constructor(parts: {
    readonly key: string;
    readonly revision: number;
    readonly createRevision: number;
    readonly seen: Seen;
    readonly readers: FieldReaders;
  }) {
    this.key = parts.key;
    this.revision = parts.revision;
    this.createRevision = parts.createRevision;
    this.seen = parts.seen;
    this.#readers = parts.readers;
  }

  get namespace(): string {
    const slash = this.key.indexOf('/');
    return slash < 0 ? '' : this.key.slice(0, slash);
  }

  get name(): string {
    return this.key.slice(this.key.indexOf('/') + 1);
  }

  /** A private copy, with its resourceVersion. */
  decode(): KubeObject {
    return decodeSeen(this.seen);
  }

  /**
   * The same decoded once and kept beside the bytes, shared and never to be changed: for the few objects that nearly every write asks for,
   * namespaces, accounts, classes.
   */
  get known(): KubeObject {
    this.#known ??= this.decode();
    return this.#known;
  }

  get labels(): Labels | undefined {
    return this.facts.labels;
  }

  field(name: string): string {
    if (name === 'metadata.name') return this.name;
    if (name === 'metadata.namespace') return this.namespace;
    return this.facts.fields[name] ?? '';
  }

  get facts(): Facts {
    this.#facts ??= factsOf(this.decode(), this.#readers);
    return this.#facts;
  }

  /** Spares the decoding when somebody has the object at hand. */
  know(object: KubeObject): void {
    this.#facts ??= factsOf(object, this.#readers);
  }

  /** As it was when it was deleted at this revision. */
  deletedAt(revision: number): CachedObject {
    const moved = new CachedObject({
      key: this.key,
      revision,
      createRevision: this.createRevision,
      seen: { ...this.seen, revision },
      readers: this.#readers,
    });
    moved.#facts = this.#facts;
    return moved;
  }
}

export function cachedObject(
  key: string,
  entry: { readonly value: Uint8Array; readonly modRevision: number; readonly createRevision: number },
  readers: FieldReaders,
): CachedObject {
  const seen = seenAt(entry.value, entry.modRevision);
  return new CachedObject({ key, revision: entry.modRevision, createRevision: entry.createRevision, seen, readers });
}

function factsOf(object: KubeObject, readers: FieldReaders): Facts {
  const fields: Record<string, string> = {};
  for (const name in readers) fields[name] = readers[name]?.(object as never) ?? '';
  return { labels: object.metadata.labels, fields };
}
