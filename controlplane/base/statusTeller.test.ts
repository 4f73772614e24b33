import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { StatusTeller } from '#base/statusTeller.ts';

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

test('StatusTeller: one that looks by itself needs nobody to ring', async () => {
  const clock = new ManualClock();
  const told: string[] = [];
  let now = 'stands by';
  const teller = new StatusTeller({ clock, line: () => now, tell: (line) => told.push(line), lookMs: 5_000 });
  const stop = new AbortController();
  const running = teller.run(stop.signal);
  now = 'leads';
  await clock.advance(5_000);
  await settle();
  await clock.advance(5_000);
  await settle();
  assert.deepEqual(told, ['stands by', 'leads']);
  stop.abort();
  await running;
});
