/**
 * The frame of a DNS message: header, question, where its records are; and nothing of what records hold, that is dns-packet's. Pure.
 * A query is read for every packet that comes, so this looks at bytes and makes no objects per label.
 * Throws: never; what makes no sense is said by the kind that comes back.
 * Source: RFC 1035 (4.1), RFC 6891 (OPT), RFC 2181 (names are bytes; only A to Z are folded).
 */

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;
export const CLASS_IN = 1;
export const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const;
export const HEADER_BYTES = 12;
/** A message over TCP says its length in two bytes. */
export const LONGEST_MESSAGE = 65_535;
/** What a client that says nothing can take over UDP. */
export const PLAIN_UDP_BYTES = 512;

export interface Edns {
  readonly payloadBytes: number;
  readonly dnssecOk: boolean;
}

export interface Query {
  readonly kind: 'query';
  readonly bytes: Buffer;
  readonly id: number;
  readonly flags: number;
  /** Where the question ends; it begins behind the header. */
  readonly questionEnd: number;
  /** The name's bytes with their lengths, A to Z in small letters, one character a byte. */
  readonly nameKey: string;
  readonly type: number;
  readonly edns: Edns | undefined;
  /** What answers may be shared by: name, type and what the asker wants to know of DNSSEC. */
  readonly key: string;
}

export type Incoming =
  | Query
  /** No query, or one that nobody could answer. */
  | { readonly kind: 'drop' }
  /** questionEnd: of a question that can be repeated in the answer. */
  | { readonly kind: 'refuse'; readonly rcode: number; readonly questionEnd: number | undefined };

const DROP: Incoming = { kind: 'drop' };
const refuse = (rcode: number, questionEnd?: number): Incoming => ({ kind: 'refuse', rcode, questionEnd });

/** No query needs more; what is longer is not even looked at. */
export const LONGEST_QUERY = 4_096;
const LONGEST_NAME = 255;
const folded = Buffer.alloc(LONGEST_NAME);

export function readQuery(bytes: Buffer): Incoming {
  if (bytes.length < HEADER_BYTES || bytes.length > LONGEST_QUERY) return DROP;
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG.QR) !== 0) return DROP; // answering an answer makes two servers talk for ever
  if ((flags & 0x7800) !== 0) return refuse(RCODE.NOTIMP);
  if (bytes.readUInt16BE(4) !== 1) return refuse(RCODE.FORMERR);
  const nameEnd = foldName(bytes);
  if (nameEnd === undefined || nameEnd + 4 > bytes.length) return refuse(RCODE.FORMERR);
  const questionEnd = nameEnd + 4;
  if (bytes.readUInt16BE(6) !== 0 || bytes.readUInt16BE(8) !== 0) return refuse(RCODE.FORMERR, questionEnd);
  const edns = readOpt(bytes, questionEnd);
  if (typeof edns === 'number') return refuse(edns, questionEnd);
  if (bytes.readUInt16BE(nameEnd + 2) !== CLASS_IN) return refuse(RCODE.REFUSED, questionEnd);
  const type = bytes.readUInt16BE(nameEnd);
  if (type === TYPE.OPT || (type >= 249 && type < TYPE.ANY)) return refuse(RCODE.REFUSED, questionEnd); // transfers and keys
  const nameKey = folded.toString('latin1', 0, nameEnd - HEADER_BYTES);
  const id = bytes.readUInt16BE(0);
  return { kind: 'query', bytes, id, flags, questionEnd, nameKey, type, edns, key: sharedKey(nameKey, type, { flags, edns }) };
}

export function sharedKey(nameKey: string, type: number, { flags, edns }: Pick<Query, 'flags' | 'edns'>): string {
  const wishes = (edns?.dnssecOk === true ? 1 : 0) | ((flags & FLAG.CD) === 0 ? 0 : 2);
  return `${type}.${wishes}.${nameKey}`;
}

/** Copies the question's name into `folded`, in small letters. Gives where it ends; undefined when it does not make sense. */
function foldName(bytes: Buffer): number | undefined {
  let at = HEADER_BYTES;
  for (;;) {
    const length = bytes[at];
    if (length === undefined || length > 63 || at - HEADER_BYTES + length >= LONGEST_NAME) return undefined; // pointers have nowhere to point to
    folded[at - HEADER_BYTES] = length;
    at += 1;
    if (length === 0) return at;
    const end = at + length;
    if (end >= bytes.length) return undefined;
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0;
      folded[at - HEADER_BYTES] = byte >= 65 && byte <= 90 ? byte + 32 : byte;
    }
  }
}

/** The OPT record, which is all that may follow the question; an rcode when there is something else. */
function readOpt(bytes: Buffer, at: number): Edns | undefined | number {
  const count = bytes.readUInt16BE(10);
  if (count === 0) return undefined;
  if (count > 1 || at + 11 > bytes.length || bytes[at] !== 0 || bytes.readUInt16BE(at + 1) !== TYPE.OPT) return RCODE.FORMERR;
  if (at + 11 + bytes.readUInt16BE(at + 9) > bytes.length) return RCODE.FORMERR;
  if (bytes[at + 6] !== 0) return RCODE.BADVERS;
  return { payloadBytes: bytes.readUInt16BE(at + 3), dnssecOk: ((bytes[at + 7] ?? 0) & 0x80) !== 0 };
}

/** "web.default.svc.cluster.local" for a folded name; undefined when a label is not of text that a name of the cluster could have. */
export function textOf(nameKey: string): string | undefined {
  const labels: string[] = [];
  for (let at = 0; ;) {
    const length = nameKey.charCodeAt(at);
    if (!(length > 0)) return labels.join('.');
    const label = nameKey.slice(at + 1, at + 1 + length);
    if (!/^[!-\-/-~]+$/.test(label)) return undefined; // a dot within a label, too, is not a separator
    labels.push(label);
    at += 1 + length;
  }
}

/** The reverse; for names whose labels were checked. */
export function keyOfText(name: string): string {
  const labels = name === '' ? [] : name.split('.');
  return `${labels.map((label) => String.fromCharCode(label.length) + label.toLowerCase()).join('')}\0`;
}

const OPT_BYTES = 11;

/** The header alone, with the question where there is one: for what gets no records. */
export function bareAnswer(asked: Buffer, rcode: number, questionEnd: number | undefined): Buffer {
  const end = questionEnd ?? HEADER_BYTES;
  const extended = rcode > 15;
  const out = Buffer.alloc(end + (extended ? OPT_BYTES : 0));
  asked.copy(out, 0, 0, end);
  out.writeUInt16BE(FLAG.QR | (asked.readUInt16BE(2) & (0x7800 | FLAG.RD | FLAG.CD)) | FLAG.RA | (rcode & 15), 2);
  out.writeUInt16BE(questionEnd === undefined ? 0 : 1, 4);
  out.writeUInt32BE(0, 6);
  out.writeUInt16BE(extended ? 1 : 0, 10);
  if (extended) writeOpt(out, end, { payloadBytes: PLAIN_UDP_BYTES, dnssecOk: false, extendedRcode: rcode >> 4 });
  return out;
}

export interface OwnOpt extends Edns {
  readonly extendedRcode?: number;
}

export function writeOpt(out: Buffer, at: number, { payloadBytes, dnssecOk, extendedRcode = 0 }: OwnOpt): number {
  out[at] = 0;
  out.writeUInt16BE(TYPE.OPT, at + 1);
  out.writeUInt16BE(payloadBytes, at + 3);
  out.writeUInt32BE(((extendedRcode << 24) | (dnssecOk ? 0x8000 : 0)) >>> 0, at + 5);
  out.writeUInt16BE(0, at + 9);
  return at + OPT_BYTES;
}

/** A query of our own for the same question. */
export function queryFor(
  { bytes, questionEnd, flags, edns }: Pick<Query, 'bytes' | 'questionEnd' | 'flags' | 'edns'>,
  payloadBytes: number,
): Buffer {
  const out = Buffer.alloc(questionEnd + OPT_BYTES);
  bytes.copy(out, HEADER_BYTES, HEADER_BYTES, questionEnd);
  out.writeUInt16BE(FLAG.RD | (flags & (FLAG.CD | FLAG.AD)), 2);
  out.writeUInt16BE(1, 4);
  out.writeUInt16BE(1, 10);
  writeOpt(out, questionEnd, { payloadBytes, dnssecOk: edns?.dnssecOk === true });
  return out;
}

export interface RecordPlace {
  readonly at: number;
  readonly type: number;
  /** Of the ttl; the data begins six bytes later. */
  readonly ttlAt: number;
  readonly end: number;
}

/** Where count records from an offset on are; undefined when they do not make sense. */
export function placesOf(bytes: Buffer, from: number, count: number): readonly RecordPlace[] | undefined {
  const places: RecordPlace[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    const typeAt = skipName(bytes, at);
    if (typeAt === undefined || typeAt + 10 > bytes.length) return undefined;
    const end = typeAt + 10 + bytes.readUInt16BE(typeAt + 8);
    if (end > bytes.length) return undefined;
    places.push({ at, type: bytes.readUInt16BE(typeAt), ttlAt: typeAt + 4, end });
    at = end;
  }
  return places;
}

function skipName(bytes: Buffer, from: number): number | undefined {
  for (let at = from; at - from < LONGEST_NAME;) {
    const length = bytes[at];
    if (length === undefined || (length & 0xc0) === 0x40 || (length & 0xc0) === 0x80) return undefined;
    if (length === 0) return at + 1;
    if (length > 63) return at + 2 <= bytes.length ? at + 2 : undefined;
    at += 1 + length;
  }
  return undefined;
}
