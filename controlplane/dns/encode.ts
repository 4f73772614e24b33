/**
 * Records of the cluster into the bytes of an answer. dns-packet knows the records; here they are put together so that a name that was
 * said before is pointed at, because answers of headless services have to fit into small packets. Pure.
 * Source: RFC 1035 (4.1.4: pointers to names said before).
 */
import { encode, type Answer } from 'dns-packet';
import { storedAnswer, type StoredAnswer } from './stored.ts';
import { FLAG, HEADER_BYTES, keyOfText, LONGEST_MESSAGE, placesOf, RCODE, textOf, type Query } from './wire.ts';

export type DnsRecord = Answer;

export interface Sections {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export const NOTHING: Sections = { rcode: RCODE.NOERROR, authoritative: true, answers: [], authorities: [], additionals: [] };

/** OPT included. What does not fit into the longest message there can be is left out, whole records from the end. */
const MOST_BYTES = LONGEST_MESSAGE - 11;

export function encodeAnswer(
  { rcode, authoritative, ...sections }: Sections,
  query: Pick<Query, 'bytes' | 'questionEnd' | 'nameKey'>,
): StoredAnswer {
  const { questionEnd } = query;
  const parts: Buffer[] = [Buffer.from(query.bytes.subarray(0, questionEnd))];
  const said = namesOfQuestion(query.nameKey);
  let at = questionEnd;
  const counts = [sections.answers, sections.authorities, sections.additionals].map((records) => {
    let count = 0;
    for (const record of records) {
      const bytes = encodeRecord(record, at, said);
      if (at + bytes.length > MOST_BYTES) break;
      parts.push(bytes);
      at += bytes.length;
      count += 1;
    }
    return count;
  });
  const [answers = 0, authorities = 0, additionals = 0] = counts;
  const bytes = Buffer.concat(parts);
  bytes.writeUInt16BE(FLAG.QR | (authoritative ? FLAG.AA : 0) | rcode, 2);
  bytes.writeUInt16BE(1, 4);
  for (const [i, count] of [answers, authorities, additionals].entries()) bytes.writeUInt16BE(count, 6 + 2 * i);
  return storedAnswer(bytes, { places: placesOf(bytes, questionEnd, answers + authorities + additionals) ?? [], answers, authorities });
}

/** The question's name and every name it ends with, by where they begin. */
function namesOfQuestion(nameKey: string): Map<string, number> {
  const said = new Map<string, number>();
  const text = textOf(nameKey);
  if (text === undefined) return said;
  for (let rest = text, at = HEADER_BYTES; rest !== '';) {
    said.set(rest, at);
    const dot = rest.indexOf('.');
    at += (dot < 0 ? rest.length : dot) + 1;
    rest = dot < 0 ? '' : rest.slice(dot + 1);
  }
  return said;
}

const LAST_POINTER = 0x3fff;
/** From the beginning of a record with a pointer for its owner: to its data, and on to the name in it. */
const DATA_AT = 2 + 10;
const NAME_IN_DATA: Readonly<Record<string, number>> = { SRV: 6, CNAME: 0 };

function encodeRecord(record: DnsRecord, at: number, said: Map<string, number>): Buffer {
  const owner = said.get(record.name.toLowerCase());
  if (owner === undefined || owner > LAST_POINTER) return encode({ type: 'response', answers: [record] }).subarray(HEADER_BYTES);
  // The root is a single byte; the second one of the pointer takes its place.
  const bytes = encode({ type: 'response', answers: [{ ...record, name: '.' }] }).subarray(HEADER_BYTES - 1);
  bytes.writeUInt16BE(0xc000 | owner, 0);
  const target = record.type === 'SRV' ? record.data.target : record.type === 'CNAME' ? record.data : undefined;
  const nameAt = at + DATA_AT + (NAME_IN_DATA[record.type] ?? 0);
  if (target !== undefined && nameAt <= LAST_POINTER && !said.has(target)) said.set(target, nameAt);
  return bytes;
}

/** Of a name that is asked for on behalf of another question. */
export function questionOf(name: string, type: number): Omit<Query, 'kind' | 'id' | 'key'> {
  const nameKey = keyOfText(name);
  const bytes = Buffer.alloc(HEADER_BYTES + nameKey.length + 4);
  bytes.writeUInt16BE(1, 4);
  bytes.write(nameKey, HEADER_BYTES, 'latin1');
  bytes.writeUInt16BE(type, bytes.length - 4);
  bytes.writeUInt16BE(1, bytes.length - 2);
  return { bytes, questionEnd: bytes.length, nameKey, type, flags: 0, edns: undefined };
}
