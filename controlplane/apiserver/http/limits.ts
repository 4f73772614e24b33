/**
 * How many requests may be worked on at once, and for how long. Streams (watch, exec, log -f ...) count for neither.
 * Source: the defaults of --max-requests-inflight, --max-mutating-requests-inflight and --request-timeout, Kubernetes 1.36.
 */
import type { Clock } from '#base/clock.ts';
import { durationMs, isDuration } from '#api/formats.ts';
import { badRequest, timedOut, tooManyRequests } from '../status.ts';
import type { RequestInfo } from '../requestInfo.ts';
import { isTrue } from '../requestInfo.ts';
import type { Query } from '../query.ts';
import type { Exchange } from './exchange.ts';

export interface Limits {
  readonly maxRequestsInflight: number;
  readonly maxMutatingRequestsInflight: number;
  readonly requestTimeoutMs: number;
  /** For the head of a request to be there. Default: 32 s. */
  readonly headTimeoutMs?: number;
}

export const DEFAULT_LIMITS: Limits = { maxRequestsInflight: 400, maxMutatingRequestsInflight: 200, requestTimeoutMs: 60_000 };

const STREAMS = new Set(['exec', 'attach', 'portforward', 'proxy']);
const READS = new Set(['get', 'list', 'watch', 'head', 'options']);

export function isLongRunning(info: RequestInfo, query: Query): boolean {
  if (info.kind === 'path') return false;
  if (info.verb === 'watch' || STREAMS.has(info.subresource)) return true;
  return info.subresource === 'log' && isTrue(query.get('follow'));
}

/** kubectl --request-timeout: a client may have less patience than the server, not more. Throws BadRequest. */
export function timeoutMsOf(query: Query, mostMs: number): number {
  const asked = query.get('timeout') ?? '';
  if (asked === '') return mostMs;
  const ms = isDuration(asked) ? (durationMs(asked) ?? -1) : -1;
  if (ms < 0) throw badRequest(`invalid timeout specified in the request URL - want a duration such as 30s, got ${JSON.stringify(asked)}`);
  return ms === 0 ? mostMs : Math.min(ms, mostMs);
}

export type RequestKind = 'readOnly' | 'mutating';
export const requestKind = (info: RequestInfo): RequestKind => (READS.has(info.verb) ? 'readOnly' : 'mutating');

export class InflightGate {
  readonly #limits: Limits;
  readonly #counts: Record<RequestKind, number> = { readOnly: 0, mutating: 0 };

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  count(kind: RequestKind): number {
    return this.#counts[kind];
  }

  /** Throws TooManyRequests. Who must get in although it is full (system:masters) passes exempt. Pair each call with leave. */
  enter(kind: RequestKind, exempt: 'exempt' | 'limited'): void {
    const most = kind === 'readOnly' ? this.#limits.maxRequestsInflight : this.#limits.maxMutatingRequestsInflight;
    if (exempt === 'limited' && most > 0 && this.#counts[kind] >= most) {
      throw tooManyRequests('Too many requests, please try again later.');
    }
    this.#counts[kind] += 1;
  }

  leave(kind: RequestKind): void {
    this.#counts[kind] -= 1;
  }
}

/** How exactly a time limit is kept. One look at all requests is cheaper than a timer for each. */
const LOOK_EVERY_MS = 1_000;

/** Ends requests whose time is over. Sleeps while there are none. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  readonly #open = new Map<Exchange, number>();
  #watching = false;

  constructor(clock: Clock, stop: AbortSignal) {
    this.#clock = clock;
    this.#stop = stop;
  }

  add(exchange: Exchange, timeoutMs: number): void {
    this.#open.set(exchange, this.#clock.monotonicMs() + timeoutMs);
    if (this.#watching) return;
    this.#watching = true;
    void this.#watch();
  }

  remove(exchange: Exchange): void {
    this.#open.delete(exchange);
  }

  async #watch(): Promise<void> {
    while (this.#open.size > 0 && !this.#stop.aborted) {
      await this.#clock.sleep(LOOK_EVERY_MS, this.#stop).catch(() => undefined);
      const nowMs = this.#clock.monotonicMs();
      for (const [exchange, atMs] of this.#open) {
        if (atMs <= nowMs) exchange.abort(timedOut('request did not complete within the allotted timeout'));
      }
    }
    this.#watching = false;
  }
}
