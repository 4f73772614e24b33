/**
 * One watch of a client: first what there is (if asked for), then every event after a revision, once and in order, for as long as
 * the client reads. A client that does not keep up is no longer told directly; when it has read what it has, it goes on from where it was,
 * out of the recent events or the store's own log. So it loses nothing, and holds no memory but its position.
 */
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { Chunk, JsonBytes, Sink } from '../call.ts';
import { apiErrorOf } from '../failures.ts';
import { expired } from '../status.ts';
import type { Change } from '../storage/store.ts';
import { frame, joinFrames, tell, type CacheEvent, type EventType } from './events.ts';
import type { Filter } from './filter.ts';
import { cachedObject, type CachedObject } from './object.ts';
import type { ResourceCache } from './resourceCache.ts';
import type { WatchCache } from './watchCache.ts';
import type { View } from './watchers.ts';

/** Events put into one piece while catching up. */
const BATCH = 200;
/** Source: upstream sends a bookmark about once a minute. */
const BOOKMARK_MS = 60_000;
export const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

export interface WatchRequest {
  readonly cache: WatchCache;
  readonly resource: ResourceCache;
  readonly filter: Filter;
  readonly view: View;
  /** 'now': tell what there is first. */
  readonly start: { readonly kind: 'after'; readonly revision: number } | { readonly kind: 'now'; readonly endMark: boolean };
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly onEvents: (count: number) => void;
}

/** Runs until the time is over or the client has gone. What ends it early is told to the client as an ERROR event. */
export async function runWatch(request: WatchRequest, sink: Sink): Promise<void> {
  const { cache, clock } = request;
  const signal = AbortSignal.any([sink.signal, cache.generation]);
  const run = new WatchRun(request, sink, signal);
  const endsAtMs = clock.monotonicMs() + request.timeoutMs;
  try {
    await run.begin();
    while (!signal.aborted && clock.monotonicMs() < endsAtMs) await run.turn(endsAtMs);
    run.bookmark('if newer');
  } catch (err) {
    if (sink.signal.aborted) return;
    sink.writeChunk(frame('ERROR', Buffer.from(JSON.stringify(errorOf(err, run.position, cache)))));
  }
}

function errorOf(err: unknown, position: number, cache: WatchCache): unknown {
  if (codeOf(err) === 'STORE_COMPACTED') return expired(`too old resource version: ${position} (${cache.revision})`).status;
  return apiErrorOf(err).status;
}

class WatchRun {
  readonly #request: WatchRequest;
  readonly #sink: Sink;
  readonly #signal: AbortSignal;
  /** Everything up to here has been told. */
  position: number;
  #bookmarked = 0;

  constructor(request: WatchRequest, sink: Sink, signal: AbortSignal) {
    this.#request = request;
    this.#sink = sink;
    this.#signal = signal;
    this.position = request.start.kind === 'after' ? request.start.revision : 0;
  }

  async begin(): Promise<void> {
    const { start, resource, filter, view, cache } = this.#request;
    if (start.kind === 'after') return;
    const objects = resource.list(filter);
    this.position = cache.revision;
    for (let from = 0; from < objects.length && !this.#signal.aborted; from += BATCH) {
      const added = objects.slice(from, from + BATCH).map((object): [EventType, JsonBytes] => ['ADDED', view.pieces(object)]);
      await this.#write(joinFrames(added), added.length);
    }
    if (start.endMark) await this.#write(frame('BOOKMARK', view.bookmark(this.position, { [INITIAL_EVENTS_END]: 'true' })), 1);
  }

  /** Tells what is behind it, or is told directly until it falls behind, a bookmark is due or the time is over. */
  async turn(endsAtMs: number): Promise<void> {
    const events = this.#request.resource.eventsAfter(this.position);
    if (events === undefined) return this.#catchUpFromStore();
    if (events.length > 0) return this.#tell(wholeRevisions(events, BATCH));
    // Nothing may come between the look above and joining, so there is no await here.
    return this.#beLive(endsAtMs);
  }

  async #beLive(endsAtMs: number): Promise<void> {
    const { resource, filter, view, clock, cache, bookmarks } = this.#request;
    const behind = new AbortController();
    const leave = resource.watchers.join(
      {
        deliver: (chunk, revision, count) => {
          this.position = revision;
          this.#request.onEvents(count);
          if (!this.#sink.writeChunk(chunk)) behind.abort();
        },
      },
      filter,
      view,
    );
    try {
      const waitMs = Math.min(endsAtMs - clock.monotonicMs(), bookmarks ? BOOKMARK_MS : Number.POSITIVE_INFINITY);
      await clock.sleep(waitMs, AbortSignal.any([this.#signal, behind.signal])).catch(() => undefined);
    } finally {
      leave();
    }
    if (behind.signal.aborted) return this.#sink.drained();
    // While it was live nothing was kept from it.
    this.position = Math.max(this.position, cache.revision);
    if (!this.#signal.aborted && clock.monotonicMs() < endsAtMs) this.bookmark('always');
  }

  /** always: where nothing happens, it still says that this connection lives. The last one saves the client from reading again what it has seen. */
  bookmark(when: 'always' | 'if newer'): void {
    const { bookmarks, view } = this.#request;
    if (!bookmarks || (when === 'if newer' && this.position <= this.#bookmarked) || this.#signal.aborted) return;
    this.#bookmarked = this.position;
    this.#sink.writeChunk(frame('BOOKMARK', view.bookmark(this.position)));
  }

  async #catchUpFromStore(): Promise<void> {
    const { cache, resource } = this.#request;
    const enough = new AbortController();
    const signal = AbortSignal.any([this.#signal, enough.signal]);
    const watch = cache.store.watch({ prefix: resource.prefix, afterRevision: this.position, signal });
    watch.progressTo(cache.revision);
    try {
      for await (const batch of watch) {
        await this.#tell(batch.changes.map((change) => this.#eventOf(change)));
        this.position = batch.revision;
        if (resource.eventsAfter(this.position) !== undefined) return;
        watch.progressTo(cache.revision);
      }
    } finally {
      enough.abort();
    }
  }

  async #tell(events: readonly CacheEvent[]): Promise<void> {
    const { filter, view } = this.#request;
    const told: [EventType, JsonBytes][] = [];
    for (const event of events) {
      const found = tell(event, filter);
      if (found !== undefined) told.push([found.type, view.pieces(found.object)]);
    }
    this.position = events.at(-1)?.revision ?? this.position;
    if (told.length > 0) await this.#write(joinFrames(told), told.length);
  }

  async #write(chunk: Chunk, count: number): Promise<void> {
    this.#request.onEvents(count);
    if (!this.#sink.writeChunk(chunk)) await this.#sink.drained();
  }

  #eventOf({ key, revision, entry, previous }: Change): CacheEvent {
    const { prefix, readers } = this.#request.resource;
    const short = key.slice(prefix.length);
    const made = (e: typeof entry): CachedObject | undefined => (e === undefined ? undefined : cachedObject(short, e, readers));
    return { revision, before: made(previous), after: made(entry) };
  }
}

/** The first events, but never a part of those that share a revision: the position is a revision. */
function wholeRevisions(events: readonly CacheEvent[], about: number): readonly CacheEvent[] {
  let end = Math.min(about, events.length);
  while (end < events.length && events[end]?.revision === events[end - 1]?.revision) end += 1;
  return events.slice(0, end);
}
