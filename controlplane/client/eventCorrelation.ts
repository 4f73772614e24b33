/**
 * What becomes of an event before it is sent: too many about one object are left out, similar ones are told as one, equal ones are
 * counted. Pure but for what it remembers; the time comes from the caller.
 *
 * Units: milliseconds.
 * Source: the semantics of client-go's event correlator: 25 events at once and one every five minutes for each source and object; from the
 * tenth event within ten minutes that differs from others in its message only, one event stands for all; equal ones get a count; 4,096
 * of each are remembered, the least recently used go first.
 */
import type { Event } from '#api/kinds/core/event.ts';
import { canonicalTime } from '#api/formats.ts';

export type Told =
  | { readonly do: 'create'; readonly event: Event }
  /** The object is there already: its count, last time and message change. */
  | { readonly do: 'patch'; readonly event: Event; readonly patch: unknown }
  | { readonly do: 'drop' };

const BURST = 25;
const PER_MS = 1 / 300_000;
const SIMILAR = 10;
const SIMILAR_WITHIN_MS = 600_000;
const COMBINED = '(combined from similar events): ';
const REMEMBERED = 4_096;

interface Bucket {
  tokens: number;
  atMs: number;
}

interface Similar {
  readonly messages: Set<string>;
  lastAtMs: number;
}

interface Grouped {
  readonly event: Event;
  /** Events with the same key are one object. */
  readonly key: string;
}

interface Known {
  count: number;
  readonly firstTimestamp: string;
  readonly name: string;
  readonly namespace: string;
}

export class EventCorrelator {
  readonly #buckets = new Recent<Bucket>();
  readonly #similar = new Recent<Similar>();
  readonly #known = new Recent<Known>();

  take(event: Event, nowMs: number): Told {
    const told = this.#count(this.#aggregate(event, nowMs), nowMs);
    return this.#isSpam(event, nowMs) ? { do: 'drop' } : told;
  }

  #isSpam(event: Event, nowMs: number): boolean {
    const key = spamKey(event);
    const bucket = this.#buckets.get(key) ?? { tokens: BURST, atMs: nowMs };
    bucket.tokens = Math.min(BURST, bucket.tokens + (nowMs - bucket.atMs) * PER_MS);
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return true;
    bucket.tokens -= 1;
    return false;
  }

  /** From the tenth message on the others are one event. */
  #aggregate(event: Event, nowMs: number): Grouped {
    const group = groupKey(event);
    const known = this.#similar.get(group);
    const similar =
      known === undefined || nowMs - known.lastAtMs > SIMILAR_WITHIN_MS ? { messages: new Set<string>(), lastAtMs: nowMs } : known;
    similar.lastAtMs = nowMs;
    this.#similar.set(group, similar);
    similar.messages.add(event.message ?? '');
    if (similar.messages.size < SIMILAR) return { event, key: `${group}\n${event.message ?? ''}` };
    // One of the ten goes, so that the set does not grow; which one does not matter.
    for (const message of similar.messages) {
      similar.messages.delete(message);
      break;
    }
    return { event: { ...event, message: COMBINED + (event.message ?? '') }, key: group };
  }

  #count({ event, key }: Grouped, nowMs: number): Told {
    const known = this.#known.get(key);
    if (known === undefined) {
      const { name = '', namespace = '' } = event.metadata;
      const firstTimestamp = event.firstTimestamp ?? canonicalTime(new Date(nowMs).toISOString());
      this.#known.set(key, { count: 1, firstTimestamp, name, namespace });
      return { do: 'create', event: { ...event, count: 1 } };
    }
    known.count += 1;
    this.#known.set(key, known);
    const { count, firstTimestamp, name, namespace } = known;
    const same: Event = { ...event, metadata: { ...event.metadata, name, namespace }, firstTimestamp, count };
    return { do: 'patch', event: same, patch: { count, lastTimestamp: event.lastTimestamp, message: event.message } };
  }
}

const spamKey = ({ source, involvedObject: o }: Event): string =>
  [source?.component, source?.host, o.kind, o.namespace, o.name, o.uid, o.apiVersion].join('\n');

const groupKey = (event: Event): string =>
  [spamKey(event), event.involvedObject.fieldPath, event.type, event.reason, event.reportingComponent, event.reportingInstance].join('\n');

/** A map that keeps what was used last. */
class Recent<V> {
  readonly #values = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= REMEMBERED) break;
      this.#values.delete(oldest);
    }
  }
}
