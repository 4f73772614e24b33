import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration } from './duration.ts';

test('formatDuration: the way Go prints them', () => {
  assert.deepEqual([0, 181.2, 1_500, 10_000, 80_000, 300_000, 3_600_000, 61_034].map(formatDuration), [
    '0s',
    '181ms',
    '1.5s',
    '10s',
    '1m20s',
    '5m0s',
    '1h0m0s',
    '1m1.034s',
  ]);
});
