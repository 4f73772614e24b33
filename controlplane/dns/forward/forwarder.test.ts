import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StringAnswer } from 'dns-packet';
import { ManualClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import { FakeUpstreams } from '../testing/exchange.ts';
import { queryOf } from '../testing/kit.ts';
import { Forwarder } from './forwarder.ts';
import type { Upstream } from './upstreams.ts';

const ONE: Upstream = { address: '192.0.2.1', port: 53 };
const TWO: Upstream = { address: '2001:db8::2', port: 5_353 };
const RECORD: StringAnswer = { name: 'a.test', type: 'A', ttl: 9, data: '203.0.113.1' };
const QUERY = queryOf('a.test', 'A');

function world(upstreams: readonly Upstream[]) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const exchange = new FakeUpstreams();
  let id = 100;
  const forwarder = new Forwarder({
    upstreams,
    exchange,
    clock,
    log: makeLogger({ write: (line) => lines.push(line), clock }),
    random: () => 0,
    newId: () => id++,
  });
  return { clock, exchange, forwarder, lines, ask: () => forwarder.ask(QUERY) };
}
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

test('the answer of the first server counts', async () => {
  const { exchange, ask } = world([ONE, TWO]);
  const asking = ask();
  const sent = exchange.take();
  assert.deepEqual([sent.to, sent.by, sent.message.readUInt16BE(0)], ['192.0.2.1:53', 'udp', 100]);
  sent.answer([RECORD]);
  assert.equal((await asking).answers, 1);
});

test('what somebody else sends is waited over', async () => {
  const { exchange, ask } = world([ONE]);
  const asking = ask();
  const sent = exchange.take();
  sent.answer([{ ...RECORD, data: '203.0.113.66' }], { id: 99 });
  sent.answer([RECORD]);
  assert.ok((await asking).bytes.includes(Buffer.from([203, 0, 113, 1])));
});

test('a cut answer is asked for again over TCP', async () => {
  const { exchange, ask } = world([ONE]);
  const asking = ask();
  exchange.take().answer([], { cut: true });
  await settle();
  const again = exchange.take();
  assert.equal(again.by, 'tcp');
  again.answer([RECORD]);
  assert.equal((await asking).answers, 1);
});

test('the next server is asked after two seconds without an answer, after an error, and when one refuses', async () => {
  for (const how of ['silence', 'error', 'refusal'] as const) {
    const { exchange, ask, clock } = world([ONE, TWO]);
    const asking = ask();
    const first = exchange.take();
    if (how === 'silence') await clock.advance(2_000);
    if (how === 'error') first.fail(new Error('port unreachable'));
    if (how === 'refusal') first.answer([], { rcode: 5 });
    await settle();
    const second = exchange.take();
    assert.equal(second.to, '[2001:db8::2]:5353', how);
    second.answer([RECORD]);
    assert.equal((await asking).answers, 1);
  }
});

test('what all refuse is refused; where none answers it is an error, after two tries of a single one', async () => {
  const refusing = world([ONE, TWO]);
  const asking = refusing.ask();
  for (const rcode of [2, 5]) {
    refusing.exchange.take().answer([], { rcode });
    await settle();
  }
  assert.equal((await asking).rcode, 5);
  const silent = world([ONE]);
  const failing = silent.ask().catch(codeOf);
  for (let i = 0; i < 2; i++) {
    silent.exchange.take();
    await silent.clock.advance(2_000);
  }
  assert.equal(await failing, 'FORWARD_FAILED');
});

test('a server that fails twice in a row is asked last, and probed until it answers', async () => {
  const { exchange, ask, clock, forwarder, lines } = world([ONE, TWO]);
  for (let i = 0; i < 2; i++) {
    const asking = ask();
    exchange.take().fail(new Error('refused'));
    await settle();
    exchange.take().answer([RECORD]);
    await asking;
  }
  assert.ok(!forwarder.upstreams.isWell(ONE));
  assert.match(lines.join('\n'), /<4>Upstream server does not answer.*upstream=192\.0\.2\.1:53/);
  const asking = ask();
  const sent = exchange.take();
  assert.equal(sent.to, '[2001:db8::2]:5353');
  sent.answer([RECORD]);
  await asking;
  await clock.advance(500);
  const probe = exchange.take();
  assert.deepEqual([probe.to, probe.name], ['192.0.2.1:53', '.']);
  probe.fail(new Error('still refused'));
  await settle();
  await clock.advance(999);
  assert.equal(exchange.sent.length, 0, 'the next probe waits longer');
  await clock.advance(1);
  exchange.take().answer([], { rcode: 5 });
  await settle();
  assert.ok(forwarder.upstreams.isWell(ONE), 'it answers, whatever it says');
  assert.match(lines.join('\n'), /Upstream server answers again/);
  forwarder.close();
});
