/**
 * The one watch on etcd behind all watches of a store: it covers all keys, so every revision shows in it, and having seen a revision
 * is proof of having seen all before it. That needs none of etcd's progress requests, which overtake events before 3.4.25 and 3.5.8;
 * its periodic notifications, which do not, are taken along.
 * When the connection breaks it goes on at another member where it was; what was compacted meanwhile is reported as a gap.
 */
import { codeOf } from '#base/errors.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { Backoff } from '#base/backoff.ts';
import { compacted, StoreError } from '../errors.ts';
import type { ChangeFeed, ChangeSet, OlderChanges } from '../feed.ts';
import type { Change, Entry } from '../store.ts';
import type { EtcdClient } from './client.ts';
import { NUL, RANGE, WATCH, type Event, type KeyValue, type WatchResponse } from './wire.ts';

export interface HubOptions {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly log: Logger | undefined;
  readonly signal: AbortSignal;
  /** From now on no compaction can come between the feed and etcd as long as the connection holds. */
  readonly onWatching: () => void;
}

/** Changes a watch that is behind gets at a time. */
const CATCH_UP_CHANGES = 1_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/** Ends with the signal. Never throws. */
export async function runHub(feed: ChangeFeed, { client, clock, log, signal, onWatching }: HubOptions): Promise<void> {
  const backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS);
  while (!signal.aborted) {
    try {
      for await (const response of responses(client, { afterRevision: feed.revision, key: NUL, rangeEnd: NUL, signal })) {
        backoff.reset('hub');
        if (response.events.length > 0) feed.publish(setsOf(response.events));
        else if (response.created) onWatching();
        else feed.advance(response.header.revision);
      }
    } catch (err) {
      if (signal.aborted) return;
      if (codeOf(err) === 'STORE_COMPACTED') await skip(feed, client, err, log);
      const retryInMs = backoff.nextMs('hub');
      log?.warn('Watch on etcd broke off', { retryInMs, err });
      await clock.sleep(retryInMs, signal).catch(() => undefined);
    }
  }
}

async function skip(feed: ChangeFeed, client: EtcdClient, err: unknown, log: Logger | undefined): Promise<void> {
  try {
    feed.skipTo(await revisionOf(client));
    log?.warn('Changes were missed because etcd compacted them; all watches start anew', { err });
  } catch {
    // Unreachable just now: the next attempt meets the same gap.
  }
}

/** The newest revision, agreed upon by most members. */
export async function revisionOf(client: EtcdClient, signal?: AbortSignal): Promise<number> {
  const { header } = await client.call(RANGE, { key: NUL, count_only: true }, { repeatable: true, signal });
  return header.revision;
}

export interface EventRange {
  readonly afterRevision: number;
  readonly key: Buffer;
  readonly rangeEnd?: Buffer;
  readonly signal: AbortSignal;
}

/** What etcd sends for one watch. Ends when the reader leaves. Throws: STORE_COMPACTED, STORE_UNAVAILABLE. */
export async function* responses(client: EtcdClient, { afterRevision, key, rangeEnd, signal }: EventRange): AsyncGenerator<WatchResponse> {
  const leave = new AbortController();
  const stream = await client.duplex(WATCH, AbortSignal.any([signal, leave.signal]));
  try {
    const range = { key, ...(rangeEnd === undefined ? {} : { range_end: rangeEnd }) };
    stream.write({ create_request: { ...range, start_revision: afterRevision + 1, progress_notify: true, prev_kv: true } });
    for await (const response of stream as AsyncIterable<WatchResponse>) {
      if (response.compact_revision > 0) throw compacted(afterRevision, response.compact_revision);
      if (response.canceled) throw unavailable(`etcd ended the watch: ${response.cancel_reason}`, undefined);
      yield response;
    }
    throw unavailable('the connection was closed', undefined);
  } catch (err) {
    throw err instanceof StoreError ? err : unavailable('the connection broke', err);
  } finally {
    leave.abort();
  }
}

function unavailable(what: string, cause: unknown): StoreError {
  return new StoreError('STORE_UNAVAILABLE', `Cannot watch etcd: ${what}`, { cause });
}

/** For watches that begin, or fell, behind the feed's ring. */
export async function readOlder(client: EtcdClient, after: number, ringStart: number, signal: AbortSignal): Promise<OlderChanges> {
  // A watch may start at the compacted revision itself although the deletions of that revision can be gone: reading tells.
  await client.call(RANGE, { key: NUL, count_only: true, revision: after }, { repeatable: true, signal });
  const sets: ChangeSet[] = [];
  let changes = 0;
  for await (const { events } of responses(client, { afterRevision: after, key: NUL, rangeEnd: NUL, signal })) {
    for (const set of setsOf(events)) {
      // Every revision shows, so coming to the ring's start is certain.
      if (set.revision > ringStart) return { sets, through: ringStart };
      sets.push(set);
      changes += set.changes.length;
    }
    const last = sets.at(-1)?.revision ?? after;
    if (last >= ringStart || changes >= CATCH_UP_CHANGES) return { sets, through: last };
  }
  throw unavailable('the watch ended', undefined);
}

/** etcd never splits a revision between two responses unless asked to. */
export function setsOf(events: readonly Event[]): readonly ChangeSet[] {
  const sets: { revision: number; changes: Change[] }[] = [];
  for (const event of events) {
    const change = changeOf(event);
    const set = sets.at(-1);
    if (set?.revision === change.revision) set.changes.push(change);
    else sets.push({ revision: change.revision, changes: [change] });
  }
  return sets;
}

function changeOf({ type, kv, prev_kv: previous }: Event): Change {
  return {
    key: kv.key.toString(),
    revision: kv.mod_revision,
    entry: type === 'DELETE' ? undefined : entryOf(kv),
    previous: previous === null ? undefined : entryOf(previous),
  };
}

/** The value is copied: the decoder's is a window on the whole message, which one entry in a cache would keep alive. */
export function entryOf(kv: KeyValue): Entry {
  return { key: kv.key.toString(), value: new Uint8Array(kv.value), createRevision: kv.create_revision, modRevision: kv.mod_revision };
}
