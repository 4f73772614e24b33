import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'dns-packet';
import fc from 'fast-check';
import { packetFor, queryOf } from './testing/kit.ts';
import { bareAnswer, keyOfText, placesOf, queryFor, RCODE, readQuery, textOf } from './wire.ts';

const plain = packetFor('Web.default.svc.cluster.local', 'A');
const changed = (bytes: Buffer, at: number, value: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
};

const ROWS: readonly (readonly [why: string, bytes: Buffer, want: string])[] = [
  ['a question', plain, 'query'],
  ['with EDNS', packetFor('a.b', 'A', { edns: 1_232 }), 'query'],
  ['nothing', Buffer.alloc(0), 'drop'],
  ['less than a header', plain.subarray(0, 11), 'drop'],
  ['an answer', changed(plain, 2, 0x81), 'drop'],
  ['longer than any question', Buffer.concat([plain, Buffer.alloc(4_096)]), 'drop'],
  ['another operation (NOTIFY)', changed(plain, 2, 0x20), 'refuse 4'],
  ['no question', changed(plain, 5, 0), 'refuse 1'],
  ['two questions', changed(plain, 5, 2), 'refuse 1'],
  ['a question that is cut', plain.subarray(0, 20), 'refuse 1'],
  ['a name with a pointer', changed(plain, 12, 0xc0), 'refuse 1'],
  ['a label longer than there can be', changed(plain, 12, 64), 'refuse 1'],
  ['records where none belong', changed(plain, 7, 1), 'refuse 1'],
  ['additional records that are not there', changed(plain, 11, 1), 'refuse 1'],
  ['another version of EDNS', changed(packetFor('a', 'A', { edns: 512 }), 12 + 3 + 4 + 6, 1), 'refuse 16'],
  ['another class (CHAOS)', changed(plain, plain.length - 1, 3), 'refuse 5'],
  ['a transfer', packetFor('cluster.local', 'AXFR'), 'refuse 5'],
];
for (const [why, bytes, want] of ROWS) {
  test(`a packet is read: ${why}`, () => {
    const read = readQuery(bytes);
    assert.equal(read.kind === 'refuse' ? `refuse ${read.rcode}` : read.kind, want);
    if (read.kind === 'refuse') assert.equal(decode(bareAnswer(bytes, read.rcode, read.questionEnd)).id, bytes.readUInt16BE(0));
  });
}

test('questions that differ only in the size of letters have one key, others have not', () => {
  const key = (name: string, type = 'A', dnssecOk = false): string => queryOf(name, type, { edns: 512, dnssecOk }).key;
  assert.equal(key('WEB.default'), key('web.DEFAULT'));
  assert.notEqual(key('web.default'), key('web.default', 'AAAA'));
  assert.notEqual(key('web.default'), key('web.default', 'A', true));
});

test('only letters of ASCII are folded, and a dot within a label is not a separator', () => {
  const withBytes = (label: number[]): Buffer =>
    Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, label.length, ...label, 1, 0x61, 0, 0, 1, 0, 1]);
  const read = (label: number[]): string => {
    const query = readQuery(withBytes(label));
    return query.kind === 'query' ? query.nameKey : query.kind;
  };
  assert.notEqual(read([0xc0]), read([0xe0]));
  assert.equal(textOf(read([0x61, 0x2e, 0x62])), undefined);
  assert.equal(textOf(read([0x41, 0x62])), 'ab.a');
});

test('names survive the way into bytes and back', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z0-9_-]{1,20}$/), { maxLength: 10 }), (labels) => {
      const name = labels.join('.');
      assert.equal(textOf(keyOfText(name)), name);
      if (name !== '') assert.equal(queryOf(name, 'A').nameKey, keyOfText(name));
    }),
  );
});

test('whatever bytes come: nothing throws, and what is refused can be said', () => {
  const kinds = new Set<string>();
  const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  const nearly = fc
    .tuple(fc.nat({ max: plain.length - 1 }), fc.nat({ max: 255 }))
    .map(([at, value]) => changed(packetFor('a.b', 'A', { edns: 900 }), at % 30, value));
  fc.assert(
    fc.property(fc.oneof(anyBytes, nearly), (bytes) => {
      const read = readQuery(bytes);
      kinds.add(read.kind);
      if (read.kind === 'refuse') decode(bareAnswer(bytes, read.rcode, read.questionEnd));
      if (read.kind === 'query') decode(queryFor(read, 1_232));
      placesOf(bytes, 12, bytes.length === 0 ? 3 : (bytes[0] ?? 0));
    }),
    { numRuns: 3_000 },
  );
  assert.deepEqual([...kinds].toSorted(), ['drop', 'query', 'refuse']);
});

test('a refusal of EDNS that is too new says so in the bits that EDNS has for it', () => {
  const { additionals = [] } = decode(bareAnswer(plain, RCODE.BADVERS, undefined));
  assert.equal(additionals[0]?.type === 'OPT' && additionals[0].extendedRcode, 1);
});
