import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { shutdownGroups, shutdownPeriods, type ShutdownPeriod } from './plan.ts';

const NONE = { shutdownGracePeriodMs: 0, criticalPodsMs: 0, byPodPriority: [] };
const pod = (name: string, priority: number, terminationGracePeriodSeconds = 30): { name: string; spec: Pod['spec'] } => ({
  name,
  spec: { containers: [], priority, terminationGracePeriodSeconds },
});
const CRITICAL = 2_000_000_000;

for (const [name, given, want] of [
  ['nothing configured: nothing is waited for', NONE, ''],
  [
    'one period is shared by the others and the critical ones',
    { ...NONE, shutdownGracePeriodMs: 30_000, criticalPodsMs: 10_000 },
    `0:20000 ${CRITICAL}:10000`,
  ],
  ['nothing kept for critical ones', { ...NONE, shutdownGracePeriodMs: 30_000 }, `0:30000 ${CRITICAL}:0`],
  [
    'periods by priority, whatever their order',
    {
      ...NONE,
      byPodPriority: [
        { priority: 10, ms: 1 },
        { priority: -5, ms: 2 },
      ],
    },
    '-5:2 10:1',
  ],
] as const)
  test(`shutdownPeriods: ${name}`, () =>
    assert.equal(
      shutdownPeriods(given)
        .map((p) => `${p.priority}:${p.ms}`)
        .join(' '),
      want,
    ));

const PERIODS: readonly ShutdownPeriod[] = [
  { priority: 0, ms: 20_000 },
  { priority: 1_000, ms: 5_000 },
  { priority: CRITICAL, ms: 10_000 },
];
const shown = (pods: Parameters<typeof shutdownGroups>[0]): string =>
  shutdownGroups(pods as ReturnType<typeof pod>[], PERIODS)
    .map((g) => `${g.ms}: ${g.pods.map((p) => `${p.pod.name}/${p.graceMs}`).join(' ')}`)
    .join(', ');

for (const [name, pods, want] of [
  ['those that matter least end first', [pod('c', CRITICAL), pod('a', 0), pod('b', 1_500)], '20000: a/20000, 5000: b/5000, 10000: c/10000'],
  ['a pod with less time of its own keeps that', [pod('a', 0, 3), pod('b', 5, 0)], '20000: a/3000 b/0'],
  ['one below the lowest priority goes with the lowest', [pod('a', -10)], '20000: a/20000'],
  ['one between two goes with the lower', [pod('a', 999), pod('b', 1_000)], '20000: a/20000, 5000: b/5000'],
  ['a negative grace period is a second', [pod('a', 0, -1)], '20000: a/1000'],
  ['no pods, no groups', [], ''],
] as const)
  test(`shutdownGroups: ${name}`, () => assert.equal(shown(pods), want));
