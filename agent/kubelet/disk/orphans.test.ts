import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { removeOrphans } from './orphans.ts';

test('removeOrphans: what nobody knows goes, what fails is tried again each minute, what somebody knows stays', async () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const removed: string[] = [];
  let broken = true;
  const stop = new AbortController();
  const done = removeOrphans(
    ['gone', 'stuck', 'mine'],
    {
      clock,
      log: makeLogger({ write: (line) => lines.push(line), clock }),
      isKnown: async (uid) => uid === 'mine',
      remove: async (uid) => {
        if (uid === 'stuck' && broken) throw new Error('something is mounted');
        removed.push(uid);
      },
    },
    stop.signal,
  );
  await clock.advance(0);
  assert.deepEqual(removed, ['gone']);
  await clock.advance(59_999);
  broken = false;
  assert.deepEqual(removed, ['gone']);
  await clock.advance(1);
  await done;
  assert.deepEqual(removed, ['gone', 'stuck']);
  assert.deepEqual(lines, [
    '<6>Removed what an unknown pod left behind uid=gone',
    '<4>Cannot remove what an unknown pod left behind uid=stuck retryInMs=60000 err="something is mounted"',
    '<6>Removed what an unknown pod left behind uid=stuck',
  ]);
});

test('removeOrphans: ends with its signal', async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const remove = (): Promise<void> => Promise.reject(new Error('never'));
  const done = removeOrphans(
    ['x'],
    { clock, log: makeLogger({ write: () => undefined, clock }), isKnown: async () => false, remove },
    stop.signal,
  );
  await clock.advance(0);
  stop.abort();
  await done;
  assert.equal(clock.nextWakeMs, undefined);
});
