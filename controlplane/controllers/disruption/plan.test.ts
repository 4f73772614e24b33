import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import { isSameStatus, judgeBudget } from './plan.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const budget = (spec: object, status?: object): PodDisruptionBudget => ({
  metadata: { name: 'b', namespace: 'a', generation: 2 },
  spec,
  ...(status === undefined ? {} : { status }),
});
const pod = (n: number, ready = true, going = false): Pod =>
  ({
    metadata: { name: `p${n}`, ...(going ? { deletionTimestamp: 'x' } : {}) },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }) as unknown as Pod;
const pods = (ready: number, unready = 0): Pod[] => Array.from({ length: ready + unready }, (_, i) => pod(i, i < ready));
const scale = (replicas: number | undefined) => () => (replicas === undefined ? undefined : { uid: 'd', replicas });

const ROWS: readonly (readonly [
  name: string,
  spec: object,
  pods: readonly Pod[],
  replicas: number | undefined,
  wanted: readonly [expected: number, desired: number, healthy: number, allowed: number],
])[] = [
  ['two of three have to stay', { minAvailable: 2 }, pods(3), 3, [3, 2, 3, 1]],
  ['one is missing already', { minAvailable: 2 }, pods(2, 1), 3, [3, 2, 2, 0]],
  ['a number of pods that nobody keeps', { minAvailable: 1 }, pods(2), undefined, [2, 1, 2, 1]],
  ['a share is rounded up', { minAvailable: '50%' }, pods(3), 3, [3, 2, 3, 1]],
  ['one may be missing', { maxUnavailable: 1 }, pods(3), 3, [3, 2, 3, 1]],
  ['a share of what is wanted, not of what is there', { maxUnavailable: '30%' }, pods(2), 4, [4, 2, 2, 0]],
  ['all may be missing', { maxUnavailable: '100%' }, pods(2), 2, [2, 0, 2, 2]],
  ['more than there are', { maxUnavailable: 5 }, pods(2), 2, [2, 0, 2, 2]],
  ['a share of pods that nobody keeps: none may go', { maxUnavailable: 1 }, pods(2), undefined, [0, 0, 2, 0]],
  ['no pods', { minAvailable: 1 }, [], 3, [0, 1, 0, 0]],
  ['one that goes is not healthy', { minAvailable: 1 }, [pod(1), pod(2, true, true)], 2, [2, 1, 1, 0]],
];
for (const [name, spec, given, replicas, [expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed]] of ROWS)
  test(name, () => {
    const { status } = judgeBudget({ budget: budget(spec), pods: given, scaleOf: scale(replicas) }, NOW);
    assert.deepEqual(
      [status.expectedPods, status.desiredHealthy, status.currentHealthy, status.disruptionsAllowed],
      [expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed],
    );
    assert.deepEqual(
      [status.observedGeneration, status.conditions?.[0]?.reason],
      [2, disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods'],
    );
    const again = judgeBudget({ budget: budget(spec, status), pods: given, scaleOf: scale(replicas) }, NOW + 60_000);
    assert.ok(isSameStatus(status, again.status), 'a second look says the same');
  });

test('an eviction that was allowed counts until its pod goes, and for two minutes at most', () => {
  const status = { disruptedPods: { p0: '2026-01-01T00:59:00Z', gone: '2026-01-01T00:59:00Z', p1: '2026-01-01T00:50:00Z' } };
  const found = judgeBudget({ budget: budget({ minAvailable: 1 }, status), pods: pods(3), scaleOf: scale(3) }, NOW);
  assert.deepEqual(found.status.disruptedPods, { p0: '2026-01-01T00:59:00Z' });
  assert.deepEqual([found.status.currentHealthy, found.status.disruptionsAllowed, found.lookAgainAfterMs], [2, 1, 60_000]);
  assert.deepEqual(
    found.notDeleted.map(({ metadata }) => metadata.name),
    ['p1'],
  );
});

test('evictions in any order, with a controller that lags, never leave fewer than have to stay', () => {
  let evicted = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 6 }),
      fc.array(fc.constantFrom('evict', 'look', 'start', 'end'), { maxLength: 40 }),
      (replicas, least, steps) => {
        const there = new Map(Array.from({ length: replicas }, (_, i) => [`p${i}`, { ready: true, going: false }]));
        let serial = replicas;
        let now = budget({ minAvailable: least });
        const view = (): Pod[] =>
          [...there].map(([name, { ready, going }]) => ({
            ...pod(0, ready, going),
            metadata: { name, ...(going ? { deletionTimestamp: 'x' } : {}) },
          }));
        const look = (): void =>
          void (now = { ...now, status: judgeBudget({ budget: now, pods: view(), scaleOf: scale(replicas) }, NOW).status });
        const healthy = (): number => [...there.values()].filter(({ ready, going }) => ready && !going).length;
        look();
        for (const step of steps) {
          const [name, target] = [...there].find(([, { ready, going }]) => ready && !going) ?? [];
          if (step === 'look') look();
          else if (step === 'start') there.set(`p${serial++}`, { ready: true, going: false });
          else if (step === 'end') for (const [key, { going }] of there) if (going) there.delete(key);
          if (step !== 'evict' || name === undefined || target === undefined || (now.status?.disruptionsAllowed ?? 0) <= 0) continue;
          // As the API server does it, in one transaction.
          now = {
            ...now,
            status: {
              ...now.status,
              disruptionsAllowed: (now.status?.disruptionsAllowed ?? 0) - 1,
              disruptedPods: { ...now.status?.disruptedPods, [name]: '2026-01-01T00:59:59Z' },
            },
          };
          there.set(name, { ...target, going: true });
          evicted += 1;
          assert.ok(healthy() >= Math.min(least, replicas), `${healthy()} of ${least}`);
        }
      },
    ),
  );
  assert.ok(evicted > 50);
});
