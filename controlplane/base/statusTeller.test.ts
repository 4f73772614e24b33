import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { count, StatusTeller, tellStatus } from '#base/statusTeller.ts';

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

test('StatusTeller: tells what is different, at most once a second, and ends with the signal', async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  let now = 'no pods';
  const teller = new StatusTeller({ clock, line: () => now, tell: (line) => told.push(line) });
  const stop = new AbortController();
  const running = teller.run(stop.signal);
  for (let i = 1; i <= 3; i++) {
    now = `${i} pods`;
    teller.changed();
    await settle();
  }
  assert.deepEqual(told, ['no pods']);
  await clock.advance(1_000);
  await settle();
  assert.deepEqual(told, ['no pods', '3 pods']);
  teller.changed();
  await clock.advance(1_000);
  await settle();
  assert.equal(told.length, 2);
  stop.abort();
  await running;
});

test('tellStatus: looks by itself, and tells what is different', async () => {
  const clock = new ManualClock();
  const told: unknown[] = [];
  let now = 'stands by';
  const stop = new AbortController();
  const running = tellStatus({ clock, line: () => now, notify: { send: (state) => told.push(state) } }, stop.signal);
  now = 'leads';
  await clock.advance(5_000);
  await settle();
  await clock.advance(5_000);
  await settle();
  assert.deepEqual(told, [{ STATUS: 'stands by' }, { STATUS: 'leads' }]);
  stop.abort();
  await running;
});

test('count: one, many, and words whose plural is another', () =>
  assert.deepEqual(
    [count(1, 'pod'), count(0, 'pod'), count(1, 'watch', 'watches'), count(2, 'watch', 'watches')],
    ['1 pod', '0 pods', '1 watch', '2 watches'],
  ));
