/** What systemd is told of a group. That it does it is tested on a host with systemd. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sliceProperties } from './slices.ts';

const LIMITS = { cpuShares: 512, cpuQuotaUs: 25_000, memoryBytes: 1 << 20, pidsMax: 7 };
const told = (mode: 'v1' | 'v2', limits: object): Record<string, string> =>
  Object.fromEntries(sliceProperties(mode, limits).map(([name, , value]) => [name, value]));
const ACCOUNTED = { CPUAccounting: 'true', MemoryAccounting: 'true', TasksAccounting: 'true' };

test('limits in the words of each hierarchy', () => {
  const quota = { CPUQuotaPeriodUSec: '100000', CPUQuotaPerSecUSec: '250000', TasksMax: '7' };
  assert.deepEqual(told('v1', LIMITS), { ...ACCOUNTED, ...quota, CPUShares: '512', MemoryLimit: '1048576' });
  assert.deepEqual(told('v2', LIMITS), { ...ACCOUNTED, ...quota, CPUWeight: '20', MemoryMax: '1048576' });
});

test('no limit is told as such, and what nobody asked for is not told', () => {
  assert.deepEqual(told('v2', {}), ACCOUNTED);
  const none = told('v2', { cpuQuotaUs: -1, memoryBytes: -1, pidsMax: -1 });
  for (const name of ['CPUQuotaPerSecUSec', 'MemoryMax', 'TasksMax']) assert.equal(BigInt(none[name] ?? ''), 2n ** 64n - 1n, name);
});

test('a period of its own counts into the quota per second', () => {
  assert.equal(told('v1', { cpuQuotaUs: 5_000, cpuPeriodUs: 10_000 })['CPUQuotaPerSecUSec'], '500000');
});
