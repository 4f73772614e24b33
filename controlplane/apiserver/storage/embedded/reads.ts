/**
 * Reading the trees of an embedded store, in the present and in the past. All synchronous, so that one call sees one state.
 * Throws: STORE_CORRUPT.
 */
import { StoreError } from '../errors.ts';
import type { ChangeSet } from '../feed.ts';
import type { Change, Entry, ListOptions, Page, Version } from '../store.ts';
import { prefixEnd } from '../writes.ts';
import type { LmdbFile } from './database.ts';
import {
  decodeRecord,
  decodeState,
  entryOf,
  pastKey,
  revisionOf,
  splitDueKey,
  splitPastKey,
  STATE_KEY,
  stampOf,
  type LogRecord,
  type State,
} from './layout.ts';

const LAST_INDEX = 0xffff;

export interface Found {
  readonly stamp: Buffer;
  readonly entry: Entry;
}

export function readState(db: LmdbFile): State {
  const bytes = db.meta.getBinary(STATE_KEY);
  if (bytes === undefined) throw new StoreError('STORE_CORRUPT', 'Cannot read the store: its state record is gone; restore a snapshot');
  return decodeState(bytes);
}

export function readRecord(db: LmdbFile, stamp: Buffer): LogRecord {
  const bytes = db.log.getBinary(stamp);
  if (bytes !== undefined) return decodeRecord(stamp, bytes);
  const facts = { revision: revisionOf(stamp) };
  throw new StoreError('STORE_CORRUPT', 'Cannot read the store: a record is gone; restore a snapshot', { facts });
}

export function findNow(db: LmdbFile, key: string): Found | undefined {
  const stamp = db.head.getBinary(Buffer.from(key));
  return stamp === undefined ? undefined : { stamp, entry: entryOf(stamp, readRecord(db, stamp)) };
}

export function findAt(db: LmdbFile, key: string, revision: number): Entry | undefined {
  const stamp = stampAt(db, key, db.head.getBinary(Buffer.from(key)), revision);
  return stamp === undefined ? undefined : entryOf(stamp, readRecord(db, stamp));
}

/** The version of the key that was there at the revision, given the one that is there now. */
function stampAt(db: LmdbFile, key: string, now: Buffer | undefined, revision: number): Buffer | undefined {
  if (now !== undefined && revisionOf(now) <= revision) return now;
  const newestFirst = { start: pastKey(key, stampOf(revision, LAST_INDEX)), end: pastKey(key, stampOf(0, 0)), reverse: true, limit: 1 };
  for (const { key: found, value: until } of db.past.getRange(newestFirst)) {
    return revisionOf(until) > revision ? Buffer.from(splitPastKey(found).stamp) : undefined;
  }
  return undefined;
}

interface Range {
  readonly start?: Buffer;
  readonly end?: Buffer;
}

function rangeOf({ prefix, after }: ListOptions): Range {
  const first = Buffer.from(prefix);
  // The least byte no key holds: behind the key itself, and in `past` behind all its versions (key NUL stamp), before any other key.
  const behind = after === undefined ? first : Buffer.from(`${after}\u0001`);
  const start = Buffer.compare(behind, first) > 0 ? behind : first;
  const end = prefixEnd(prefix);
  return { ...(start.length > 0 ? { start } : {}), ...(end === undefined ? {} : { end }) };
}

export function listNow(db: LmdbFile, options: ListOptions): Page {
  const { limit = Number.POSITIVE_INFINITY } = options;
  const range = rangeOf(options);
  const { revision } = readState(db);
  const entries: Entry[] = [];
  for (const { value: stamp } of db.head.getRange(range)) {
    if (entries.length >= limit) {
      const remaining = db.head.getKeysCount(range) - entries.length;
      return { entries, revision, next: entries.at(-1)?.key ?? '', remaining };
    }
    entries.push(entryOf(stamp, readRecord(db, stamp)));
  }
  return { entries, revision };
}

export function listAt(db: LmdbFile, options: ListOptions, revision: number): Page {
  const { limit = Number.POSITIVE_INFINITY } = options;
  const entries: Entry[] = [];
  for (const { key, now } of keysEver(db, rangeOf(options))) {
    const stamp = stampAt(db, key, now, revision);
    if (stamp === undefined) continue;
    if (entries.length >= limit) return { entries, revision, next: entries.at(-1)?.key ?? '' };
    entries.push(entryOf(stamp, readRecord(db, stamp)));
  }
  return { entries, revision };
}

/** Every key of the range that has a version left, in order, with the version that is there now. */
function* keysEver(db: LmdbFile, range: Range): Generator<{ readonly key: string; readonly now: Buffer | undefined }> {
  const heads = db.head.getRange(range)[Symbol.iterator]();
  try {
    let head = heads.next();
    let past = nextPastKey(db, range);
    while (head.done !== true || past !== undefined) {
      const now = head.done === true ? undefined : head.value;
      const order = now === undefined ? 1 : past === undefined ? -1 : Buffer.compare(now.key, past);
      if (now !== undefined && order <= 0) {
        yield { key: now.key.toString(), now: now.value };
        if (order === 0) past = nextPastKey(db, { ...range, start: Buffer.concat([now.key, Buffer.of(1)]) });
        head = heads.next();
      } else if (past !== undefined) {
        yield { key: past.toString(), now: undefined };
        past = nextPastKey(db, { ...range, start: Buffer.concat([past, Buffer.of(1)]) });
      }
    }
  } finally {
    heads.return?.();
  }
}

function nextPastKey(db: LmdbFile, range: Range): Buffer | undefined {
  for (const { key } of db.past.getRange({ ...range, limit: 1 })) return Buffer.from(splitPastKey(key).key);
  return undefined;
}

export interface LogSlice {
  readonly records: readonly { readonly stamp: Buffer; readonly record: LogRecord }[];
  /** Complete up to this revision. */
  readonly through: number;
}

/** About max records after one revision up to another, whole transactions only. */
export function readLog(db: LmdbFile, after: number, upTo: number, max: number): LogSlice {
  const records: { stamp: Buffer; record: LogRecord }[] = [];
  for (const { key, value } of db.log.getRange({ start: stampOf(after + 1, 0), end: stampOf(upTo + 1, 0) })) {
    const last = records.at(-1);
    if (records.length >= max && last !== undefined && revisionOf(key) !== revisionOf(last.stamp)) {
      return { records, through: revisionOf(last.stamp) };
    }
    const stamp = Buffer.from(key);
    records.push({ stamp, record: decodeRecord(stamp, value) });
  }
  return { records, through: upTo };
}

export function changesOf(db: LmdbFile, { records }: LogSlice): readonly ChangeSet[] {
  const sets: { revision: number; changes: Change[] }[] = [];
  for (const { stamp, record } of records) {
    const revision = revisionOf(stamp);
    const entry = record.deleted ? undefined : entryOf(stamp, record);
    const previous = record.previous === undefined ? undefined : entryOf(record.previous, readRecord(db, record.previous));
    const change = { key: record.key, revision, entry, previous };
    const set = sets.at(-1);
    if (set?.revision === revision) set.changes.push(change);
    else sets.push({ revision, changes: [change] });
  }
  return sets;
}

/** Newest first. */
export function historyOf(db: LmdbFile, key: string): readonly Version[] {
  const versions: Version[] = [];
  const version = (stamp: Buffer): Version => {
    const record = readRecord(db, stamp);
    const by = record.by === undefined ? {} : { by: record.by };
    return { revision: revisionOf(stamp), entry: record.deleted ? undefined : entryOf(stamp, record), atMs: record.atMs, ...by };
  };
  const range = { start: pastKey(key, stampOf(0, 0)), end: Buffer.concat([Buffer.from(key), Buffer.of(1)]) };
  const past = [...db.past.getRange(range)].map((p) => ({ from: Buffer.from(splitPastKey(p.key).stamp), until: Buffer.from(p.value) }));
  const now = db.head.getBinary(Buffer.from(key));
  for (const [i, { from, until }] of past.entries()) {
    versions.push(version(from));
    // Ended by its successor, or by a deletion, which is a version of its own.
    const successor = past[i + 1]?.from ?? now;
    if (successor === undefined || !successor.equals(until)) versions.push(version(until));
  }
  if (now !== undefined) versions.push(version(now));
  return versions.toReversed();
}

export interface DueEntry {
  readonly dueKey: Buffer;
  readonly key: string;
  readonly atMs: number;
  readonly stamp: Buffer;
}

/** In the order of their times. An entry may have been written again since: compare the stamp. */
export function* dueEntries(db: LmdbFile): Generator<DueEntry> {
  for (const { key, value } of db.due.getRange({})) yield { dueKey: Buffer.from(key), ...splitDueKey(key), stamp: Buffer.from(value) };
}
