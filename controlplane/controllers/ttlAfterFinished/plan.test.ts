import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '#api/kinds/batch/v1.ts';
import { expiresAtMs } from './plan.ts';

const time = '2026-01-01T00:00:00Z';
const job = (ttl: number | undefined, type: 'Complete' | 'Failed' | 'Suspended', metadata: Job['metadata'] = {}): Job => ({
  metadata,
  spec: {
    template: { metadata: {}, spec: { containers: [] } },
    ...(ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl }),
  },
  status: { conditions: [{ type, status: 'True', lastTransitionTime: time }] },
});

for (const [name, given, afterS] of [
  ['it succeeded', job(10, 'Complete'), 10],
  ['it failed', job(0, 'Failed'), 0],
  ['it has not ended', job(10, 'Suspended'), undefined],
  ['nobody set a time', job(undefined, 'Complete'), undefined],
  ['it is going already', job(10, 'Complete', { deletionTimestamp: time }), undefined],
] as const)
  test(`a job goes: ${name}`, () => assert.equal(expiresAtMs(given), afterS === undefined ? undefined : Date.parse(time) + afterS * 1_000));
