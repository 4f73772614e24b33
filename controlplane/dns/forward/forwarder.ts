/**
 * Asks upstream servers: one after the other until one answers, UDP first and TCP for what does not fit, within one deadline. Servers that
 * do not answer are left out and probed until they do.
 * Units: milliseconds.
 * Throws: FORWARD_FAILED; its cause says why (FORWARD_TIMEOUT, FORWARD_BROKEN, FORWARD_CLOSED, or the system's error).
 */
import type { Clock } from '#base/clock.ts';
import { AppError, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { StoredAnswer } from '../stored.ts';
import { queryFor, RCODE, TYPE, type Query } from '../wire.ts';
import { questionOf } from '../encode.ts';
import type { Exchange } from './exchange.ts';
import { readReply } from './read.ts';
import { nameOfUpstream, Upstreams, type Upstream } from './upstreams.ts';

export interface ForwarderOptions {
  readonly upstreams: readonly Upstream[];
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** 0 to 65535, hard to guess. */
  readonly newId: () => number;
  readonly onExchange?: (told: { readonly to: string; readonly rcode: number | undefined; readonly tookMs: number }) => void;
  readonly onProbe?: (told: { readonly to: string; readonly isWell: boolean }) => void;
}

export type Asked = Pick<Query, 'bytes' | 'questionEnd' | 'flags' | 'edns'>;

/** One server is given this long; all together, as long as resolvers of pods wait for us. */
const ONE_MS = 2_000;
const ALL_MS = 5_000;
const PROBE_EVERY_MS = 500;
const PROBE_MOST_MS = 5_000;
/** What fits through every network in one piece. Source: the DNS flag day of 2020. */
const UDP_BYTES = 1_232;

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #upstreams: Upstreams;
  readonly #ended = new AbortController();
  readonly #retired = new AbortController();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#upstreams = new Upstreams(options.upstreams);
  }

  get upstreams(): Upstreams {
    return this.#upstreams;
  }

  /** Questions under way go on, and nothing else. */
  retire(): void {
    this.#retired.abort(new AppError('STOPPING', 'other upstream servers are asked now'));
  }

  /** Ends questions under way too. */
  close(): void {
    this.retire();
    this.#ended.abort(new AppError('STOPPING', 'the upstream servers are no longer asked'));
  }

  async ask(asked: Asked): Promise<StoredAnswer> {
    const { clock, random } = this.#options;
    const startedMs = clock.monotonicMs();
    let refusal: StoredAnswer | undefined;
    let trouble: unknown;
    const order = this.#upstreams.order(random);
    // A single server gets a second chance: a packet may be lost.
    const tries = order.length === 1 ? [...order, ...order] : order;
    for (const upstream of tries) {
      const leftMs = ALL_MS - (clock.monotonicMs() - startedMs);
      if (leftMs <= 0) break;
      try {
        const stored = await this.#askOne(upstream, asked, Math.min(ONE_MS, leftMs));
        if (stored.rcode === RCODE.NOERROR || stored.rcode === RCODE.NXDOMAIN) return stored;
        refusal = stored;
        if (order.length === 1) break; // another one might know better
      } catch (err) {
        this.#ended.signal.throwIfAborted();
        trouble = err;
      }
    }
    if (refusal !== undefined) return refusal;
    const why = order.length === 0 ? 'there is no upstream server to ask' : `no answer from ${order.map(nameOfUpstream).join(', ')}`;
    throw new AppError('FORWARD_FAILED', `Cannot forward a question: ${why}`, {}, trouble);
  }

  /** This one and no other. Rejects when it does not answer. */
  async askAt(upstream: Upstream, asked: Asked): Promise<StoredAnswer> {
    return this.#askOne(upstream, asked, ONE_MS);
  }

  async #askOne(upstream: Upstream, asked: Asked, timeoutMs: number): Promise<StoredAnswer> {
    const { clock, onExchange } = this.#options;
    const startedMs = clock.monotonicMs();
    const tell = (rcode: number | undefined): void =>
      onExchange?.({ to: nameOfUpstream(upstream), rcode, tookMs: clock.monotonicMs() - startedMs });
    try {
      const stored = await this.#exchange(upstream, asked, timeoutMs);
      this.#upstreams.succeeded(upstream);
      tell(stored.rcode);
      return stored;
    } catch (err) {
      this.#ended.signal.throwIfAborted();
      tell(undefined);
      if (this.#upstreams.failed(upstream)) void this.#probe(upstream, err); // ends with the signal, never throws
      throw err;
    }
  }

  async #exchange(upstream: Upstream, asked: Asked, timeoutMs: number): Promise<StoredAnswer> {
    const { exchange, clock, newId } = this.#options;
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, this.#ended.signal]);
    const message = queryFor(asked, UDP_BYTES);
    message.writeUInt16BE(newId(), 0);
    const deadline = clock.sleep(timeoutMs, signal).then(() => {
      throw new AppError('FORWARD_TIMEOUT', `no answer from ${nameOfUpstream(upstream)} within ${timeoutMs} ms`);
    });
    const work = async (): Promise<StoredAnswer> => {
      for (const transport of ['udp', 'tcp'] as const) {
        const reply = await exchange[transport](upstream, message, (bytes) => readReply(message, asked.questionEnd, bytes), signal);
        if (reply.kind !== 'answer') throw new AppError('FORWARD_BROKEN', `${nameOfUpstream(upstream)} sent what makes no sense`);
        if (!reply.isCut) return reply.stored;
      }
      throw new AppError('FORWARD_BROKEN', `${nameOfUpstream(upstream)} cuts answers over TCP too`);
    };
    try {
      return await Promise.race([work(), deadline]);
    } finally {
      done.abort(new AppError('STOPPING', 'the question is answered'));
    }
  }

  /** Asks for the root's name servers until it answers, whatever it says. */
  async #probe(upstream: Upstream, err: unknown): Promise<void> {
    const { clock, log, onProbe } = this.#options;
    const { signal } = this.#retired;
    const to = nameOfUpstream(upstream);
    log.warn('Upstream server does not answer, the others are asked', { upstream: to, err });
    for (let waitMs = PROBE_EVERY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, PROBE_MOST_MS)) {
      await clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted || this.#upstreams.isWell(upstream)) return; // a question went through meanwhile
      try {
        await this.#exchange(upstream, questionOf('', TYPE.NS), ONE_MS);
        this.#upstreams.succeeded(upstream);
        onProbe?.({ to, isWell: true });
        return log.info('Upstream server answers again', { upstream: to });
      } catch (failure) {
        if (signal.aborted) return;
        onProbe?.({ to, isWell: false });
        log.debug('Upstream server still does not answer', { upstream: to, err: explain(failure) });
      }
    }
  }
}
