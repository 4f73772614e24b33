/**
 * How the embedded store lays its data out in LMDB. Pure.
 *
 *   log      stamp -> record          every write of every transaction; the only place where values are kept
 *   head     key -> stamp             what is there now
 *   past     key NUL stamp -> stamp   a version that is over: from when, until when (the stamp of the write that ended it)
 *   due      time key -> stamp        when to delete which version of an entry with a time to live
 *   meta     'state' -> 4 revisions, 'info' -> JSON
 *
 * A stamp is revision (6 bytes) and number within the transaction (2 bytes), big-endian, so that byte order is time order.
 * Units: times in milliseconds since 1970, 6 bytes. Throws: STORE_CORRUPT.
 */
import { crc32 } from 'node:zlib';
import { StoreError } from '../errors.ts';
import { MAX_BY_BYTES, type Entry } from '../store.ts';

/** 2: records say who wrote them. Stores of format 1 are read, and go on as format 2. */
export const FORMAT = 2;
export const READABLE_FORMATS: readonly unknown[] = [1, FORMAT];
export const STAMP_BYTES = 8;
const HEADER_BYTES = 28;
const [DELETED, SAYS_BY] = [1, 2];
const NO_STAMP = Buffer.alloc(STAMP_BYTES);

export function stampOf(revision: number, index: number): Buffer {
  const stamp = Buffer.allocUnsafe(STAMP_BYTES);
  stamp.writeUIntBE(revision, 0, 6);
  stamp.writeUInt16BE(index, 6);
  return stamp;
}

export function revisionOf(stamp: Buffer): number {
  return stamp.readUIntBE(0, 6);
}

/** One write as it was done. previous: the stamp of the version it ended. */
export interface LogRecord {
  readonly key: string;
  readonly deleted: boolean;
  readonly createRevision: number;
  readonly atMs: number;
  readonly previous: Buffer | undefined;
  readonly by?: string | undefined;
  /** Part of the record's own buffer: no copy. */
  readonly value: Buffer;
}

/** Layout: format 1, flags 1, key length 2, CRC 4, time 6, createRevision 6, previous stamp 8, key, (length 1, by), value. */
export function encodeRecord(record: Omit<LogRecord, 'value'> & { readonly value: Uint8Array }): Buffer {
  const keyBytes = Buffer.byteLength(record.key);
  const by = record.by === undefined ? undefined : Buffer.from(record.by).subarray(0, MAX_BY_BYTES);
  const valueAt = HEADER_BYTES + keyBytes + (by === undefined ? 0 : 1 + by.length);
  // Not from the pool: a small piece that lives on in a cache would keep the whole 8 KiB slab alive.
  const out = Buffer.allocUnsafeSlow(valueAt + record.value.length);
  out[0] = FORMAT;
  out[1] = (record.deleted ? DELETED : 0) | (by === undefined ? 0 : SAYS_BY);
  out.writeUInt16BE(keyBytes, 2);
  out.writeUIntBE(record.atMs, 8, 6);
  out.writeUIntBE(record.createRevision, 14, 6);
  (record.previous ?? NO_STAMP).copy(out, 20);
  out.write(record.key, HEADER_BYTES);
  if (by !== undefined) {
    out[HEADER_BYTES + keyBytes] = by.length;
    out.set(by, HEADER_BYTES + keyBytes + 1);
  }
  out.set(record.value, valueAt);
  out.writeUInt32BE(checksum(out), 4);
  return out;
}

export function decodeRecord(stamp: Buffer, bytes: Buffer): LogRecord {
  const keyEnd = bytes.length < HEADER_BYTES ? Number.POSITIVE_INFINITY : HEADER_BYTES + bytes.readUInt16BE(2);
  if (bytes.length < keyEnd || !READABLE_FORMATS.includes(bytes[0]) || bytes.readUInt32BE(4) !== checksum(bytes)) {
    const facts = { revision: revisionOf(stamp), bytes: bytes.length };
    throw new StoreError('STORE_CORRUPT', 'Cannot read the store: a record is damaged; restore a snapshot', { facts });
  }
  const previous = bytes.subarray(20, 28);
  const flags = bytes[1] ?? 0;
  const byBytes = (flags & SAYS_BY) === 0 ? 0 : 1 + (bytes[keyEnd] ?? 0);
  return {
    key: bytes.toString('utf8', HEADER_BYTES, keyEnd),
    deleted: (flags & DELETED) !== 0,
    createRevision: bytes.readUIntBE(14, 6),
    atMs: bytes.readUIntBE(8, 6),
    previous: previous.equals(NO_STAMP) ? undefined : previous,
    ...(byBytes === 0 ? {} : { by: bytes.toString('utf8', keyEnd + 1, keyEnd + byBytes) }),
    value: bytes.subarray(keyEnd + byBytes),
  };
}

/** Over everything but itself. */
function checksum(record: Buffer): number {
  return crc32(record.subarray(8), crc32(record.subarray(0, 4)));
}

export function entryOf(stamp: Buffer, record: LogRecord): Entry {
  return { key: record.key, value: record.value, createRevision: record.createRevision, modRevision: revisionOf(stamp) };
}

export function pastKey(key: string, stamp: Buffer): Buffer {
  return Buffer.concat([Buffer.from(key), Buffer.of(0), stamp]);
}

export function splitPastKey(bytes: Buffer): { readonly key: string; readonly stamp: Buffer } {
  const end = bytes.length - STAMP_BYTES;
  return { key: bytes.toString('utf8', 0, end - 1), stamp: bytes.subarray(end) };
}

export function dueKey(atMs: number, key: string): Buffer {
  const time = Buffer.allocUnsafe(6);
  time.writeUIntBE(Math.ceil(atMs), 0, 6);
  return Buffer.concat([time, Buffer.from(key)]);
}

export function splitDueKey(bytes: Buffer): { readonly atMs: number; readonly key: string } {
  return { atMs: bytes.readUIntBE(0, 6), key: bytes.toString('utf8', 6) };
}

/** compacted <= revision; trimmed <= purged <= compacted. See retention.ts for the last two. */
export interface State {
  readonly revision: number;
  readonly compacted: number;
  readonly purged: number;
  readonly trimmed: number;
}

export const STATE_KEY = Buffer.from('state');
export const INFO_KEY = Buffer.from('info');

export function encodeState({ revision, compacted, purged, trimmed }: State): Buffer {
  const out = Buffer.allocUnsafe(24);
  for (const [i, n] of [revision, compacted, purged, trimmed].entries()) out.writeUIntBE(n, i * 6, 6);
  return out;
}

export function decodeState(bytes: Buffer): State {
  const at = (i: number): number => bytes.readUIntBE(i * 6, 6);
  return { revision: at(0), compacted: at(1), purged: at(2), trimmed: at(3) };
}
