/**
 * An answer kept as the bytes that go out, and what has to be done to them for one asker: id, spelling of the question, age of the
 * records, order of the addresses, size. Pure.
 * Units: seconds (ttl, age).
 * Why: with it a known question costs one copy and no codec, and what an upstream server said goes on byte for byte.
 * Source: RFC 1035, RFC 2181 (9: a cut in the additional section is no truncation), RFC 6891.
 */
import { FLAG, HEADER_BYTES, LONGEST_MESSAGE, PLAIN_UDP_BYTES, TYPE, writeOpt, type Query, type RecordPlace } from './wire.ts';

export interface StoredAnswer {
  /** Header, question, records; no OPT. */
  readonly bytes: Buffer;
  readonly rcode: number;
  readonly answers: number;
  readonly authorities: number;
  readonly additionals: number;
  readonly places: readonly RecordPlace[];
  /** Data of addresses that may change places, where there are at least two of a kind. */
  readonly turning: readonly { readonly dataAt: readonly number[]; readonly bytes: number }[];
}

export function storedAnswer(
  bytes: Buffer,
  { places, answers, authorities }: { readonly places: readonly RecordPlace[]; readonly answers: number; readonly authorities: number },
): StoredAnswer {
  const turning = [
    { type: TYPE.A, bytes: 4 },
    { type: TYPE.AAAA, bytes: 16 },
  ].flatMap(({ type, bytes: size }) => {
    const dataAt = places.slice(0, answers).flatMap((p) => (p.type === type && p.end - p.ttlAt === 6 + size ? [p.ttlAt + 6] : []));
    return dataAt.length > 1 ? [{ dataAt, bytes: size }] : [];
  });
  const rcode = bytes.readUInt16BE(2) & 15;
  return { bytes, rcode, answers, authorities, additionals: places.length - answers - authorities, places, turning };
}

export interface RenderOptions {
  /** How long it has been kept. */
  readonly ageSeconds: number;
  /** Moves the addresses on by so many. */
  readonly turn: number;
  /** The most this server sends over UDP; 0: it goes over TCP. */
  readonly udpBytes: number;
}

const OPT_BYTES = 11;

export function render(stored: StoredAnswer, query: Query, { ageSeconds, turn, udpBytes }: RenderOptions): Buffer {
  const { edns } = query;
  const limit = udpBytes === 0 ? LONGEST_MESSAGE : Math.min(udpBytes, Math.max(PLAIN_UDP_BYTES, edns?.payloadBytes ?? 0));
  const room = limit - (edns === undefined ? 0 : OPT_BYTES);
  const kept = stored.bytes.length <= room ? stored.places.length : fitting(stored, room);
  const end = kept === stored.places.length ? stored.bytes.length : (stored.places[kept - 1]?.end ?? query.questionEnd);
  const out = Buffer.allocUnsafe(end + (edns === undefined ? 0 : OPT_BYTES));
  stored.bytes.copy(out, 0, 0, end);
  query.bytes.copy(out, HEADER_BYTES, HEADER_BYTES, query.questionEnd);
  out.writeUInt16BE(query.id, 0);
  const known = stored.bytes.readUInt16BE(2) & (FLAG.AA | FLAG.AD | 15);
  const isCut = kept < stored.answers + stored.authorities;
  out.writeUInt16BE(FLAG.QR | FLAG.RA | known | (query.flags & (FLAG.RD | FLAG.CD)) | (isCut ? FLAG.TC : 0), 2);
  const answers = Math.min(kept, stored.answers);
  const authorities = Math.min(kept - answers, stored.authorities);
  out.writeUInt16BE(answers, 6);
  out.writeUInt16BE(authorities, 8);
  out.writeUInt16BE(kept - answers - authorities + (edns === undefined ? 0 : 1), 10);
  if (ageSeconds > 0) age(out, stored.places, kept, ageSeconds);
  for (const { dataAt, bytes } of stored.turning) turnOn(out, stored.bytes, { dataAt, bytes, turn, end });
  if (edns !== undefined) writeOpt(out, end, { payloadBytes: Math.max(udpBytes, PLAIN_UDP_BYTES), dnssecOk: edns.dnssecOk });
  return out;
}

/** How many whole records there is room for. */
function fitting({ places }: StoredAnswer, room: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((places[middle - 1]?.end ?? 0) <= room) low = middle;
    else high = middle - 1;
  }
  return low;
}

function age(out: Buffer, places: readonly RecordPlace[], kept: number, seconds: number): void {
  for (let i = 0; i < kept; i++) {
    const at = places[i]?.ttlAt ?? 0;
    out.writeUInt32BE(Math.max(0, out.readUInt32BE(at) - seconds), at);
  }
}

interface Turning {
  readonly dataAt: readonly number[];
  readonly bytes: number;
  readonly turn: number;
  readonly end: number;
}

/** With a part of the records each asker gets another part, so that a cut answer leaves out nobody for ever. */
function turnOn(out: Buffer, from: Buffer, { dataAt, bytes, turn, end }: Turning): void {
  for (let i = 0; i < dataAt.length; i++) {
    const to = dataAt[i] ?? 0;
    if (to >= end) return;
    const source = dataAt[(i + turn) % dataAt.length] ?? 0;
    for (let b = 0; b < bytes; b++) out[to + b] = from[source + b] ?? 0;
  }
}
