import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { qosClassOf } from './qos.ts';
import { containerResources, oomScoreAdj, podCgroupPath, podLimits, quotaOf, sharesOf } from './resources.ts';

const GiB = 2 ** 30;
type List = Readonly<Record<string, string>>;
const pod = (...resources: { requests?: List; limits?: List }[]): Pod => ({
  metadata: { uid: 'u1' },
  spec: { containers: resources.map((r, i) => ({ name: `c${i}`, resources: r })) },
});
const full = { cpu: '500m', memory: '128Mi' };

for (const [name, given, want] of [
  ['nothing asked for', pod({}), 'BestEffort'],
  ['zero is nothing', pod({ requests: { cpu: '0' } }), 'BestEffort'],
  ['limits alone are requests too', pod({ limits: full }), 'Guaranteed'],
  ['requests equal to limits, in other words', pod({ requests: { cpu: '0.5', memory: '131072Ki' }, limits: full }), 'Guaranteed'],
  ['one container without', pod({ limits: full }, {}), 'Burstable'],
  ['requests below limits', pod({ requests: { cpu: '100m', memory: '64Mi' }, limits: full }), 'Burstable'],
  ['only memory', pod({ limits: { memory: '64Mi' } }), 'Burstable'],
] as const) {
  test(`qosClassOf: ${name} is ${want}`, () => assert.equal(qosClassOf(given.spec), want));
}

test('sharesOf and quotaOf: a core is 1024 shares and 100 ms of every 100; small asks keep a minimum', () => {
  assert.deepEqual([0, 1, 250, 1_000, 2_500].map(sharesOf), [2, 2, 256, 1_024, 2_560]);
  assert.deepEqual([0, 5, 250, 1_000, 2_500].map(quotaOf), [0, 1_000, 25_000, 100_000, 250_000]);
});

for (const [qos, request, want] of [
  ['Guaranteed', GiB, -997],
  ['BestEffort', 0, 1_000],
  ['Burstable', 0, 999],
  ['Burstable', 4 * GiB, 500],
  ['Burstable', 8 * GiB, 3],
] as const) {
  test(`oomScoreAdj: ${qos} that asks for ${request / GiB} of 8 GiB is ${want}`, () =>
    assert.equal(oomScoreAdj(qos, request, 8 * GiB), want));
}

test('containerResources: a limit without a request counts for both', () => {
  const p = pod({ limits: full });
  assert.deepEqual(containerResources(p, p.spec.containers[0]!, { cpuMilli: 2_000, memoryBytes: 8 * GiB }), {
    cpu_period: 100_000,
    cpu_quota: 50_000,
    cpu_shares: 512,
    memory_limit_in_bytes: 128 * 2 ** 20,
    oom_score_adj: -997,
  });
});

test('podLimits: sums, and a limit only where every container has one', () => {
  assert.deepEqual(podLimits(pod({ limits: full }, { limits: full }), undefined), {
    cpuShares: 1_024,
    cpuQuotaUs: 100_000,
    memoryBytes: 256 * 2 ** 20,
  });
  assert.deepEqual(podLimits(pod({ limits: full }, {}), 100), { cpuShares: 512, cpuQuotaUs: -1, memoryBytes: -1, pidsMax: 100 });
});

test('podCgroupPath: the tree people look for', () => {
  assert.equal(podCgroupPath('/', pod({})), '/kubepods/besteffort/podu1');
  assert.equal(podCgroupPath('/kijabi', pod({ limits: full })), '/kijabi/kubepods/podu1');
});
