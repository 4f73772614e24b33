import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { Semaphore } from '#base/semaphore.ts';
import { inSlot } from './slot.ts';

const { signal } = new AbortController();

test('inSlot: work that hangs gives its place away after 10 s and still ends with its own result', async () => {
  const [clock, slots] = [new ManualClock(), new Semaphore(1)];
  const hangs = Promise.withResolvers<string>();
  const first = inSlot(slots, clock, () => hangs.promise, signal);
  let began = false;
  const second = inSlot(slots, clock, async () => ((began = true), 'second'), signal);
  await clock.advance(0); // both are on their way
  await clock.advance(9_999);
  assert.equal(began, false);
  await clock.advance(1);
  assert.equal(await second, 'second');
  hangs.resolve('first');
  assert.equal(await first, 'first');
  assert.equal(await inSlot(slots, clock, async () => 'third', signal), 'third', 'the place was given back once');
  assert.equal(clock.nextWakeMs, undefined, 'no timer is left');
});

test('inSlot: a failure is the caller’s, also a late one, and the place is free again', async () => {
  const [clock, slots] = [new ManualClock(), new Semaphore(1)];
  await assert.rejects(
    inSlot(slots, clock, () => Promise.reject(new Error('at once')), signal),
    /at once/,
  );
  const hangs = Promise.withResolvers<string>();
  const late = inSlot(slots, clock, () => hangs.promise, signal);
  await clock.advance(0);
  await clock.advance(10_000);
  hangs.reject(new Error('late'));
  await assert.rejects(late, /late/);
  assert.equal(await inSlot(slots, clock, async () => 1, signal), 1);
});

test('inSlot: who gives up waiting never begins', async () => {
  const [clock, slots, tired] = [new ManualClock(), new Semaphore(1), new AbortController()];
  const hangs = Promise.withResolvers<void>();
  const first = inSlot(slots, clock, () => hangs.promise, signal);
  const second = inSlot(slots, clock, () => assert.fail('it began'), tired.signal);
  tired.abort(new Error('tired'));
  await assert.rejects(second, /tired/);
  hangs.resolve();
  await first;
});
