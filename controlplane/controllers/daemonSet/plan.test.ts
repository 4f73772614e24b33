import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DaemonSet } from '#api/kinds/apps/v1.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { ManualClock } from '#base/clock.ts';
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from '../../component/kinds.ts';
import { World } from '../testing/world.ts';
import { isActive, isReady } from '../workloads/pods.ts';
import { REVISION_LABEL } from '../workloads/revisions.ts';
import { NodeFailures } from './failures.ts';
import { daemonPod, fitOf, targetOf, tolerationsOf } from './nodes.ts';
import { planDaemonSet, type DaemonSetAction } from './plan.ts';

const labels = { app: 'agent' };
type Spec = Partial<DaemonSet['spec']>;
const template = (image: string, spec: object = {}): DaemonSet['spec']['template'] => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image }], ...spec },
});

class Story {
  readonly world = new World();
  failedWaitMs = 0;
  constructor(nodes: number, spec: Spec = {}) {
    this.world.add(DAEMON_SETS, {
      metadata: { name: 'agent', namespace: 'default' },
      spec: { selector: { matchLabels: labels }, template: template('v1'), ...spec },
    });
    for (let i = 0; i < nodes; i++) this.addNode(`n${i}`);
  }
  addNode(name: string, spec: Node['spec'] = {}): void {
    this.world.add(NODES, { metadata: { name }, spec });
  }
  get set(): DaemonSet {
    return this.world.get(DAEMON_SETS, 'default/agent')!;
  }
  get pods(): readonly Pod[] {
    return this.world.owned(PODS, this.set);
  }
  change(spec: Spec): void {
    this.world.set(DAEMON_SETS, { ...this.set, spec: { ...this.set.spec, ...spec } });
  }
  plan(): ReturnType<typeof planDaemonSet> {
    const { world, set } = this;
    return planDaemonSet(
      {
        set,
        nodes: world.all(NODES),
        owned: this.pods,
        orphans: world.orphans(PODS),
        revisions: world.owned(CONTROLLER_REVISIONS, set),
        failedWaitMs: () => this.failedWaitMs,
      },
      world.nowMs,
    );
  }
  /** most: how many single things are done before the controller dies. */
  turn(most = Infinity): readonly DaemonSetAction[] {
    const { actions } = this.plan();
    for (const step of actions.flatMap((action) => this.#steps(action)).slice(0, most)) step();
    return actions;
  }
  #steps(action: DaemonSetAction): readonly (() => unknown)[] {
    const { world, set } = this;
    switch (action.kind) {
      case 'createRevision':
        return [() => world.add(CONTROLLER_REVISIONS, action.revision)];
      case 'renumberRevision':
        return [() => world.set(CONTROLLER_REVISIONS, action.revision)];
      case 'deleteRevision':
        return [() => world.remove(CONTROLLER_REVISIONS, `default/${action.name}`)];
      case 'createPods':
        return action.nodes.map((node) => () => world.add(PODS, daemonPod(set, node, action.hash)));
      case 'deletePods':
        return action.pods.map(
          ({ name }) =>
            () =>
              world.deletePod(name),
        );
      case 'updateStatus':
        return [() => world.set(DAEMON_SETS, action.object)];
      case 'adopt':
      case 'release':
        throw new Error('nothing changes hands here');
    }
  }
  kubelet(pod: Pod, how?: 'on' | 'fail'): void {
    if (pod.spec.nodeName !== undefined || pod.metadata.deletionTimestamp !== undefined) return this.world.kubelet(pod, how);
    this.world.set(PODS, { ...pod, spec: { ...pod.spec, nodeName: targetOf(pod)! } });
  }
  settle(): void {
    for (let i = 0; i < 60; i++) {
      this.turn();
      for (const pod of this.pods) this.kubelet(pod);
      this.world.nowMs += 1_000;
    }
    assert.deepEqual(this.turn(), []);
  }
  on(node: string): readonly Pod[] {
    return this.pods.filter((pod) => targetOf(pod) === node);
  }
}

test('one on every node, and on those that come; the status counts them', () => {
  const story = new Story(3);
  story.settle();
  story.addNode('late');
  story.settle();
  assert.deepEqual(
    story.pods.map((pod) => pod.spec.nodeName ?? '').toSorted((a, b) => a.localeCompare(b)),
    ['late', 'n0', 'n1', 'n2'],
  );
  assert.deepEqual(story.set.status, {
    currentNumberScheduled: 4,
    numberMisscheduled: 0,
    desiredNumberScheduled: 4,
    numberReady: 4,
    observedGeneration: 1,
    updatedNumberScheduled: 4,
    numberAvailable: 4,
  });
});

const node = (spec: Node['spec'], nodeLabels = {}): Node => ({ metadata: { name: 'n', labels: nodeLabels }, spec });
const daemon = (spec: object): DaemonSet => ({ metadata: {}, spec: { selector: { matchLabels: labels }, template: template('i', spec) } });
const tainted = (key: string, effect: 'NoSchedule' | 'NoExecute' | 'PreferNoSchedule'): Node => node({ taints: [{ key, effect }] });
for (const [name, set, at, runs, stays] of [
  ['any node', daemon({}), node({}), true, true],
  ['a node that was cordoned', daemon({}), tainted('node.kubernetes.io/unschedulable', 'NoSchedule'), true, true],
  ['a node that is not ready', daemon({}), tainted('node.kubernetes.io/not-ready', 'NoExecute'), true, true],
  ['a tainted node', daemon({}), tainted('mine', 'NoSchedule'), false, true],
  ['a node whose taint drives away', daemon({}), tainted('mine', 'NoExecute'), false, false],
  ['a taint that only asks', daemon({}), tainted('mine', 'PreferNoSchedule'), true, true],
  ['a taint it tolerates', daemon({ tolerations: [{ operator: 'Exists' }] }), tainted('mine', 'NoExecute'), true, true],
  ['another label than asked for', daemon({ nodeSelector: { disk: 'ssd' } }), node({}, { disk: 'hdd' }), false, false],
  ['the label asked for', daemon({ nodeSelector: { disk: 'ssd' } }), node({}, { disk: 'ssd' }), true, true],
  ['another node than named', daemon({ nodeName: 'm' }), node({}), false, false],
] as const)
  test(`fits: ${name}`, () => assert.deepEqual(fitOf(set, at), { runs, stays }));

test('a pod is bound to its node by affinity, and tolerates what nodes go through', () => {
  const preferred = [{ weight: 1, preference: { matchExpressions: [{ key: 'a', operator: 'Exists' as const }] } }];
  const set = daemon({ affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } }, hostNetwork: true });
  const pod = daemonPod(set, 'n7', 'h');
  assert.equal(targetOf(pod), 'n7');
  assert.equal(pod.spec.nodeName, undefined);
  assert.deepEqual(pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution, preferred);
  assert.equal(pod.metadata.labels?.[REVISION_LABEL], 'h');
  assert.equal(tolerationsOf(set.spec.template).length, 7);
});

test('another template: node by node, and kubectl can go back', () => {
  const story = new Story(3);
  story.settle();
  story.change({ template: template('v2') });
  story.settle();
  assert.ok(story.pods.every((pod) => pod.spec.containers[0]?.image === 'v2'));
  const revisions = story.world.all(CONTROLLER_REVISIONS);
  assert.deepEqual(
    revisions.map(({ revision }) => revision),
    [1, 2],
  );
  const data = revisions[0]?.data as { spec: { template: { $patch: string } } };
  assert.equal(data.spec.template.$patch, 'replace');
  story.change({ template: template('v1') });
  story.settle();
  assert.deepEqual(
    story.world.all(CONTROLLER_REVISIONS).map(({ revision }) => revision),
    [3, 2],
  );
});

test('OnDelete: a pod is replaced when somebody deletes it', () => {
  const story = new Story(2, { updateStrategy: { type: 'OnDelete' } });
  story.settle();
  story.change({ template: template('v2') });
  story.settle();
  assert.ok(story.pods.every((pod) => pod.spec.containers[0]?.image === 'v1'));
  story.world.deletePod(story.on('n0')[0]?.metadata.name ?? '');
  story.settle();
  assert.equal(story.on('n0')[0]?.spec.containers[0]?.image, 'v2');
});

test('what failed is replaced, and told; after the time that the node waits', () => {
  const story = new Story(1);
  story.settle();
  story.kubelet(story.pods[0]!, 'fail');
  story.failedWaitMs = 5_000;
  assert.equal(story.plan().lookAgainAfterMs, 5_000);
  story.failedWaitMs = 0;
  const [action] = story.plan().actions;
  assert.equal(action?.kind, 'deletePods');
  assert.match(
    action?.kind === 'deletePods' ? (action.tell[0]?.message ?? '') : '',
    /^Found failed daemon pod default\/agent-\d+ on node n0, will try to kill it$/,
  );
  story.settle();
  assert.equal(story.pods.length, 1);
});

test('a node with failures waits 1 s, then 2 s, then 4 s', () => {
  const clock = new ManualClock(0);
  const failures = new NodeFailures(clock);
  for (const waitMs of [1_000, 2_000, 4_000]) {
    failures.failed('n');
    assert.equal(failures.waitMs('n'), waitMs);
  }
  assert.equal(failures.waitMs('m'), 0);
});

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('turn' as const), most: fc.constantFrom(1, 2, Infinity) }) },
    { weight: 14, arbitrary: fc.record({ do: fc.constant('kubelet' as const), pod: fc.nat(15) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('image' as const), to: fc.nat(3) }) },
  ),
  { minLength: 20, maxLength: 100 },
);

test('any story, with the controller dying anywhere: no node over its limit, never more missing than allowed; it converges and is idle then', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<[number | string, number]>([1, 0], [2, 0], ['50%', 0], [0, 1], [0, 3]),
      steps,
      ([maxUnavailable, maxSurge], story) => {
        const at = new Story(5, {
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge } },
        });
        at.settle();
        at.change({ template: template('next') });
        const least = maxUnavailable === '50%' ? 2 : 5 - (maxUnavailable as number);
        for (const step of story) {
          at.world.nowMs += 1_000;
          const served = new Set(at.pods.filter((pod) => isActive(pod) && isReady(pod)).map(targetOf)).size;
          if (step.do === 'turn') at.turn(step.most);
          else if (step.do === 'image') at.change({ template: template(`v${step.to}`) });
          else if (at.pods.length > 0) at.kubelet(at.pods[step.pod % at.pods.length]!);
          const active = at.pods.filter(isActive);
          for (let i = 0; i < 5; i++) assert.ok(active.filter((pod) => targetOf(pod) === `n${i}`).length <= (maxSurge === 0 ? 1 : 2));
          const serves = new Set(active.filter(isReady).map(targetOf)).size;
          assert.ok(serves >= Math.min(served, least), `${serves} serve, ${least} at least`);
        }
        at.settle();
        const image = at.set.spec.template.spec.containers[0]?.image;
        assert.deepEqual(
          at.pods.map((pod) => pod.spec.containers[0]?.image),
          Array(5).fill(image),
        );
        assert.equal(at.set.status?.updatedNumberScheduled, 5);
      },
    ),
    { numRuns: 80 },
  );
});
