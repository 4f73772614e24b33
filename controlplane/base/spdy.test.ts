import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { codeOf } from './errors.ts';
import { SpdyClient } from './spdy.ts';

const frame = (first: number, flags: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(first, 0);
  head.writeUInt32BE(((flags << 24) | body.length) >>> 0, 4);
  return Buffer.concat([head, body]);
};
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** What another side may say while three streams are open, and what it means for stream 2 n + 1. */
const said = fc.oneof(
  fc.record({ kind: fc.constant('data' as const), of: fc.nat(3), bytes: fc.uint8Array({ maxLength: 40 }), isLast: fc.boolean() }),
  fc.record({ kind: fc.constant('reset' as const), of: fc.nat(3) }),
  fc.record({ kind: fc.constant('reply' as const), of: fc.nat(3) }),
  fc.record({
    kind: fc.constant('other' as const),
    type: fc.constantFrom(4, 6, 7, 8, 9),
    bytes: fc.uint8Array({ minLength: 4, maxLength: 12 }),
  }),
);

test('bytes and ends of streams are the same however the connection cuts them; nothing is said on a stream that has ended', () => {
  let ends = 0;
  fc.assert(
    fc.property(fc.array(said, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (all, cuts) => {
      const client = new SpdyClient(new PassThrough());
      const came = ['', '', ''];
      for (const stream of [0, 1, 2])
        client.open(
          { streamType: 'x' },
          { data: (bytes) => void (came[stream] += bytes.toString('hex')), end: () => void (came[stream] += '.') },
        );
      const expected = ['', '', ''];
      const wire = Buffer.concat(
        all.map((s) => {
          if (s.kind === 'other') return frame(0x80_03_00_00 + s.type, 0, Buffer.from(s.bytes));
          // Stream 7 was never opened.
          const [id, isOpen] = [2 * s.of + 1, s.of < 3 && expected[s.of]?.endsWith('.') === false];
          const isLast = s.kind === 'reset' || (s.kind === 'data' && s.isLast);
          if (isOpen) expected[s.of] += (s.kind === 'data' ? Buffer.from(s.bytes).toString('hex') : '') + (isLast ? '.' : '');
          if (isOpen && isLast) ends += 1;
          if (s.kind === 'data') return frame(id, s.isLast ? 1 : 0, Buffer.from(s.bytes));
          return s.kind === 'reset' ? frame(0x80_03_00_03, 0, Buffer.concat([number(id), number(5)])) : frame(0x80_03_00_02, 0, number(id));
        }),
      );
      for (let at = 0, i = 0; at < wire.length; i += 1) {
        const size = cuts[i % cuts.length] ?? 1;
        client.push(wire.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(came, expected);
      client.closed();
      assert.deepEqual(
        came,
        expected.map((text) => (text.endsWith('.') ? text : `${text}.`)),
      );
    }),
  );
  assert.ok(ends > 50, 'streams did end');
});

test('what is no SPDY, or a frame without measure, is an error and not memory', () => {
  const client = (): SpdyClient => new SpdyClient(new PassThrough());
  for (const bytes of [frame(0x80_02_00_01, 0, Buffer.alloc(4)), frame(0x80_03_00_02, 0, Buffer.alloc(70_000)).subarray(0, 8)])
    assert.throws(
      () => client().push(bytes),
      (err) => codeOf(err) === 'SPDY',
    );
});

test('a ping of the other side is answered, one of ours is not; streams of theirs are refused', () => {
  const socket = new PassThrough();
  const client = new SpdyClient(socket);
  for (const id of [2, 3]) client.push(frame(0x80_03_00_06, 0, number(id)));
  client.push(frame(0x80_03_00_01, 0, Buffer.concat([number(2), Buffer.alloc(6)])));
  const wrote: Buffer[] = [];
  for (let piece = socket.read() as Buffer | null; piece !== null; piece = socket.read() as Buffer | null) wrote.push(piece);
  assert.deepEqual(
    Buffer.concat(wrote),
    Buffer.concat([frame(0x80_03_00_06, 0, number(2)), frame(0x80_03_00_03, 0, Buffer.of(0, 0, 0, 2, 0, 0, 0, 3))]),
  );
});
