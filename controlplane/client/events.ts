/**
 * Records events about objects and sends them, without ever holding up who records: the events of one object in their order, several objects
 * at once. Equal events that still wait become one. What cannot be sent now is tried again for two minutes; what the server refuses, and what
 * comes while too many wait, is dropped, counted and told in the log.
 * Units: milliseconds.
 * Source: client-go's event broadcasters: names, 12 tries 10 s apart; for the form, see eventForm.ts.
 * Differs: upstream forgets what comes while 1,000 wait, without a word; here 20,000 may, as many as a large deployment makes at once.
 */
import { Event } from '#api/kinds/core/event.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { Oldest } from '#base/oldest.ts';
import { ApiError, isAlreadyExists, isNamespaceTerminating, isNotFound } from './errors.ts';
import { EventCorrelator, objectOf, type Sent } from './eventCorrelation.ts';
import { eventOf, patchOf, type EventSource } from './eventForm.ts';
import type { EventMetrics } from './eventMetrics.ts';
import { collectionPath, type ResourceType } from './query.ts';
import type { Client, ResourceClient } from './rest.ts';

export const events: ResourceType<Event> = { apiVersion: 'v1', kind: 'Event', plural: 'events', namespaced: true, schema: Event };

/** What an event is about. */
export interface Regarding {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  /** A part of it: "spec.containers{main}". */
  readonly fieldPath?: string | undefined;
}

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** In one word: "Scheduled". */
  readonly reason: string;
  readonly message: string;
  /** What was done: "Binding". */
  readonly action?: string;
}

export interface RecorderOptions extends EventSource {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics?: EventMetrics | undefined;
}

const MOST_WAITING = 20_000;
/** Objects whose events are under way at once. */
const LANES = 16;
const TRIES = 12;
const RETRY_MS = 10_000;

export class EventRecorder {
  readonly #options: RecorderOptions;
  readonly #events: ResourceClient<Event>;
  readonly #correlator = new EventCorrelator();
  /** What waits, by object. */
  readonly #lanes = new Map<string, Sent[]>();
  /** Objects with something that waits and nothing under way. */
  readonly #ready = new Set<string>();
  readonly #next = new Oldest(() => this.#ready.values());
  readonly #busy = new Map<string, Promise<void>>();
  #waiting = 0;
  #dropped = 0;
  #signal: AbortSignal | undefined;
  #last = 0n;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#events = options.client.resource(events);
  }

  /** Never waits and never throws. Before run, events are kept. */
  record(regarding: Regarding, text: EventText): void {
    const { clock, metrics } = this.#options;
    const nowMs = clock.nowMs();
    const sent = this.#correlator.take({ regarding, text }, nowMs, () => this.#unique());
    if (sent === undefined) return metrics?.dropped.inc(['rate']);
    const lane = objectOf(regarding);
    const queued = this.#lanes.get(lane);
    const before = queued?.at(-1);
    // The one that waits has not been sent: it tells this one too.
    if (queued !== undefined && before?.name === sent.name) queued[queued.length - 1] = { ...sent, isNew: before.isNew };
    else if (this.#waiting >= MOST_WAITING) return this.#drop();
    else {
      this.#waiting += 1;
      if (queued === undefined) this.#lanes.set(lane, [sent]);
      else queued.push(sent);
      if (!this.#busy.has(lane)) this.#ready.add(lane);
    }
    this.#pump();
  }

  /** Sends until the signal aborts; what waits then is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const ended = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => ended.resolve(), { once: true });
    this.#signal = signal;
    this.#pump();
    if (!signal.aborted) await ended.promise;
    await Promise.all(this.#busy.values());
    this.#signal = undefined;
  }

  #pump(): void {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    while (this.#busy.size < LANES) {
      const lane = this.#next.next();
      const sent = lane === undefined ? undefined : this.#take(lane);
      if (lane === undefined || sent === undefined) return;
      const work = this.#deliver(sent, signal).finally(() => {
        this.#busy.delete(lane);
        if (this.#lanes.has(lane)) this.#ready.add(lane);
        if (this.#waiting === 0) this.#tellDropped();
        this.#pump();
      });
      this.#busy.set(lane, work);
    }
  }

  #take(lane: string): Sent | undefined {
    this.#ready.delete(lane);
    const waiting = this.#lanes.get(lane);
    const sent = waiting?.shift();
    if (waiting?.length === 0) this.#lanes.delete(lane);
    this.#waiting -= 1;
    return sent;
  }

  #drop(): void {
    const { log, metrics } = this.#options;
    metrics?.dropped.inc(['queue']);
    this.#dropped += 1;
    if (this.#dropped === 1) log.warn('Events are dropped, too many wait to be sent', { waiting: MOST_WAITING });
  }

  #tellDropped(): void {
    if (this.#dropped > 0) this.#options.log.warn('Events were dropped while too many waited', { times: this.#dropped });
    this.#dropped = 0;
  }

  async #deliver(sent: Sent, signal: AbortSignal): Promise<void> {
    const { clock, log, metrics } = this.#options;
    for (let attempt = 1; attempt <= TRIES && !signal.aborted; attempt++) {
      try {
        return await this.#send(sent, signal);
      } catch (err) {
        if (signal.aborted) return;
        const isFinal = err instanceof ApiError && err.httpStatus < 500 && err.httpStatus !== 429;
        if (isFinal || attempt === TRIES) {
          metrics?.dropped.inc([isFinal ? 'refused' : 'unsent']);
          // Whatever ends with its namespace has its last words nowhere.
          if (!isNamespaceTerminating(err)) log.warn('Dropped an event, the server does not take it', { err });
          return;
        }
        await clock.sleep(RETRY_MS * (attempt === 1 ? 0.5 : 1), signal).catch(() => undefined);
      }
    }
  }

  async #send(sent: Sent, signal: AbortSignal): Promise<void> {
    const event = eventOf(sent, this.#options);
    const { namespace, name = '' } = event.metadata;
    if (!sent.isNew) {
      try {
        await this.#events.patch({ namespace, name }, { type: 'merge', body: patchOf(event) }, { signal });
        return;
      } catch (err) {
        // Events are removed after a while; this one begins anew.
        if (!isNotFound(err)) throw err;
      }
    }
    // The answer is the event once more; nobody reads it.
    const body = { ...event, apiVersion: events.apiVersion, kind: events.kind };
    await this.#options.client.text('POST', collectionPath(events, namespace), { body, signal }).catch((err: unknown) => {
      // An earlier try came through, only its answer did not.
      if (!isAlreadyExists(err)) throw err;
    });
  }

  /** Nanoseconds since 1970 in hexadecimal, another each time. */
  #unique(): string {
    const now = BigInt(this.#options.clock.nowMs()) * 1_000_000n;
    this.#last = now > this.#last ? now : this.#last + 1n;
    return this.#last.toString(16);
  }
}

/** What an event about this object refers to. Objects out of lists do not say their kind, so the type does. */
export function regarding(type: ResourceType, { metadata }: KubeObject, fieldPath?: string): Regarding {
  const { namespace, name = '', uid, resourceVersion } = metadata;
  return { apiVersion: type.apiVersion, kind: type.kind, namespace, name, uid, resourceVersion, fieldPath };
}
