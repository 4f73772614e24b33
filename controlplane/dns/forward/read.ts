/**
 * What an upstream server sent: whether it answers our question, and the bytes of it that may be kept and passed on. Pure.
 * Units: seconds.
 * Source: RFC 5452 (9: what an answer has to match), RFC 2308 (5: how long the absence of a name is kept), RFC 6891.
 */
import { storedAnswer, type StoredAnswer } from '../stored.ts';
import { FLAG, HEADER_BYTES, placesOf, RCODE, TYPE, type RecordPlace } from '../wire.ts';

export type Received =
  | { readonly kind: 'answer'; readonly stored: StoredAnswer; readonly isCut: boolean }
  /** Somebody else's, or forged: the right one may still come. */
  | { readonly kind: 'stray' }
  /** For us, and it makes no sense. */
  | { readonly kind: 'broken' };

export function readReply(asked: Buffer, questionEnd: number, bytes: Buffer): Received {
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== asked.readUInt16BE(0)) return { kind: 'stray' };
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG.QR) === 0 || (flags & 0x7800) !== 0) return { kind: 'stray' };
  const rcode = flags & 15;
  // A server that does not know EDNS may leave the question out of its refusal.
  const isBare = bytes.readUInt16BE(4) === 0 && rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN;
  if (isBare) return { kind: 'broken' };
  if (bytes.readUInt16BE(4) !== 1 || !sameQuestion(asked, bytes, questionEnd)) return { kind: 'stray' };
  const isCut = (flags & FLAG.TC) !== 0;
  const [answers, authorities, all] = [bytes.readUInt16BE(6), bytes.readUInt16BE(8), bytes.readUInt16BE(10)];
  const places = isCut ? [] : placesOf(bytes, questionEnd, answers + authorities + all);
  if (places === undefined) return { kind: 'broken' };
  return {
    kind: 'answer',
    isCut,
    stored: withoutOpt(bytes, { places, answers: isCut ? 0 : answers, authorities: isCut ? 0 : authorities }),
  };
}

/** Letters may come back in another case from servers that fold them. */
function sameQuestion(asked: Buffer, bytes: Buffer, end: number): boolean {
  if (bytes.length < end) return false;
  for (let i = HEADER_BYTES; i < end; i++) {
    const [a = 0, b = 0] = [asked[i], bytes[i]];
    if (a === b) continue;
    const lower = a | 32;
    if (i >= end - 4 || lower !== (b | 32) || lower < 97 || lower > 122) return false;
  }
  return true;
}

interface Sections {
  readonly places: readonly RecordPlace[];
  readonly answers: number;
  readonly authorities: number;
}

/** OPT is between two servers. What follows it may point behind it, and is additional: it goes too. */
function withoutOpt(bytes: Buffer, { places, answers, authorities }: Sections): StoredAnswer {
  const opt = places.findIndex(({ type }, i) => type === TYPE.OPT && i >= answers + authorities);
  const kept = opt < 0 ? places : places.slice(0, opt);
  const end = kept.at(-1)?.end ?? questionEndOf(bytes);
  const copy = Buffer.from(bytes.subarray(0, end));
  copy.writeUInt16BE(copy.readUInt16BE(2) & ~(FLAG.TC | FLAG.AA), 2); // we are no authority for it
  copy.writeUInt16BE(kept.length - answers - authorities, 10);
  return storedAnswer(copy, { places: kept, answers, authorities });
}

/** The question was compared: it has no pointers. */
function questionEndOf(bytes: Buffer): number {
  let at = HEADER_BYTES;
  while (bytes[at] !== 0) at += 1 + (bytes[at] ?? 0);
  return at + 5;
}

export interface KeepLimits {
  readonly positiveSeconds: number;
  readonly negativeSeconds: number;
}

/** Of a server that cannot answer: long enough to keep a crowd from asking again at once. Source: RFC 9520 (3.2): at least a second. */
const FAILURE_SECONDS = 1;

/** How long an answer may be kept; 0: not at all. */
export function keepSeconds({ bytes, places, rcode, answers, authorities }: StoredAnswer, limits: KeepLimits): number {
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return Math.min(FAILURE_SECONDS, limits.negativeSeconds);
  const ttls = (from: number, to: number): number[] => places.slice(from, to).map(({ ttlAt }) => ttlOf(bytes, ttlAt));
  const soa = places.slice(answers, answers + authorities).find(({ type }) => type === TYPE.SOA);
  if (answers > 0 && rcode === RCODE.NOERROR && soa === undefined) return Math.min(limits.positiveSeconds, ...ttls(0, answers));
  if (soa === undefined) return 0;
  const minimum = bytes.readUInt32BE(soa.end - 4);
  return Math.min(limits.negativeSeconds, minimum, ttlOf(bytes, soa.ttlAt), ...ttls(0, answers));
}

/** Source: RFC 2181 (8): the highest bit makes it 0. */
function ttlOf(bytes: Buffer, at: number): number {
  const ttl = bytes.readUInt32BE(at);
  return ttl > 0x7fffffff ? 0 : ttl;
}
