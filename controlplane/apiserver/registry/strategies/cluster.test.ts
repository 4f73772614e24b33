import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usualEventTtlMs } from './cluster.ts';

test('events live for days while they are few, and for an hour, as upstream’s, while they are many', () => {
  const hours = (events: number): number => usualEventTtlMs(events) / 3_600_000;
  assert.deepEqual([0, 19_999, 20_000, 1_000_000].map(hours), [72, 72, 1, 1]);
});
