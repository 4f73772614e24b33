import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Deployment, ReplicaSet } from '#api/kinds/apps/v1.ts';
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../../component/kinds.ts';
import { turnDeployment } from '../testing/deployments.ts';
import { turnReplicaSet } from '../testing/replicas.ts';
import { World } from '../testing/world.ts';
import { isActive, isReady } from '../workloads/pods.ts';
import { limitsOf } from './sizes.ts';

const labels = { app: 'web' };
type Spec = Partial<Deployment['spec']>;
const template = (image: string): Deployment['spec']['template'] => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image }] },
});
const made = (spec: Spec = {}): Deployment => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 3,
    selector: { matchLabels: labels },
    template: template('v1'),
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    ...spec,
  },
});

/** A cluster with one deployment, and what happens in it. */
class Story {
  readonly world = new World();

  constructor(spec: Spec = {}) {
    this.world.add(DEPLOYMENTS, made(spec));
  }
  get deployment(): Deployment {
    return this.world.get(DEPLOYMENTS, 'default/web')!;
  }
  get sets(): readonly ReplicaSet[] {
    return this.world.all(REPLICA_SETS);
  }
  set(spec: Spec): void {
    this.world.set(DEPLOYMENTS, { ...this.deployment, spec: { ...this.deployment.spec, ...spec } });
  }
  /** Until nothing changes any more. */
  settle(): void {
    for (let i = 0; i < 60; i++) this.#round();
    assert.deepEqual(turnDeployment(this.world, this.deployment), []);
    for (const set of this.sets) assert.deepEqual(turnReplicaSet(this.world, set), []);
  }
  #round(): void {
    turnDeployment(this.world, this.deployment);
    for (const set of this.sets) turnReplicaSet(this.world, set);
    for (const pod of this.world.all(PODS)) this.world.kubelet(pod);
    this.world.nowMs += 1_000;
  }
  sizes(): string {
    return this.sets.map(({ spec }) => spec.replicas).join();
  }
  condition(type: string): readonly (string | undefined)[] {
    const found = this.deployment.status?.conditions?.find((c) => c.type === type);
    return [found?.status, found?.reason, found?.message];
  }
  get active(): number {
    return this.world.all(PODS).filter(isActive).length;
  }
  get serving(): number {
    return this.world.all(PODS).filter((pod) => isActive(pod) && isReady(pod)).length;
  }
}

test('the first version: made with everything that kubectl reads, and told when it is available', () => {
  const story = new Story();
  const [action] = turnDeployment(story.world, story.deployment);
  assert.equal(action?.kind, 'createSet');
  const [set] = story.sets;
  const hash = set?.metadata.labels?.['pod-template-hash'] ?? '';
  assert.match(hash, /^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
  assert.equal(set?.metadata.name, `web-${hash}`);
  assert.deepEqual(set?.spec.selector, { matchLabels: { app: 'web', 'pod-template-hash': hash } });
  assert.deepEqual(set?.metadata.annotations, {
    'deployment.kubernetes.io/revision': '1',
    'deployment.kubernetes.io/desired-replicas': '3',
    'deployment.kubernetes.io/max-replicas': '4',
  });
  assert.equal(story.deployment.metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
  assert.deepEqual(story.condition('Progressing'), ['True', 'NewReplicaSetCreated', `Created new replica set "web-${hash}"`]);
  assert.deepEqual(story.condition('Available').slice(0, 2), ['False', 'MinimumReplicasUnavailable']);
  story.settle();
  assert.deepEqual(story.condition('Progressing'), [
    'True',
    'NewReplicaSetAvailable',
    `ReplicaSet "web-${hash}" has successfully progressed.`,
  ]);
  assert.deepEqual(story.condition('Available'), ['True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.']);
  const { conditions: _, ...counts } = story.deployment.status ?? {};
  assert.deepEqual(counts, {
    observedGeneration: 1,
    replicas: 3,
    updatedReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    terminatingReplicas: 0,
  });
});

test('another template is another version; going back to the first makes it the third', () => {
  const story = new Story();
  story.settle();
  story.set({ template: template('v2') });
  story.settle();
  assert.equal(story.sizes(), '0,3');
  assert.equal(story.deployment.metadata.annotations?.['deployment.kubernetes.io/revision'], '2');
  story.set({ template: template('v1') });
  story.settle();
  assert.equal(story.sizes(), '3,0');
  const [first] = story.sets;
  assert.equal(first?.metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
  assert.equal(first?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1');
});

test('annotations of the deployment go to its newest version, those of other tools and of its own do not', () => {
  const story = new Story();
  const annotations = { 'kubernetes.io/change-cause': 'because', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  story.world.set(DEPLOYMENTS, { ...story.deployment, metadata: { ...story.deployment.metadata, annotations } });
  story.settle();
  const given = story.sets[0]?.metadata.annotations ?? {};
  assert.equal(given['kubernetes.io/change-cause'], 'because');
  assert.equal(given['kubectl.kubernetes.io/last-applied-configuration'], undefined);
});

test('paused: nothing is rolled out, sizes follow all the same; resumed: it goes on', () => {
  const story = new Story();
  story.settle();
  story.set({ paused: true, template: template('v2'), replicas: 5 });
  story.settle();
  assert.equal(story.sizes(), '5');
  assert.deepEqual(story.condition('Progressing'), ['Unknown', 'DeploymentPaused', 'Deployment is paused']);
  story.set({ paused: false });
  turnDeployment(story.world, story.deployment, Infinity);
  story.settle();
  assert.equal(story.sizes(), '0,5');
});

test('recreate: the new version begins when the last pod of the old one is gone', () => {
  const story = new Story({ strategy: { type: 'Recreate' } });
  story.settle();
  story.set({ template: template('v2') });
  turnDeployment(story.world, story.deployment);
  for (const set of story.sets) turnReplicaSet(story.world, set);
  for (const set of story.sets) turnReplicaSet(story.world, set);
  assert.equal(story.sizes(), '0');
  assert.equal(story.world.all(PODS).length, 3, 'three that are ending');
  for (let i = 0; i < 3; i++) turnDeployment(story.world, story.deployment);
  assert.equal(story.sizes(), '0');
  story.settle();
  assert.equal(story.sizes(), '0,3');
});

test('a rollout without progress is told after its deadline, once, and looked at when that is due', () => {
  const story = new Story({ progressDeadlineSeconds: 10 });
  turnDeployment(story.world, story.deployment);
  const name = story.sets[0]?.metadata.name;
  story.world.nowMs += 5_000;
  turnDeployment(story.world, story.deployment);
  assert.equal(story.condition('Progressing')[1], 'NewReplicaSetCreated');
  story.world.nowMs += 6_000;
  turnDeployment(story.world, story.deployment);
  assert.deepEqual(story.condition('Progressing'), [
    'False',
    'ProgressDeadlineExceeded',
    `ReplicaSet "${name}" has timed out progressing.`,
  ]);
  story.world.nowMs += 60_000;
  assert.deepEqual(turnDeployment(story.world, story.deployment), []);
});

test('old versions beyond the limit go, the oldest first', () => {
  const story = new Story({ revisionHistoryLimit: 1 });
  for (const image of ['v1', 'v2', 'v3', 'v4']) {
    story.set({ template: template(image) });
    story.settle();
  }
  assert.deepEqual(
    story.sets.map(({ spec }) => spec.template.spec.containers[0]?.image),
    ['v3', 'v4'],
  );
});

test('an orphaned version that fits is adopted, and is not made a second time', () => {
  const story = new Story();
  story.settle();
  const [set] = story.sets;
  story.world.set(REPLICA_SETS, { ...set!, metadata: { ...set!.metadata, ownerReferences: [] } });
  const [action] = turnDeployment(story.world, story.deployment);
  assert.equal(action?.kind, 'adopt');
  story.settle();
  assert.equal(story.sets.length, 1);
});

test('scaled in the middle of a rollout: every version by its share', () => {
  const story = new Story({ replicas: 10, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } });
  story.settle();
  story.set({ template: template('broken') });
  for (let i = 0; i < 6; i++) {
    turnDeployment(story.world, story.deployment);
    for (const set of story.sets) turnReplicaSet(story.world, set);
    for (const pod of story.world.all(PODS)) if (pod.spec.containers[0]?.image === 'v1') story.world.kubelet(pod);
  }
  assert.equal(story.sizes(), '8,5', 'as the Kubernetes documentation has it');
  story.set({ replicas: 15 });
  turnDeployment(story.world, story.deployment);
  assert.equal(story.sizes(), '11,7', 'the 5 more are shared: 3 for the larger, 2 for the smaller');
});

const limit = fc.oneof(fc.nat(3), fc.constantFrom('0%', '25%', '50%', '100%'));
const kubelet = fc.record({ do: fc.constant('kubelet' as const), pod: fc.nat(30) });
const turn = fc.record({
  do: fc.constantFrom('deployment' as const, 'set' as const, 'set' as const),
  which: fc.nat(5),
  most: fc.constantFrom(1, Infinity, Infinity),
});
const steps = fc.array(
  fc.oneof(
    { weight: 16, arbitrary: kubelet },
    { weight: 10, arbitrary: turn },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('image' as const), to: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('scale' as const), to: fc.nat(7) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pause' as const) }) },
  ),
  { minLength: 20, maxLength: 120 },
);

test('any story, with the controllers dying anywhere: never more than the surge, never fewer serve than must; it converges and is idle then', () => {
  let rolled = 0;
  fc.assert(
    fc.property(limit, limit, fc.boolean(), steps, (maxSurge, maxUnavailable, recreates, story) => {
      const strategy: Spec['strategy'] = recreates
        ? { type: 'Recreate' }
        : { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
      const at = new Story({ replicas: 4, strategy });
      at.settle();
      at.set({ template: template('next') });
      /** What the largest size asked for since the last rest allowed. */
      let most = limitsOf(at.deployment).wanted + limitsOf(at.deployment).maxSurge;
      let least = recreates ? 0 : limitsOf(at.deployment).wanted - limitsOf(at.deployment).maxUnavailable;
      for (const step of story) {
        at.world.nowMs += 1_000;
        const serving = at.serving;
        if (step.do === 'image') at.set({ template: template(`v${step.to}`) });
        else if (step.do === 'pause') at.set({ paused: at.deployment.spec.paused !== true });
        else if (step.do === 'scale') {
          at.set({ replicas: step.to });
          const { wanted, maxSurge: surge, maxUnavailable: missing } = limitsOf(at.deployment);
          most = Math.max(most, wanted + surge);
          least = Math.min(least, wanted - missing);
        } else if (step.do === 'deployment') turnDeployment(at.world, at.deployment, step.most);
        else if (step.do === 'set' && at.sets.length > 0) turnReplicaSet(at.world, at.sets[step.which % at.sets.length]!, step.most);
        else if (step.do === 'kubelet') {
          const pods = at.world.all(PODS);
          if (pods.length > 0) at.world.kubelet(pods[step.pod % pods.length]!);
        }
        assert.ok(at.active <= most, `${at.active} pods, ${most} at most`);
        assert.ok(at.serving >= Math.min(serving, least), `${at.serving} serve after ${serving}, ${least} at least`);
        if (at.sets.filter(({ spec }) => (spec.replicas ?? 0) > 0).length > 1) rolled++;
      }
      at.set({ paused: false });
      at.settle();
      const { replicas = 0 } = at.deployment.spec;
      assert.equal(at.serving, replicas);
      assert.equal(at.active, replicas);
      assert.equal(at.deployment.status?.updatedReplicas ?? 0, replicas);
      assert.equal(at.condition('Progressing')[1], 'NewReplicaSetAvailable');
    }),
    { numRuns: 100 },
  );
  assert.ok(rolled > 200, `there were rollouts: ${rolled}`);
});
