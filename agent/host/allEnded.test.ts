import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allEnded } from './allEnded.ts';

test('allEnded: what is still at work ends before the failure of another is told', async () => {
  const starting = Promise.withResolvers<string>();
  const told: string[] = [];
  const failing = Promise.reject(new Error('no room'));
  const done = allEnded([starting.promise.then(() => told.push('started')), failing]).catch((err: unknown) => told.push(String(err)));
  // Everything that can go on without it has gone on.
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, []);
  starting.resolve('node');
  await done;
  assert.deepEqual(told, ['started', 'Error: no room']);
});

test('allEnded: what came of each, in order', async () => {
  const [one, two] = await allEnded([Promise.resolve(1), Promise.resolve('2')]);
  assert.deepEqual([one + 1, two.length], [2, 1]);
});
