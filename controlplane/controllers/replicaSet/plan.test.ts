import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ReplicaSet } from '#api/kinds/apps/v1.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { fromLabelSelector } from '#api/labels.ts';
import { PODS, REPLICA_SETS } from '../../component/kinds.ts';
import { turnReplicaSet } from '../testing/replicas.ts';
import { START_MS, World } from '../testing/world.ts';
import { controllerReference } from '../workloads/owners.ts';
import { isActive, rankForDeletion } from '../workloads/pods.ts';
import { planReplicas, type Replicas } from './plan.ts';

const labels = { app: 'web' };
const wanted = (replicas: number, spec: Partial<ReplicaSet['spec']> = {}): ReplicaSet => ({
  metadata: { name: 'web', namespace: 'default', uid: 'rs', generation: 2 },
  spec: {
    replicas,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    ...spec,
  },
});
const at = (seconds: number): string => new Date(START_MS + seconds * 1_000).toISOString();
let serial = 0;
const pod = (over: { readonly [key: string]: unknown } = {}, metadata: Pod['metadata'] = {}): Pod => ({
  metadata: {
    name: `p${++serial}`,
    namespace: 'default',
    uid: `u${serial}`,
    labels,
    creationTimestamp: at(0),
    ownerReferences: [controllerReference(REPLICA_SETS, wanted(0))],
    ...metadata,
  },
  spec: { containers: [], nodeName: 'n' },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(0) }] },
  ...over,
});
const plan = (over: Partial<Replicas> & { readonly owner: ReplicaSet }, nowMs = START_MS + 100_000): ReturnType<typeof planReplicas> =>
  planReplicas(
    {
      selector: fromLabelSelector(over.owner.spec.selector),
      owned: [],
      orphans: [],
      related: () => over.owned ?? [],
      countsTerminating: true,
      ...over,
    },
    nowMs,
  );
const going = { deletionTimestamp: at(10) };
const kinds = (given: Parameters<typeof plan>[0]): string =>
  plan(given)
    .actions.map((a) => (a.kind === 'createPods' ? `create ${a.count}` : a.kind === 'deletePods' ? `delete ${a.pods.length}` : a.kind))
    .filter((text) => text !== 'updateStatus')
    .join();

for (const [name, given, says] of [
  ['none is there', { owner: wanted(3) }, 'create 3'],
  ['no more than 500 at once', { owner: wanted(900) }, 'create 500'],
  ['as many as there should be', { owner: wanted(1), owned: [pod()] }, ''],
  ['one too many', { owner: wanted(1), owned: [pod(), pod()] }, 'delete 1'],
  ['one that failed is replaced', { owner: wanted(1), owned: [pod({ status: { phase: 'Failed' } })] }, 'create 1'],
  ['one that is ending is replaced', { owner: wanted(1), owned: [pod({}, going)] }, 'create 1'],
  ['the set is being deleted', { owner: { ...wanted(3), metadata: { ...wanted(3).metadata, ...going } }, owned: [] }, ''],
  ['an orphan that fits is adopted first', { owner: wanted(3), orphans: [pod({}, { ownerReferences: [] })] }, 'adopt'],
  ['one that ends is not adopted', { owner: wanted(1), orphans: [pod({}, { ownerReferences: [], ...going })] }, 'create 1'],
  ['one with other labels is let go', { owner: wanted(1), owned: [pod({}, { labels: { app: 'other' } })] }, 'release'],
] as const)
  test(`replicas: ${name}`, () => assert.equal(kinds(given), says));

test('the status counts what runs, what is ready, and for long enough', () => {
  const late = pod({ status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(95) }] } });
  const owned = [pod(), late, pod({ status: { phase: 'Pending' } }), pod({}, going), pod({ status: { phase: 'Failed' } })];
  const { actions, lookAgainAfterMs } = plan({ owner: wanted(3, { minReadySeconds: 20 }), owned });
  const [first] = actions;
  assert.deepEqual(first?.kind === 'updateStatus' && first.object.status, {
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 2,
    availableReplicas: 1,
    terminatingReplicas: 1,
    observedGeneration: 2,
  });
  assert.equal(lookAgainAfterMs, 15_000);
});

test('what keeps pods from being made is a condition, until they are made', () => {
  const failure = 'pods "web-" is forbidden: exceeded quota';
  const [first] = plan({ owner: wanted(1), failure }).actions;
  const condition = {
    type: 'ReplicaFailure' as const,
    status: 'True' as const,
    lastTransitionTime: '2026-01-01T00:01:40Z',
    reason: 'FailedCreate',
    message: failure,
  };
  assert.deepEqual(first?.kind === 'updateStatus' && first.object.status?.conditions, [condition]);
  const failing = { ...wanted(1), status: { replicas: 0, terminatingReplicas: 0, observedGeneration: 2, conditions: [condition] } };
  assert.deepEqual(
    plan({ owner: failing, failure }).actions.map((a) => a.kind),
    ['createPods'],
  );
  const [then] = plan({ owner: failing }).actions;
  assert.deepEqual(then?.kind === 'updateStatus' && then.object.status?.conditions, undefined);
});

const ready = (seconds: number) => ({
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(seconds) }] },
});
const cost = (value: string): object => ({ annotations: { 'controller.kubernetes.io/pod-deletion-cost': value } });
for (const [name, first, second] of [
  ['without a node before with one', pod({ spec: { containers: [] } }), pod({ status: { phase: 'Pending' } })],
  ['pending before running', pod({ status: { phase: 'Pending' } }), pod({ status: { phase: 'Running' } })],
  ['not ready before ready', pod({ status: { phase: 'Running' } }), pod()],
  ['the cheaper', pod({}, cost('-5')), pod({}, cost('3'))],
  ['one whose cost is no number costs nothing', pod({}, cost('much')), pod({}, cost('1'))],
  ['ready for a shorter time', pod(ready(99)), pod(ready(0))],
  [
    'restarted more often',
    pod({ status: { phase: 'Running', containerStatuses: [{ name: 'c', restartCount: 4 }] } }),
    pod({ status: { phase: 'Running', containerStatuses: [{ name: 'c', restartCount: 1 }] } }),
  ],
  ['the younger', pod({ status: {} }, { creationTimestamp: at(99) }), pod({ status: {} }, { creationTimestamp: at(0) })],
] as const)
  test(`ranks: ${name} goes first`, () => {
    for (const pods of [
      [first, second],
      [second, first],
    ])
      assert.equal(rankForDeletion(pods, { nowMs: START_MS + 100_000, related: [] })[0]?.metadata.name, first.metadata.name);
  });

test('ranks: of two on one node one goes before the only one of another', () => {
  const [a, b] = [pod(), pod({ spec: { containers: [], nodeName: 'm' } })];
  const related = [a, b, pod({ spec: { containers: [], nodeName: 'm' } })];
  assert.equal(rankForDeletion([a, b], { nowMs: START_MS, related })[0]?.metadata.name, b.metadata.name);
});

const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('scale' as const), to: fc.nat(6) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('turn' as const), most: fc.constantFrom(1, 2, Infinity) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('kubelet' as const),
      pod: fc.nat(9),
      how: fc.constantFrom('on' as const, 'on' as const, 'on' as const, 'fail' as const, 'unready' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('relabel' as const), pod: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), pod: fc.nat(9) }) },
);

test('whatever happens, and wherever the controller dies: never more than wanted are made, never fewer left; it settles, and is idle then', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const world = new World();
      const { metadata: _, ...rest } = wanted(3);
      world.add(REPLICA_SETS, { metadata: { name: 'web', namespace: 'default' }, ...rest });
      const set = (): ReplicaSet => world.get(REPLICA_SETS, 'default/web')!;
      const mine = (): number => world.owned(PODS, set()).filter(isActive).length;
      const turn = (most?: number): number => {
        const before = mine();
        const { length } = turnReplicaSet(world, set(), most);
        const replicas = set().spec.replicas ?? 1;
        assert.ok(mine() <= Math.max(before, replicas) || before > replicas, `${mine()} pods for ${replicas}`);
        if (before >= replicas && length > 0)
          assert.ok(mine() >= Math.min(replicas, before - 1), `${mine()} left of ${before} for ${replicas}`);
        return length;
      };
      for (const one of steps) {
        world.nowMs += 1_000;
        const pods = world.all(PODS);
        const chosen = 'pod' in one && pods.length > 0 ? pods[one.pod % pods.length] : undefined;
        if (one.do === 'scale') world.set(REPLICA_SETS, { ...set(), spec: { ...set().spec, replicas: one.to } });
        else if (one.do === 'turn') turn(one.most);
        else if (chosen === undefined) continue;
        else if (one.do === 'kubelet') world.kubelet(chosen, one.how);
        else if (one.do === 'delete') world.deletePod(chosen.metadata.name ?? '');
        else world.set(PODS, { ...chosen, metadata: { ...chosen.metadata, labels: { app: `other-${one.pod}` } } });
      }
      for (let i = 0; i < 40; i++) {
        turn();
        for (const pod of world.all(PODS)) world.kubelet(pod);
      }
      assert.equal(mine(), set().spec.replicas);
      assert.equal(set().status?.readyReplicas ?? 0, set().spec.replicas);
      assert.deepEqual(turnReplicaSet(world, set()), []);
    }),
    { numRuns: 150 },
  );
});
