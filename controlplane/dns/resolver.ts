/**
 * From a question to an answer: what is known, what the cluster says, what upstream servers say. What is known is said at once, without a
 * promise. Answers about the cluster are known until something in it changes; others as long as their records allow.
 * The same question is asked upstream once at a time, and at most so many are under way.
 * Units: milliseconds (monotonic), seconds (ages, keeping).
 * Throws: never; trouble is SERVFAIL, too much of it REFUSED.
 */
import { decode } from 'dns-packet';
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { answer, type ClusterAnswer, type Zone } from './answer.ts';
import { AnswerCache, type Kept } from './cache.ts';
import { encodeAnswer, NOTHING, questionOf, type DnsRecord, type Sections } from './encode.ts';
import type { Asked, Forwarder } from './forward/forwarder.ts';
import { keepSeconds, type KeepLimits } from './forward/read.ts';
import type { ClusterIndex } from './index.ts';
import type { Routes } from './routes.ts';
import type { StoredAnswer } from './stored.ts';
import { keyOfText, RCODE, sharedKey, textOf, type Query } from './wire.ts';

export interface ResolverOptions {
  readonly index: ClusterIndex;
  readonly zone: Omit<Zone, 'serial'>;
  /** Of the SOA, before anything changed. */
  readonly firstSerial: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly routes: Routes;
  readonly keep: KeepLimits;
  readonly cacheSize: number;
  readonly maxForwards: number;
  readonly onCache?: (type: 'success' | 'denial' | 'miss') => void;
  readonly onLimit?: () => void;
}

export interface Resolution {
  readonly stored: StoredAnswer;
  readonly ageSeconds: number;
  readonly by: 'kubernetes' | 'cache' | 'forward';
}

const DEEPEST_ALIAS = 8;
const FOR_EVER = Number.POSITIVE_INFINITY;

export class Resolver {
  readonly #options: ResolverOptions;
  readonly #cluster: AnswerCache;
  readonly #forwarded: AnswerCache;
  readonly #underWay = new Map<string, Promise<Kept>>();
  #routes: Routes;
  #version: number;
  #isSynced = false;
  #ownQuestions: ReadonlyMap<string, () => void> = new Map();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#routes = options.routes;
    this.#version = options.index.version;
    this.#cluster = new AnswerCache(options.cacheSize);
    this.#forwarded = new AnswerCache(options.cacheSize);
  }

  get cached(): number {
    return this.#cluster.size + this.#forwarded.size;
  }

  get forwards(): number {
    return this.#underWay.size;
  }

  /** Everything of the cluster was read once: before that a name that is not there may be all the same. */
  synced(): void {
    this.#isSynced = true;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Other upstream servers from now on; what the old ones said is forgotten. */
  setRoutes(routes: Routes): void {
    this.#routes.retire();
    this.#routes = routes;
    this.#forwarded.clear();
  }

  /** Names that only this server asks for: whoever sees one come back knows of a loop. Keys as in a query. */
  watchFor(names: ReadonlyMap<string, () => void>): void {
    this.#ownQuestions = names;
  }

  resolve(query: Query): Resolution | Promise<Resolution> {
    const { index, clock, onCache } = this.#options;
    if (index.version !== this.#version) {
      this.#version = index.version;
      this.#cluster.clear();
    }
    const nowMs = clock.monotonicMs();
    const kept = this.#cluster.get(query.key, nowMs) ?? this.#forwarded.get(query.key, nowMs);
    if (kept !== undefined) {
      onCache?.(kept.stored.answers > 0 ? 'success' : 'denial');
      return { stored: kept.stored, ageSeconds: kept.untilMs === FOR_EVER ? 0 : Math.floor((nowMs - kept.atMs) / 1_000), by: 'cache' };
    }
    onCache?.('miss');
    this.#ownQuestions.get(query.nameKey)?.();
    return this.#find(query);
  }

  close(): void {
    this.#routes.close();
  }

  #find(query: Query): Resolution | Promise<Resolution> {
    const text = textOf(query.nameKey);
    const { domain } = this.#options.zone;
    // A label with a dot or other signs in it is of no object; what the name is below decides who says so.
    const name = text ?? (query.nameKey.endsWith(keyOfText(domain)) ? `-.${domain}` : undefined);
    if (name !== undefined && !this.#isSynced && isOfCluster(name, domain)) return failure(query, RCODE.SERVFAIL);
    const found = name === undefined ? ELSEWHERE : this.#answer(name, query.type);
    if (found.kind === 'elsewhere') return this.#forward(query, name);
    if (found.kind === 'alias') return this.#follow(query, found);
    const stored = encodeAnswer(found.sections, query);
    this.#cluster.set(query.key, { stored, atMs: this.#options.clock.monotonicMs(), untilMs: FOR_EVER });
    return { stored, ageSeconds: 0, by: 'kubernetes' };
  }

  #answer(name: string, type: number): ClusterAnswer {
    const { index, zone, firstSerial } = this.#options;
    return answer({ name, type }, index, { ...zone, serial: (firstSerial + index.version) >>> 0 });
  }

  async #forward(query: Query, name: string | undefined): Promise<Resolution> {
    const kept = await this.#ask(query, query.key, name);
    return typeof kept === 'number' ? failure(query, kept) : { stored: kept.stored, ageSeconds: 0, by: 'forward' };
  }

  /** An rcode: nobody was asked. */
  async #ask(asked: Asked, key: string, name: string | undefined): Promise<Kept | number> {
    const { clock, maxForwards, onLimit } = this.#options;
    const known = this.#forwarded.get(key, clock.monotonicMs()) ?? this.#underWay.get(key);
    if (known !== undefined) return known;
    const forwarder = this.#routes.for(name);
    if (forwarder.upstreams.all.length === 0) return RCODE.REFUSED;
    if (this.#underWay.size >= maxForwards) {
      onLimit?.();
      return RCODE.REFUSED;
    }
    const asking = this.#askNow(forwarder, asked, key).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asking);
    return asking;
  }

  async #askNow(forwarder: Forwarder, asked: Asked, key: string): Promise<Kept> {
    const { clock, log, keep } = this.#options;
    const routes = this.#routes;
    let stored: StoredAnswer;
    try {
      stored = await forwarder.ask(asked);
    } catch (err) {
      if (codeOf(err) !== 'STOPPING') log.warn('Cannot forward questions', { err });
      stored = encodeAnswer({ ...NOTHING, authoritative: false, rcode: RCODE.SERVFAIL }, { ...asked, nameKey: '\0' });
    }
    const atMs = clock.monotonicMs();
    const kept = { stored, atMs, untilMs: atMs + 1_000 * keepSeconds(stored, keep) };
    if (routes === this.#routes) this.#forwarded.set(key, kept);
    return kept;
  }

  /** An ExternalName: its CNAME, and what is behind it, as one answer. */
  async #follow(query: Query, alias: Alias): Promise<Resolution> {
    const { clock, index } = this.#options;
    const { version } = index;
    const { sections, untilMs } = await this.#chase(query, alias, 1);
    const stored = encodeAnswer(sections, query);
    if (version === index.version && version === this.#version)
      this.#cluster.set(query.key, { stored, atMs: clock.monotonicMs(), untilMs });
    return { stored, ageSeconds: 0, by: 'forward' };
  }

  async #chase(query: Query, { record, target }: Alias, depth: number): Promise<Chased> {
    const next = this.#answer(target, query.type);
    if (next.kind === 'alias' && depth >= DEEPEST_ALIAS) return FAILED;
    const chased =
      next.kind === 'alias'
        ? await this.#chase(query, next, depth + 1)
        : next.kind === 'answer'
          ? { sections: next.sections, untilMs: FOR_EVER }
          : await this.#chaseElsewhere(query, target);
    // Without its end the chain helps nobody: the asker shall ask again.
    if (chased.sections.rcode !== RCODE.NOERROR && chased.sections.rcode !== RCODE.NXDOMAIN) return chased;
    return { ...chased, sections: { ...chased.sections, authoritative: true, answers: [record, ...chased.sections.answers] } };
  }

  async #chaseElsewhere({ type, flags, edns }: Query, target: string): Promise<Chased> {
    const { clock } = this.#options;
    const asked = { ...questionOf(target, type), flags, edns };
    const kept = await this.#ask(asked, sharedKey(asked.nameKey, type, asked), target);
    if (typeof kept === 'number') return { ...FAILED, sections: { ...FAILED.sections, rcode: kept } };
    const ageSeconds = Math.floor((clock.monotonicMs() - kept.atMs) / 1_000);
    return { sections: readSections(kept.stored, ageSeconds), untilMs: kept.untilMs };
  }
}

interface Chased {
  readonly sections: Sections;
  readonly untilMs: number;
}

type Alias = Extract<ClusterAnswer, { readonly kind: 'alias' }>;

const ELSEWHERE: ClusterAnswer = { kind: 'elsewhere' };
const FAILED: Chased = { sections: { ...NOTHING, authoritative: false, rcode: RCODE.SERVFAIL }, untilMs: 0 };

const isOfCluster = (name: string, domain: string): boolean =>
  name === domain || name.endsWith(`.${domain}`) || name.endsWith('.in-addr.arpa') || name.endsWith('.ip6.arpa');

/** As records, to be put behind others. */
function readSections({ bytes, rcode }: StoredAnswer, ageSeconds: number): Sections {
  try {
    const { answers = [], authorities = [] } = decode(bytes);
    const aged = (records: readonly DnsRecord[]): DnsRecord[] =>
      records.map((record) => ('ttl' in record ? { ...record, ttl: Math.max(0, (record.ttl ?? 0) - ageSeconds) } : record));
    return { ...NOTHING, rcode, answers: aged(answers), authorities: aged(authorities) };
  } catch {
    return FAILED.sections; // what dns-packet cannot read cannot be put together with anything
  }
}

function failure(query: Query, rcode: number): Resolution {
  return { stored: encodeAnswer({ ...NOTHING, authoritative: false, rcode }, query), ageSeconds: 0, by: 'kubernetes' };
}
