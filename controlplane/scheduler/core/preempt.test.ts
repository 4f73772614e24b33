import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import { defaultProfile } from '../plugins/profile.ts';
import type { Cluster } from './cluster.ts';
import { decide } from './decide.ts';
import { refusalText } from './message.ts';
import { podInfoOf } from './podInfo.ts';
import { preempt } from './preempt.ts';
import { clusterOf, nodeOf, podOf, type PodWish } from './testing.ts';

const profile = defaultProfile();
const HOST = 'kubernetes.io/hostname';
const budget = (disruptionsAllowed: number): PodDisruptionBudget => ({
  metadata: { name: 'b', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'db' } } },
  status: { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
});
const vip = (wish: PodWish = {}) => podInfoOf(podOf('vip', { requests: { cpu: '3' }, priority: 100, ...wish }));

function tried(cluster: Cluster, pod = vip(), budgets: readonly PodDisruptionBudget[] = []): string {
  const options = { profile, cluster, random: () => 0 };
  const decision = decide(pod, options);
  if (decision.kind === 'fits') return `fits ${decision.node.name}`;
  const found = preempt(pod, decision, { ...options, budgets });
  if (found.kind === 'none') return refusalText(decision, found.text);
  return `${found.candidate.node.name}: ${found.candidate.victims.map((v) => v.name).join()}`;
}
const started = (minute: number): PodWish['status'] => ({ startTime: `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z` });
const on = (name: string, node: string, cpu: string, wish: PodWish = {}) => podOf(name, { node, requests: { cpu }, ...wish });

for (const [what, cluster, want, pod, budgets] of [
  ['nobody need go', clusterOf([nodeOf('a')]), 'fits a'],
  ['the least important goes', clusterOf([nodeOf('a')], [on('x', 'a', '2', { priority: 1 }), on('y', 'a', '2')]), 'a: x,y'],
  ['no more than needed', clusterOf([nodeOf('a')], [on('x', 'a', '1', { priority: 1 }), on('y', 'a', '3')]), 'a: y'],
  [
    'the node where less important pods go',
    clusterOf([nodeOf('a'), nodeOf('b')], [on('x', 'a', '3', { priority: 5 }), on('y', 'b', '3', { priority: 4 })]),
    'b: y',
  ],
  ['fewer pods', clusterOf([nodeOf('a'), nodeOf('b')], [on('x', 'a', '2'), on('x2', 'a', '2'), on('y', 'b', '4')]), 'b: y'],
  [
    'who started last',
    clusterOf([nodeOf('a'), nodeOf('b')], [on('x', 'a', '4', { status: started(1) }), on('y', 'b', '4', { status: started(2) })]),
    'b: y',
  ],
  [
    'no budget is broken where that can be helped',
    clusterOf([nodeOf('a'), nodeOf('b')], [on('x', 'a', '4', { labels: { app: 'db' } }), on('y', 'b', '4', { priority: 50 })]),
    'b: y',
    vip(),
    [budget(0)],
  ],
  [
    'within a node the protected one stays',
    clusterOf([nodeOf('a')], [on('x', 'a', '2', { labels: { app: 'db' } }), on('y', 'a', '2', { priority: 50 })]),
    'a: y',
    vip({ requests: { cpu: '2' } }),
    [budget(0)],
  ],
  [
    'all are as important',
    clusterOf([nodeOf('a')], [on('x', 'a', '3', { priority: 100 })]),
    '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  ],
  [
    'too large for any node',
    clusterOf([nodeOf('a')], [on('x', 'a', '3')]),
    '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    vip({ requests: { cpu: '8' } }),
  ],
  [
    'two nodes, one of them tainted',
    clusterOf(
      [nodeOf('a', { spec: { taints: [{ key: 't', effect: 'NoSchedule' }] } }), nodeOf('b')],
      [on('x', 'b', '3', { priority: 100 })],
    ),
    '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {t: }. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
  ],
  [
    'it may not',
    clusterOf([nodeOf('a')], [on('x', 'a', '3')]),
    '0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
    vip({ spec: { preemptionPolicy: 'Never' } }),
  ],
  [
    'ports',
    clusterOf(
      [nodeOf('a')],
      [podOf('x', { node: 'a', spec: { containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort: 80 }] }] } })],
    ),
    'a: x',
    podInfoOf(podOf('vip', { priority: 1, spec: { containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort: 80 }] }] } })),
  ],
  [
    'one that keeps it away',
    clusterOf(
      [nodeOf('a')],
      [
        podOf('x', {
          node: 'a',
          spec: {
            affinity: {
              podAntiAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: HOST, labelSelector: { matchLabels: { app: 'vip' } } }],
              },
            },
          },
        }),
      ],
    ),
    'a: x',
    podInfoOf(podOf('vip', { priority: 1, labels: { app: 'vip' } })),
  ],
] as [string, Cluster, string, ReturnType<typeof vip>?, PodDisruptionBudget[]?][])
  test(`preempt: ${what}`, () => assert.equal(tried(cluster, pod, budgets), want));

const PUSHED: PodWish['status'] = { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] };

test('a pod that leaves for reasons of its own holds up nobody', () => {
  const leaving = on('x', 'a', '4', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
  const cluster = clusterOf([nodeOf('a'), nodeOf('b')], [leaving, on('y', 'b', '4', { priority: 1 })]);
  cluster.nominate(vip(), 'a');
  assert.equal(tried(cluster), 'a: x');
});

test('while its victims are still leaving, nobody else is pushed out', () => {
  const cluster = clusterOf(
    [nodeOf('a'), nodeOf('b')],
    [on('x', 'a', '4', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, status: PUSHED }), on('y', 'b', '4')],
  );
  cluster.nominate(vip(), 'a');
  assert.match(tried(cluster), /preemption: not eligible due to a terminating pod on the nominated node\.$/);
});

test('property: the victims suffice, each is needed and less important, and nothing is left changed', () => {
  let preempted = 0;
  const arb = fc.array(fc.record({ cpu: fc.integer({ min: 1, max: 3 }), priority: fc.integer({ min: 0, max: 4 }), node: fc.nat(2) }), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(arb, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), (given, cpu, priority) => {
      const cluster = clusterOf(
        ['n0', 'n1', 'n2'].map((n) => nodeOf(n)),
        given.map((g, i) => on(`p${i}`, `n${g.node}`, String(g.cpu), { priority: g.priority })),
      );
      const state = (): string => JSON.stringify(cluster.nodes.map((n) => [n.requested.cpuMilli, [...n.pods.keys()].toSorted()]));
      const before = state();
      const pod = vip({ requests: { cpu: String(cpu) }, priority });
      const options = { profile, cluster, random: () => 0 };
      const decision = decide(pod, options);
      const found = decision.kind === 'fits' ? undefined : preempt(pod, decision, { ...options, budgets: [] });
      assert.equal(state(), before);
      if (found?.kind !== 'victims') {
        // Nobody had to go, or even all less important ones would not suffice.
        for (const node of decision.kind === 'fits' ? [] : cluster.nodes) {
          const stay = [...node.pods.values()].filter((p) => p.priority >= priority).reduce((sum, p) => sum + p.requests.cpuMilli, 0);
          assert.ok(stay + cpu * 1_000 > 4_000);
        }
        return;
      }
      preempted += 1;
      const { node, victims } = found.candidate;
      const free = 4_000 - node.requested.cpuMilli + victims.reduce((sum, v) => sum + v.requests.cpuMilli, 0);
      assert.ok(free >= cpu * 1_000 && victims.length > 0);
      for (const v of victims) assert.ok(v.priority < priority && free - v.requests.cpuMilli < cpu * 1_000);
    }),
    { numRuns: 300 },
  );
  assert.ok(preempted > 20, `some were (${preempted})`);
});
