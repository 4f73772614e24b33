import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { qosClassOf } from './qos.ts';
import { containerResources, hugePageLimits, oomScoreAdj, pageSizeName, podLimits, quotaOf, sharesOf } from './resources.ts';

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
  assert.deepEqual(
    [0, 5, 250, 1_000, 2_500].map((n) => quotaOf(n)),
    [0, 1_000, 25_000, 100_000, 250_000],
  );
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
  assert.deepEqual(podLimits(pod({ limits: full }, { limits: full })), {
    cpuShares: 1_024,
    cpuQuotaUs: 100_000,
    memoryBytes: 256 * 2 ** 20,
  });
  assert.deepEqual(podLimits(pod({ limits: full }, {}), { pidsMax: 100 }), {
    cpuShares: 512,
    cpuQuotaUs: -1,
    memoryBytes: -1,
    pidsMax: 100,
  });
});

const specOf = (spec: object): Pod => ({ metadata: { uid: 'u1' }, spec: { containers: [{ name: 'c' }], ...spec } });
const MI = 2 ** 20;

test('podLimits: the resources of the whole pod count before the sum, overhead comes on top', () => {
  const whole = specOf({
    resources: { requests: { cpu: '1' }, limits: { cpu: '2', memory: '64Mi' } },
    overhead: { cpu: '500m', memory: '16Mi' },
  });
  assert.deepEqual(podLimits(whole), { cpuShares: 1_536, cpuQuotaUs: 250_000, memoryBytes: 80 * MI });
  assert.equal(qosClassOf(whole.spec), 'Burstable');
  assert.equal(qosClassOf({ ...whole.spec, resources: { limits: { cpu: '1', memory: '1Gi' } } }), 'Guaranteed');
});

test('containerResources: without a limit of its own a container has that of the pod', () => {
  const p = specOf({ resources: { limits: { cpu: '2', memory: '64Mi' } } });
  const made = containerResources(p, p.spec.containers[0]!, { cpuMilli: 2_000, memoryBytes: 8 * GiB });
  assert.deepEqual([made.cpu_quota, made.memory_limit_in_bytes], [200_000, 64 * MI]);
});

test('huge pages: limits of a container, and none of a size that the pod did not ask for', () => {
  const p = pod({ limits: { ...full, 'hugepages-2Mi': '4Mi' } });
  const made = containerResources(p, p.spec.containers[0]!, { cpuMilli: 2_000, memoryBytes: 8 * GiB });
  assert.deepEqual(made.hugepage_limits, [{ page_size: '2MB', limit: 4 * MI }]);
  assert.deepEqual(
    [...(podLimits(p, { pageSizes: [2 * MI, 2 ** 30] }).hugePages ?? [])],
    [
      ['2MB', 4 * MI],
      ['1GB', 0],
    ],
  );
  assert.deepEqual([...hugePageLimits({ 'hugepages-64Ki': '128Ki', cpu: '1' })], [[65_536, 131_072]]);
  assert.deepEqual([2_048, 65_536, 2 * MI, 2 ** 30].map(pageSizeName), ['2KB', '64KB', '2MB', '1GB']);
});

test('CPU quota: another period, and none at all', () => {
  const p = pod({ limits: full });
  assert.deepEqual(podLimits(p, { quota: { periodUs: 10_000 } }), {
    cpuShares: 512,
    cpuQuotaUs: 5_000,
    cpuPeriodUs: 10_000,
    memoryBytes: 128 * MI,
  });
  assert.equal(podLimits(p, { quota: { periodUs: undefined } }).cpuQuotaUs, -1);
  const made = containerResources(p, p.spec.containers[0]!, { cpuMilli: 2_000, memoryBytes: 8 * GiB }, { periodUs: 10_000 });
  assert.deepEqual([made.cpu_period, made.cpu_quota], [10_000, 5_000]);
});

test('oom_score_adj: a pod critical for the node last, a share of what the pod asked for, a sidecar no sooner than the others', () => {
  const score = (spec: object, at = 0): unknown => {
    const p = specOf(spec);
    const c = [...p.spec.containers, ...(p.spec.initContainers ?? [])][at]!;
    return containerResources(p, c, { cpuMilli: 2_000, memoryBytes: 8 * GiB }).oom_score_adj;
  };
  const asks = (memory: string): object => ({ resources: { requests: { memory } } });
  assert.equal(score({ priorityClassName: 'system-node-critical' }), -997);
  assert.equal(score(asks('4Gi')), 500);
  const sidecar = { containers: [{ name: 'c', ...asks('4Gi') }], initContainers: [{ name: 's', restartPolicy: 'Always', ...asks('1Gi') }] };
  assert.deepEqual([score(sidecar, 0), score(sidecar, 1)], [500, 500]);
});
