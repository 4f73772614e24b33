import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode, type Answer } from 'dns-packet';
import fc from 'fast-check';
import { encodeAnswer, NOTHING, type DnsRecord } from './encode.ts';
import { render } from './stored.ts';
import { queryOf, type AskOptions } from './testing/kit.ts';

const NAME = 'headless.default.svc.cluster.local';
const addresses = (count: number): DnsRecord[] =>
  Array.from({ length: count }, (_, i) => ({ name: NAME, type: 'A', ttl: 5, data: `10.0.${i >> 8}.${i & 255}` }));

interface Ask extends AskOptions {
  readonly turn?: number;
  readonly ageSeconds?: number;
  readonly udpBytes?: number;
}

function ask(
  records: { readonly answers: readonly DnsRecord[]; readonly additionals?: readonly DnsRecord[] },
  { turn = 0, ageSeconds = 0, udpBytes = 1_232, ...options }: Ask = {},
  name = NAME,
) {
  const query = queryOf(name, 'A', options);
  const stored = encodeAnswer({ ...NOTHING, ...records }, queryOf(NAME, 'A'));
  const bytes = render(stored, query, { turn, ageSeconds, udpBytes });
  return { ...decode(bytes), bytes };
}
const data = (answers: readonly Answer[] | undefined): unknown[] => (answers ?? []).map((a) => ('data' in a ? a.data : a.type));

test('the asker finds its id, its spelling of the name, and whether it wanted recursion', () => {
  const spelled = 'HeadLess.default.svc.CLUSTER.local';
  const got = ask({ answers: addresses(1) }, { id: 99 }, spelled);
  assert.deepEqual(
    [got.id, got.questions?.[0]?.name, got.answers?.[0]?.name, got.flag_rd, got.flag_ra],
    [99, spelled, spelled, true, true],
  );
});

test('an answer that does not fit is cut between records, and says so; over TCP it is whole', () => {
  const plain = ask({ answers: addresses(100) });
  assert.ok(plain.flag_tc && plain.bytes.length <= 512);
  assert.equal(plain.answers?.length, Math.floor((512 - 12 - NAME.length - 2 - 4) / 16));
  const more = ask({ answers: addresses(100) }, { edns: 1_232 });
  assert.ok(more.flag_tc && more.bytes.length <= 1_232 && (more.answers?.length ?? 0) > 60);
  assert.equal(more.additionals?.[0]?.type, 'OPT');
  const capped = ask({ answers: addresses(100) }, { edns: 65_000 });
  assert.ok(capped.bytes.length <= 1_232, 'what a client says it can take is not what goes through the network');
  const whole = ask({ answers: addresses(100) }, { udpBytes: 0 });
  assert.ok(!whole.flag_tc && whole.answers?.length === 100);
});

test('additional records that do not fit are left out without a word', () => {
  const got = ask({ answers: addresses(2), additionals: addresses(100) });
  assert.deepEqual([got.flag_tc, got.answers?.length], [false, 2]);
  assert.ok((got.additionals?.length ?? 0) > 10);
});

test('addresses take turns, and in a cut answer every one has its turn', () => {
  const first = (turn: number): unknown => data(ask({ answers: addresses(3) }, { turn }).answers)[0];
  assert.deepEqual([0, 1, 2, 3].map(first), ['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.0']);
  const seen = new Set(Array.from({ length: 100 }, (_, turn) => data(ask({ answers: addresses(100) }, { turn }).answers)).flat());
  assert.equal(seen.size, 100);
});

test('records grow older, and never below nothing', () => {
  const ttls = (ageSeconds: number): unknown[] =>
    (ask({ answers: addresses(2) }, { ageSeconds }).answers ?? []).map((a) => 'ttl' in a && a.ttl);
  assert.deepEqual(
    [ttls(2), ttls(9)],
    [
      [3, 3],
      [0, 0],
    ],
  );
});

test('names that were said are pointed at: an SRV record with its addresses', () => {
  const target = `a-pod.${NAME}`;
  const answers: DnsRecord[] = [{ name: NAME, type: 'SRV', ttl: 5, data: { priority: 0, weight: 1, port: 80, target } }];
  const additionals: DnsRecord[] = [{ name: target, type: 'A', ttl: 5, data: '10.0.0.1' }];
  const got = ask({ answers, additionals });
  assert.equal(got.additionals?.[0]?.name, target);
  const without = encode({ type: 'response', questions: [{ name: NAME, type: 'A' }], answers, additionals });
  assert.equal(got.bytes.length, without.length - NAME.length - target.length);
});

test('thousands of endpoints are as many as a message can hold', () => {
  const got = ask({ answers: addresses(6_000) }, { udpBytes: 0, edns: 4_096 });
  assert.ok(got.bytes.length <= 65_535 && (got.answers?.length ?? 0) > 4_000);
});

test('whatever the records and the asker: the answer can be read, is no longer than agreed, and has what fits', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,12}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
  const record: fc.Arbitrary<DnsRecord> = fc.oneof(
    fc
      .tuple(fc.constantFrom(NAME, 'svc.cluster.local', 'x.y'), fc.ipV4())
      .map(([n, ip]): DnsRecord => ({ name: n, type: 'A', ttl: 5, data: ip })),
    fc.tuple(name, name).map(([n, target]): DnsRecord => ({ name: n, type: 'CNAME', ttl: 5, data: target })),
    name.map((target): DnsRecord => ({ name: NAME, type: 'SRV', ttl: 5, data: { priority: 0, weight: 1, port: 80, target } })),
  );
  let cut = 0;
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 60, size: 'max' }),
      fc.array(record, { maxLength: 10 }),
      fc.option(fc.integer({ min: 1, max: 65_535 })),
      fc.nat(),
      (answers, additionals, edns, turn) => {
        const got = ask({ answers, additionals }, { ...(edns === null ? {} : { edns }), turn });
        const limit = Math.min(1_232, Math.max(512, edns ?? 0));
        assert.ok(got.bytes.length <= limit);
        if (got.flag_tc) cut += 1;
        const ofNames = (records: readonly Answer[]): string[] =>
          records.map((r) => `${r.type} ${r.name} ${JSON.stringify(r.type === 'CNAME' || r.type === 'SRV' ? r.data : '')}`);
        assert.deepEqual(ofNames(got.answers ?? []), ofNames(answers.slice(0, got.answers?.length)));
        if (!got.flag_tc) assert.equal(got.answers?.length, answers.length);
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(cut > 0, 'some were cut');
});
