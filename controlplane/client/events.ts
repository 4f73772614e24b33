/**
 * Records events about objects and sends them, one after the other, without ever holding up who records. What cannot be sent now is
 * tried again for two minutes; what the server refuses is dropped with a line in the log.
 * Units: milliseconds.
 * Source: client-go's event broadcaster: names, the queue of 1,000, 12 tries 10 s apart. Events are core/v1 with a count, as the kubelet and
 * the controllers send them.
 */
import { canonicalTime } from '#api/formats.ts';
import { Event } from '#api/kinds/core/event.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { ApiError, isAlreadyExists, isNotFound } from './errors.ts';
import { EventCorrelator, type Told } from './eventCorrelation.ts';
import type { ResourceType } from './query.ts';
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

export interface RecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who reports: "kubelet", "default-scheduler". */
  readonly component: string;
  /** The node, where a component runs on every one. */
  readonly host?: string;
}

const QUEUE = 1_000;
const TRIES = 12;
const RETRY_MS = 10_000;

export class EventRecorder {
  readonly #options: RecorderOptions;
  readonly #events: ResourceClient<Event>;
  readonly #correlator = new EventCorrelator();
  readonly #queue: Told[] = [];
  #wake: () => void = () => undefined;
  #last = 0n;
  #dropped = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#events = options.client.resource(events);
  }

  /** Never waits and never throws. Before run, events are kept. */
  record(regarding: Regarding, text: EventText): void {
    const { clock, log } = this.#options;
    const told = this.#correlator.take(this.#make(regarding, text), clock.nowMs());
    if (told.do === 'drop') return;
    if (this.#queue.length >= QUEUE) {
      this.#dropped += 1;
      if (this.#dropped === 1) log.warn('Dropped an event, the queue is full', { reason: text.reason, object: regarding.name });
      return;
    }
    this.#queue.push(told);
    this.#wake();
  }

  /** Sends until the signal aborts; what is queued then is lost. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      const told = this.#queue.shift();
      if (told === undefined) {
        this.#dropped = 0;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      } else await this.#deliver(told, signal);
    }
    signal.removeEventListener('abort', onAbort);
  }

  async #deliver(told: Told, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    for (let attempt = 1; attempt <= TRIES && !signal.aborted; attempt++) {
      try {
        return await this.#send(told, signal);
      } catch (err) {
        if (signal.aborted) return;
        const isFinal = err instanceof ApiError && err.httpStatus < 500 && err.httpStatus !== 429;
        if (isFinal || attempt === TRIES) return log.warn('Dropped an event, the server does not take it', { err });
        await clock.sleep(RETRY_MS * (attempt === 1 ? 0.5 : 1), signal).catch(() => undefined);
      }
    }
  }

  async #send(told: Told, signal: AbortSignal): Promise<void> {
    if (told.do === 'drop') return;
    const { namespace, name = '' } = told.event.metadata;
    if (told.do === 'patch') {
      try {
        await this.#events.patch({ namespace, name }, { type: 'merge', body: told.patch }, { signal });
        return;
      } catch (err) {
        // Events are removed after a while; this one begins anew.
        if (!isNotFound(err)) throw err;
      }
    }
    await this.#events.create(told.event, { signal }).catch((err: unknown) => {
      // An earlier try came through, only its answer did not.
      if (!isAlreadyExists(err)) throw err;
    });
  }

  #make(regarding: Regarding, { type, reason, message, action }: EventText): Event {
    const { clock, component, host } = this.#options;
    const time = canonicalTime(new Date(clock.nowMs()).toISOString());
    const { apiVersion, kind, namespace, name, uid, resourceVersion, fieldPath } = regarding;
    return {
      metadata: { name: `${name}.${this.#unique()}`, namespace: namespace ?? 'default' },
      involvedObject: {
        apiVersion,
        kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(fieldPath === undefined ? {} : { fieldPath }),
      },
      type,
      reason,
      message,
      ...(action === undefined ? {} : { action }),
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? '',
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    };
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
