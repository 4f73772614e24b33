import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUTHENTIC_DATA, AUTHORITATIVE_ANSWER, decode, encode, TRUNCATED_RESPONSE, type Answer, type Packet } from 'dns-packet';
import fc from 'fast-check';
import { queryOf } from '../testing/kit.ts';
import { queryFor } from '../wire.ts';
import { keepSeconds, readReply } from './read.ts';

const query = queryOf('www.example.com', 'A');
const asked = queryFor(query, 1_232);
asked.writeUInt16BE(77, 0);
const soa = (ttl: number, minimum: number): Answer => ({
  name: 'example.com',
  type: 'SOA',
  ttl,
  data: { mname: 'a.example.com', rname: 'b.example.com', minimum },
});
const a = (ttl: number): Answer => ({ name: 'www.example.com', type: 'A', ttl, data: '192.0.2.1' });
const opt: Answer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 4_096,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

function reply(packet: Packet = {}, rcode = 0): Buffer {
  const bytes = encode({ type: 'response', id: 77, questions: [{ name: 'www.example.com', type: 'A' }], ...packet });
  bytes.writeUInt16BE(bytes.readUInt16BE(2) | rcode, 2);
  return bytes;
}
const read = (bytes: Buffer) => readReply(asked, query.questionEnd, bytes);

const ROWS: readonly (readonly [why: string, bytes: Buffer, want: string])[] = [
  ['an answer', reply({ answers: [a(60)] }), 'answer'],
  ['letters of another size', reply({ questions: [{ name: 'WWW.example.COM', type: 'A' }] }), 'answer'],
  ['another id', reply({ id: 78 }), 'stray'],
  ['a question', reply({ type: 'query' }), 'stray'],
  ['an answer to another name', reply({ questions: [{ name: 'www.example.org', type: 'A' }] }), 'stray'],
  ['an answer to another type', reply({ questions: [{ name: 'www.example.com', type: 'AAAA' }] }), 'stray'],
  ['nothing', Buffer.alloc(0), 'stray'],
  ['a refusal without the question', reply({ questions: [] }, 1), 'broken'],
  ['records that end in the middle', reply({ answers: [a(60)] }).subarray(0, -1), 'broken'],
];
for (const [why, bytes, want] of ROWS) test(`what upstream servers send: ${why} is ${want}`, () => assert.equal(read(bytes).kind, want));

test('what is between two servers does not go on, what the answer says does', () => {
  const got = read(
    reply({ flags: AUTHORITATIVE_ANSWER | AUTHENTIC_DATA, answers: [a(60)], authorities: [soa(1, 1)], additionals: [a(9), opt, a(8)] }),
  );
  assert.ok(got.kind === 'answer');
  const message = decode(got.stored.bytes);
  assert.deepEqual([message.flag_aa, message.flag_ad], [false, true]);
  assert.deepEqual([got.stored.answers, got.stored.authorities, got.stored.additionals], [1, 1, 1]);
});

test('a cut answer has nothing that could be kept', () => {
  const got = read(reply({ flags: TRUNCATED_RESPONSE, answers: [a(60)] }));
  assert.ok(got.kind === 'answer' && got.isCut && got.stored.answers === 0);
});

const LIMITS = { positiveSeconds: 30, negativeSeconds: 20 };
const KEEP: readonly (readonly [why: string, bytes: Buffer, seconds: number])[] = [
  ['as long as its shortest record', reply({ answers: [a(25), a(7)] }), 7],
  ['no longer than is allowed', reply({ answers: [a(3_600)] }), 30],
  ['a record that may not be kept', reply({ answers: [a(0)] }), 0],
  ['a time with the highest bit', reply({ answers: [a(0x80000001)] }), 0],
  ['no such name: what its SOA says', reply({ authorities: [soa(15, 9)] }, 3), 9],
  ['no such name: the SOA itself is shorter', reply({ authorities: [soa(5, 9)] }, 3), 5],
  ['no such record: no longer than is allowed', reply({ authorities: [soa(900, 900)] }), 20],
  ['no such name, and no SOA', reply({}, 3), 0],
  ['a server that fails', reply({}, 2), 1],
];
for (const [why, bytes, seconds] of KEEP) {
  test(`an answer is kept: ${why}`, () => {
    const got = read(bytes);
    assert.equal(got.kind === 'answer' && keepSeconds(got.stored, LIMITS), seconds);
  });
}

test('whatever an upstream server sends: nothing throws', () => {
  const good = reply({ answers: [a(60), a(61)], authorities: [soa(1, 1)], additionals: [opt] });
  const kinds = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 }),
      fc.nat({ max: 20 }),
      (changes, cut) => {
        const bytes = Buffer.from(good.subarray(0, good.length - cut));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const got = read(bytes);
        kinds.add(got.kind);
        if (got.kind === 'answer') keepSeconds(got.stored, LIMITS);
      },
    ),
    { numRuns: 2_000 },
  );
  assert.deepEqual([...kinds].toSorted(), ['answer', 'broken', 'stray']);
});
