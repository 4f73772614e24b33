import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration } from './duration.ts';

test('formatDuration: whole seconds, the way Go prints them', () => {
  assert.deepEqual([0, 10_000, 80_000, 300_000, 3_600_000].map(formatDuration), ['0s', '10s', '1m20s', '5m0s', '1h0m0s']);
});
