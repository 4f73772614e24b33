/**
 * Follows the objects of one kind for as long as the signal lets it, whatever happens in between: a list (or its streamed form, where the
 * server offers it), then a watch from there, resumed from the last version seen, and a new list only when the server has forgotten that
 * version. Never ends by itself and never throws but for the signal.
 *
 * Units: milliseconds.
 * Source: upstream's reflector for the back-off (0.8 s doubling to 30 s, jittered, forgotten after two good minutes) and the length of a watch.
 * Differs: lists are consistent (no resourceVersion) instead of "whatever the server has at hand" (0): a controller that is told the past
 * acts on the past, and servers answer both out of their cache.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { ApiError, isExpired, isFromTheFuture } from './errors.ts';
import type { ListQuery, Selection, WatchQuery } from './query.ts';
import type { Call, Page } from './rest.ts';
import type { WatchEvent } from './watchEvents.ts';

/** Where objects come from: a ResourceClient, or a fake. */
export interface Source<T> {
  pages(query: ListQuery, call: Call): AsyncIterable<Page<T>>;
  watch(query: WatchQuery, call: Call): AsyncIterable<WatchEvent<T>>;
}

/** Who is told. Calls come one after the other. */
export interface Sink<T> {
  /** These are all there are. */
  replace(objects: Iterable<T>): void;
  set(object: T): void;
  remove(object: T): void;
}

export interface FollowOptions<T> {
  readonly source: Source<T>;
  readonly selection: Selection;
  readonly sink: Sink<T>;
  readonly clock: Clock;
  readonly log: Logger;
  /** 0 <= x < 1 */
  readonly random: () => number;
  /** Whether to ask for the streamed list first. A server that refuses it is not asked again. Default true. */
  readonly streamList?: boolean;
}

const FIRST_RETRY_MS = 800;
const LONGEST_RETRY_MS = 30_000;
/** Differs: upstream waits as long for a server that is not there as for one that has too much to do; asking where nobody is costs nobody. */
const LONGEST_AWAY_MS = 5_000;
const GOOD_MS = 120_000;
const SHORTEST_WATCH_S = 300;
/** A server sends bookmarks about once a minute when anything happens in it; a connection that says nothing for so long may be dead. */
const IDLE_MS = 180_000;
/** In the streamed list there is no reason to pause. A server that does not know it would go on for ever without its end. */
const INITIAL_IDLE_MS = 15_000;
/** So often is the same version asked for after refusals, before everything is read anew. */
const MOST_REFUSALS = 5;

export async function follow<T extends KubeObject>(options: FollowOptions<T>, signal: AbortSignal): Promise<void> {
  await new Follower(options).run(signal);
}

class Follower<T extends KubeObject> {
  readonly #options: FollowOptions<T>;
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  readonly #away = new Backoff(FIRST_RETRY_MS, LONGEST_AWAY_MS);
  /** Where to go on; undefined: read everything. */
  #version: string | undefined;
  #streamList: boolean;
  #refusals = 0;
  #isDown = false;

  constructor(options: FollowOptions<T>) {
    this.#options = options;
    this.#streamList = options.streamList ?? true;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      const before = this.#version;
      let failure: unknown;
      try {
        await this.#turn(signal);
      } catch (err) {
        if (signal.aborted) return;
        // Silence is how a quiet cluster sounds; asking again costs one request.
        if (this.#version === undefined || codeOf(err) !== 'API_IDLE') failure = err;
      }
      if (failure !== undefined && this.#learn(failure, before)) continue;
      const tookMs = clock.monotonicMs() - startedMs;
      if (tookMs >= GOOD_MS) this.#backoff.reset('');
      // A watch that ends in its time, or after something was told, is how watches are.
      if (failure === undefined && (tookMs >= 1_000 || this.#version !== before)) continue;
      const isAway = codeOf(failure) === 'API_UNREACHABLE';
      if (!isAway) this.#away.reset('');
      const retryInMs = Math.round((isAway ? this.#away : this.#backoff).nextMs('') * (1 + this.#options.random()));
      if (failure !== undefined) {
        log.warn('Cannot follow the API server', { retryInMs, err: failure });
        this.#isDown = true;
      }
      await clock.sleep(Math.max(retryInMs, retryAfterMs(failure)), signal).catch(() => undefined);
    }
  }

  /** Draws the conclusions from a failure. Returns whether to go on at once. */
  #learn(failure: unknown, before: string | undefined): boolean {
    const wasListing = before === undefined && this.#version === undefined;
    if (wasListing) {
      if (this.#streamList && isNoStreamedList(failure)) {
        this.#streamList = false;
        return true;
      }
      return false;
    }
    if (this.#version !== before) this.#refusals = 0;
    if (failure instanceof ApiError) this.#refusals += 1;
    const isLost = isExpired(failure) || isFromTheFuture(failure) || isOfNoUse(failure) || this.#refusals >= MOST_REFUSALS;
    if (!isLost) return false;
    this.#version = undefined;
    this.#refusals = 0;
    // A list at once, unless the last one was a moment ago.
    return isExpired(failure) && before !== undefined;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    if (this.#version === undefined) {
      if (this.#streamList) return this.#watch({ sendInitialEvents: true }, signal);
      await this.#list(signal);
    }
    await this.#watch(this.#version === undefined ? {} : { resourceVersion: this.#version }, signal);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { source, selection, sink } = this.#options;
    const read = async (limit: object): Promise<void> => {
      const objects: T[] = [];
      let version = '';
      for await (const page of source.pages({ ...selection, ...limit }, { signal })) {
        objects.push(...page.items);
        version = page.metadata.resourceVersion;
      }
      sink.replace(objects);
      this.#reached(version);
    };
    try {
      await read({});
    } catch (err) {
      // The pages took longer than the server remembers: all in one piece then.
      if (!isExpired(err)) throw err;
      await read({ limit: 0 });
    }
  }

  async #watch(how: WatchQuery, signal: AbortSignal): Promise<void> {
    const { source, selection, sink, random } = this.#options;
    const idle = new IdleTimer(this.#options.clock, signal);
    const timeoutSeconds = Math.round(SHORTEST_WATCH_S * (1 + random()));
    let initial: Map<string, T> | undefined = how.sendInitialEvents === true ? new Map() : undefined;
    idle.restart(initial === undefined ? IDLE_MS : INITIAL_IDLE_MS);
    try {
      for await (const event of source.watch({ ...selection, ...how, timeoutSeconds }, { signal: idle.signal })) {
        idle.restart(initial === undefined ? IDLE_MS : INITIAL_IDLE_MS);
        if (initial === undefined) {
          this.#tell(event);
        } else if (event.type !== 'BOOKMARK') {
          if (event.type === 'DELETED') initial.delete(keyOf(event.object));
          else initial.set(keyOf(event.object), event.object);
        } else if (event.endsInitialEvents) {
          sink.replace(initial.values());
          initial = undefined;
          this.#reached(event.resourceVersion);
        } else break; // it does not know what was asked for
      }
    } finally {
      idle.stop();
    }
    if (initial !== undefined) throw new AppError('API_CUT_SHORT', 'The API server ended a streamed list before its end');
  }

  #tell(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') {
      this.#reached(event.resourceVersion);
      return;
    }
    const { resourceVersion = '' } = event.object.metadata;
    // Told before: a line came twice. Versions of one kind grow.
    if (this.#version !== undefined && isOlder(resourceVersion, this.#version)) return;
    if (event.type === 'DELETED') this.#options.sink.remove(event.object);
    else this.#options.sink.set(event.object);
    this.#reached(resourceVersion);
  }

  /** Everything up to here has been told. */
  #reached(version: string): void {
    this.#version = version;
    if (!this.#isDown) return;
    this.#isDown = false;
    this.#options.log.info('Following the API server again');
  }
}

/** "namespace/name", or the name alone for kinds of the whole cluster. */
export function keyOf({ metadata: { namespace, name = '' } }: KubeObject): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

/** Source: KEP-5504, versions of one kind are decimal numbers that can be compared. Where they are not, nothing is known. */
function isOlder(a: string, b: string): boolean {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}

/** A server without the feature refuses the option, or does not know it and never ends the list. */
function isNoStreamedList(err: unknown): boolean {
  return ['Invalid', 'BadRequest', 'API_IDLE', 'API_CUT_SHORT'].includes(codeOf(err) ?? '');
}

/** Not a matter of waiting: the watch as such is refused (not found, forbidden, bad request), or what it sends makes no sense. */
function isOfNoUse(err: unknown): boolean {
  if (err instanceof ApiError) return err.httpStatus < 500 && err.httpStatus !== 429;
  return codeOf(err) === 'API_ANSWER_INVALID';
}

const retryAfterMs = (err: unknown): number => (err instanceof ApiError ? (err.retryAfterMs ?? 0) : 0);

/** Ends a watch that has nothing to say for too long. One sleeper at a time, however often it is restarted. */
class IdleTimer {
  readonly signal: AbortSignal;
  readonly #idle = new AbortController();
  readonly #stop = new AbortController();
  readonly #clock: Clock;
  #endsAtMs = 0;
  #isRunning = false;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.signal = AbortSignal.any([signal, this.#idle.signal]);
  }

  restart(afterMs: number): void {
    const before = this.#endsAtMs;
    this.#endsAtMs = this.#clock.monotonicMs() + afterMs;
    if (!this.#isRunning || this.#endsAtMs < before) void this.#run();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (;;) {
      const leftMs = this.#endsAtMs - this.#clock.monotonicMs();
      if (leftMs <= 0) break;
      await this.#clock.sleep(leftMs, this.#stop.signal).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
    }
    this.#idle.abort(new AppError('API_IDLE', 'The API server said nothing for too long; connecting again'));
  }
}
