import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CRASH_BACKOFF, nextStart, shouldRestart } from './restart.ts';

test('nextStart: a container that keeps crashing waits 0, 10, 20, 40 ... 300 seconds', () => {
  const waits: number[] = [];
  let backoffMs = 0;
  for (let i = 0; i < 8; i++) {
    const ended = { startedAtMs: 1_000, finishedAtMs: 2_000, backoffMs };
    const next = nextStart(ended, DEFAULT_CRASH_BACKOFF);
    waits.push((next.notBeforeMs - ended.finishedAtMs) / 1_000);
    backoffMs = next.backoffMs;
  }
  assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
});

test('nextStart: ten minutes of running end the series; a start that never succeeded does not', () => {
  const long = { startedAtMs: 1, finishedAtMs: 600_001, backoffMs: 300_000 };
  assert.deepEqual(nextStart(long, DEFAULT_CRASH_BACKOFF), { notBeforeMs: 600_001, backoffMs: 10_000 });
  const never = { ...long, startedAtMs: 0 };
  assert.equal(nextStart(never, DEFAULT_CRASH_BACKOFF).notBeforeMs, 900_001);
});

test('nextStart: a lower cap holds for delays written down before it', () => {
  const next = nextStart({ startedAtMs: 1, finishedAtMs: 2, backoffMs: 160_000 }, { baseMs: 1_000, maxMs: 5_000 });
  assert.deepEqual(next, { notBeforeMs: 5_002, backoffMs: 5_000 });
});

for (const [policy, exitCode, want] of [
  ['Always', 0, true],
  ['Always', 1, true],
  ['OnFailure', 0, false],
  ['OnFailure', 137, true],
  ['Never', 0, false],
  ['Never', 1, false],
] as const) {
  test(`shouldRestart: ${policy} after exit code ${exitCode} is ${want}`, () => assert.equal(shouldRestart(policy, exitCode), want));
}
