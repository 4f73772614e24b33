/**
 * A packet in, a packet out. What is known is answered in the same turn; what has to be asked for is answered later.
 * Throws: never, whatever comes in; a bug of ours on one question is SERVFAIL for that question, and counted.
 */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { DnsMetrics, Family, Transport } from './metrics.ts';
import type { Resolution, Resolver } from './resolver.ts';
import { render } from './stored.ts';
import { bareAnswer, keyOfText, RCODE, readQuery, type Query } from './wire.ts';

export interface ResponderOptions {
  readonly resolver: Resolver;
  readonly metrics: DnsMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly domain: string;
  /** The most that is sent over UDP. */
  readonly udpBytes: number;
}

export interface Via {
  readonly transport: Transport;
  readonly family: Family;
}

export class Responder {
  readonly #options: ResponderOptions;
  readonly #zoneKey: string;
  #turn = 0;
  #underWay = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#zoneKey = keyOfText(options.domain);
  }

  /** Questions that wait for upstream servers. */
  get underWay(): number {
    return this.#underWay;
  }

  /** undefined: nothing is to be sent. */
  respond(bytes: Buffer, via: Via): Buffer | undefined | Promise<Buffer | undefined> {
    const { clock, resolver, metrics } = this.#options;
    const startedMs = clock.monotonicMs();
    const query = readQuery(bytes);
    if (query.kind === 'drop') return (metrics.dropped.inc(), undefined);
    if (query.kind === 'refuse') {
      const answer = bareAnswer(bytes, query.rcode, query.questionEnd);
      this.#tell({ via, type: 0, isOfCluster: false, rcode: query.rcode, dnssecOk: false, by: '', bytes, answer, startedMs });
      return answer;
    }
    let resolution: Resolution | Promise<Resolution>;
    try {
      resolution = resolver.resolve(query);
      if (!(resolution instanceof Promise)) return this.#render(query, resolution, via, startedMs);
    } catch (err) {
      return this.#failed(query, err);
    }
    return this.#later(query, resolution, via, startedMs);
  }

  async #later(query: Query, resolution: Promise<Resolution>, via: Via, startedMs: number): Promise<Buffer> {
    this.#underWay += 1;
    try {
      return this.#render(query, await resolution, via, startedMs);
    } catch (err) {
      return this.#failed(query, err);
    } finally {
      this.#underWay -= 1;
    }
  }

  #render(query: Query, { stored, ageSeconds, by }: Resolution, via: Via, startedMs: number): Buffer {
    this.#turn = (this.#turn + 1) & 0xffff;
    const udpBytes = via.transport === 'udp' ? this.#options.udpBytes : 0;
    const answer = render(stored, query, { ageSeconds, turn: this.#turn, udpBytes });
    const isOfCluster = query.nameKey.endsWith(this.#zoneKey);
    const { type, bytes } = query;
    this.#tell({ via, type, isOfCluster, rcode: stored.rcode, dnssecOk: query.edns?.dnssecOk === true, by, bytes, answer, startedMs });
    return answer;
  }

  #failed(query: Query, err: unknown): Buffer {
    const { metrics, log } = this.#options;
    metrics.bugs.inc();
    log.error('Cannot answer a question because of an error in this program', { err });
    return bareAnswer(query.bytes, RCODE.SERVFAIL, query.questionEnd);
  }

  #tell({ via, bytes, answer, startedMs, ...rest }: Seen): void {
    const { metrics, clock } = this.#options;
    const tookSeconds = (clock.monotonicMs() - startedMs) / 1_000;
    metrics.answered({ ...rest, ...via, queryBytes: bytes.length, answerBytes: answer.length, tookSeconds });
  }
}

interface Seen {
  readonly via: Via;
  readonly type: number;
  readonly isOfCluster: boolean;
  readonly rcode: number;
  readonly dnssecOk: boolean;
  readonly by: string;
  readonly bytes: Buffer;
  readonly answer: Buffer;
  readonly startedMs: number;
}
