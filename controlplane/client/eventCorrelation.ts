/**
 * What becomes of an event before it is sent: too many about one object are left out, similar ones are told as one, equal ones are
 * counted. Pure but for what it remembers; the time comes from the caller.
 *
 * Units: milliseconds.
 * Source: the semantics of client-go's event correlator: 25 events at once and one every five minutes for each source and object; from the
 * tenth event within ten minutes that differs from others in its message only, one event stands for all; equal ones get a count; 4,096
 * of each are remembered (a few more here), the least recently used go first.
 */
import type { EventText, Regarding } from './events.ts';

export interface Told {
  readonly regarding: Regarding;
  readonly text: EventText;
}

/** What is to be sent. */
export interface Sent extends Told {
  /** Of the event's object. */
  readonly name: string;
  /** false: the object is there already, and its count, last time and message change. */
  readonly isNew: boolean;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

const BURST = 25;
const PER_MS = 1 / 300_000;
const SIMILAR = 10;
const SIMILAR_WITHIN_MS = 600_000;
const COMBINED = '(combined from similar events): ';
const REMEMBERED = 4_096;
/** So many more are there before those go that are too many: to find the oldest costs as much as was deleted before it. */
const TOO_MANY = REMEMBERED / 4;

interface Bucket {
  tokens: number;
  atMs: number;
}

interface Similar {
  readonly messages: Set<string>;
  lastAtMs: number;
}

interface Known {
  count: number;
  readonly firstAtMs: number;
  readonly name: string;
}

/** One recorder is one source. */
export class EventCorrelator {
  readonly #buckets = new Recent<Bucket>();
  readonly #similar = new Recent<Similar>();
  readonly #known = new Recent<Known>();

  /** undefined: there were too many about this object. unique: what is appended to its name to name an event. */
  take(told: Told, nowMs: number, unique: () => string): Sent | undefined {
    const object = objectOf(told.regarding);
    const sent = this.#count(this.#aggregate(told, object, nowMs), nowMs, unique);
    return this.#isSpam(object, nowMs) ? undefined : sent;
  }

  #isSpam(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? { tokens: BURST, atMs: nowMs };
    bucket.tokens = Math.min(BURST, bucket.tokens + (nowMs - bucket.atMs) * PER_MS);
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return true;
    bucket.tokens -= 1;
    return false;
  }

  /** From the tenth message on the others are one event. Events with the same key are one object. */
  #aggregate({ regarding, text }: Told, object: string, nowMs: number): Told & { readonly key: string } {
    const group = [object, regarding.fieldPath, text.type, text.reason].join('\n');
    const known = this.#similar.get(group);
    const similar =
      known === undefined || nowMs - known.lastAtMs > SIMILAR_WITHIN_MS ? { messages: new Set<string>(), lastAtMs: nowMs } : known;
    similar.lastAtMs = nowMs;
    this.#similar.set(group, similar);
    similar.messages.add(text.message);
    if (similar.messages.size < SIMILAR) return { regarding, text, key: `${group}\n${text.message}` };
    // One of the ten goes, so that the set does not grow; which one does not matter.
    for (const message of similar.messages) {
      similar.messages.delete(message);
      break;
    }
    return { regarding, text: { ...text, message: COMBINED + text.message }, key: group };
  }

  #count({ regarding, text, key }: Told & { readonly key: string }, nowMs: number, unique: () => string): Sent {
    const known = this.#known.get(key) ?? { count: 0, firstAtMs: nowMs, name: `${regarding.name}.${unique()}` };
    known.count += 1;
    this.#known.set(key, known);
    return { regarding, text, ...known, isNew: known.count === 1, lastAtMs: nowMs };
  }
}

export const objectOf = ({ kind, namespace, name, uid, apiVersion }: Regarding): string =>
  `${kind}\n${namespace ?? ''}\n${name}\n${uid ?? ''}\n${apiVersion}`;

/** A map that keeps what was used last. */
class Recent<V> {
  readonly #values = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= REMEMBERED + TOO_MANY) return;
    for (const oldest of this.#values.keys()) {
      if (this.#values.size === REMEMBERED) break;
      this.#values.delete(oldest);
    }
  }
}
