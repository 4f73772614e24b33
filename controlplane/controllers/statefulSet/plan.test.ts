import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { StatefulSet } from '#api/kinds/apps/statefulSet.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { CONTROLLER_REVISIONS, PODS, STATEFUL_SETS, VOLUME_CLAIMS } from '../../component/kinds.ts';
import { World } from '../testing/world.ts';
import { isActive, isReady } from '../workloads/pods.ts';
import { ordinalOf } from './identity.ts';
import { planStatefulSet, type StatefulSetAction } from './plan.ts';

const labels = { app: 'db' };
type Spec = Partial<StatefulSet['spec']>;
const template = (image: string): StatefulSet['spec']['template'] => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image }] },
});
const data = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage: '1Gi' } } } };

class Story {
  readonly world = new World();
  constructor(spec: Spec = {}) {
    this.world.add(STATEFUL_SETS, {
      metadata: { name: 'db', namespace: 'default' },
      spec: { replicas: 3, serviceName: 'db', selector: { matchLabels: labels }, template: template('v1'), ...spec },
    });
  }
  get set(): StatefulSet {
    return this.world.get(STATEFUL_SETS, 'default/db')!;
  }
  get pods(): readonly Pod[] {
    return this.world.owned(PODS, this.set);
  }
  get names(): string {
    return this.pods
      .map(({ metadata }) => metadata.name ?? '')
      .toSorted((a, b) => a.localeCompare(b))
      .join();
  }
  change(spec: Spec): void {
    this.world.set(STATEFUL_SETS, { ...this.set, spec: { ...this.set.spec, ...spec } });
  }
  turn(most = Infinity): readonly StatefulSetAction[] {
    const { world, set } = this;
    const { actions } = planStatefulSet(
      {
        set,
        owned: this.pods,
        orphans: world.orphans(PODS),
        revisions: world.owned(CONTROLLER_REVISIONS, set),
        claim: (name) => world.get(VOLUME_CLAIMS, `default/${name}`),
      },
      world.nowMs,
    );
    for (const action of actions.slice(0, most)) this.#act(action);
    return actions;
  }
  #act(action: StatefulSetAction): unknown {
    const { world } = this;
    switch (action.kind) {
      case 'createRevision':
        return world.add(CONTROLLER_REVISIONS, action.revision);
      case 'renumberRevision':
        return world.set(CONTROLLER_REVISIONS, action.revision);
      case 'deleteRevision':
        return world.remove(CONTROLLER_REVISIONS, `default/${action.name}`);
      case 'createPod':
        return world.add(PODS, action.pod);
      case 'updatePod':
        return world.set(PODS, action.pod);
      case 'deletePod':
        return world.deletePod(action.pod.name);
      case 'createClaim':
        return world.add(VOLUME_CLAIMS, action.claim);
      case 'updateClaim':
        return world.set(VOLUME_CLAIMS, action.claim);
      case 'updateStatus':
        return world.set(STATEFUL_SETS, action.object);
      case 'adopt':
      case 'release':
        throw new Error('nothing changes hands here');
    }
  }
  settle(): void {
    for (let i = 0; i < 80; i++) {
      this.turn();
      for (const pod of this.pods) this.world.kubelet(pod);
      this.world.nowMs += 1_000;
    }
    assert.deepEqual(this.turn(), []);
  }
  images(): string {
    return this.pods
      .toSorted((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1))
      .map((pod) => pod.spec.containers[0]?.image)
      .join();
  }
}

test('one after the other, each with its name, its labels and its claim', () => {
  const story = new Story({ volumeClaimTemplates: [data] });
  story.turn();
  story.turn();
  assert.equal(story.names, 'db-0');
  for (let i = 0; i < 5; i++) story.turn();
  assert.equal(story.names, 'db-0', 'the second waits until the first is ready');
  story.settle();
  assert.equal(story.names, 'db-0,db-1,db-2');
  const [pod] = story.pods;
  assert.deepEqual([pod?.spec.hostname, pod?.spec.subdomain], ['db-0', 'db']);
  assert.equal(pod?.metadata.labels?.['statefulset.kubernetes.io/pod-name'], 'db-0');
  assert.equal(pod?.metadata.labels?.['apps.kubernetes.io/pod-index'], '0');
  assert.deepEqual(pod?.spec.volumes, [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0', readOnly: false } }]);
  assert.deepEqual(
    story.world.all(VOLUME_CLAIMS).map(({ metadata }) => metadata.name),
    ['data-db-0', 'data-db-1', 'data-db-2'],
  );
  const revision = story.world.all(CONTROLLER_REVISIONS)[0]?.metadata.name;
  assert.equal(pod?.metadata.labels?.['controller-revision-hash'], revision);
  assert.deepEqual(story.set.status, {
    observedGeneration: 1,
    replicas: 3,
    readyReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
    availableReplicas: 3,
    currentRevision: revision,
    updateRevision: revision,
    collisionCount: 0,
  });
});

test('in parallel: all at once; numbered from where it says', () => {
  const story = new Story({ podManagementPolicy: 'Parallel', ordinals: { start: 5 } });
  story.turn();
  story.turn();
  assert.equal(story.names, 'db-5,db-6,db-7');
});

test('it shrinks from the top, one at a time, and keeps the claims', () => {
  const story = new Story({ volumeClaimTemplates: [data] });
  story.settle();
  story.change({ replicas: 1 });
  story.turn();
  assert.deepEqual(
    story.pods.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(({ metadata }) => metadata.name),
    ['db-2'],
  );
  for (let i = 0; i < 3; i++) story.turn();
  assert.equal(story.pods.filter(isActive).length, 2, 'the next waits until the last is gone');
  story.settle();
  assert.equal(story.names, 'db-0');
  assert.equal(story.world.all(VOLUME_CLAIMS).length, 3);
});

test('claims belong to the set, or to the pods that go, where they are to go with them', () => {
  const owners = (story: Story): readonly (string | undefined)[] =>
    story.world.all(VOLUME_CLAIMS).map(({ metadata }) => metadata.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`).join());
  const story = new Story({
    replicas: 2,
    volumeClaimTemplates: [data],
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
  });
  story.settle();
  assert.deepEqual(owners(story), ['StatefulSet db', 'StatefulSet db']);
  story.change({ replicas: 1 });
  story.turn();
  assert.deepEqual(owners(story), ['StatefulSet db', 'Pod db-1']);
  story.settle();
  story.change({ persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' } });
  story.settle();
  assert.equal(owners(story)[0], '');
});

test('a claim that is being deleted is waited for before its pod is made anew', () => {
  const story = new Story({ replicas: 1, volumeClaimTemplates: [data] });
  story.settle();
  const claim = story.world.all(VOLUME_CLAIMS)[0]!;
  story.world.set(VOLUME_CLAIMS, { ...claim, metadata: { ...claim.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  story.world.remove(PODS, 'default/db-0');
  assert.ok(story.turn().every(({ kind }) => kind !== 'createPod'));
  story.world.remove(VOLUME_CLAIMS, 'default/data-db-0');
  assert.deepEqual(
    story.turn().map(({ kind }) => kind),
    ['createClaim', 'createPod'],
  );
});

test('another template: from the top, down to the partition; what is made anew below that is of the old version', () => {
  const story = new Story();
  story.settle();
  story.change({ template: template('v2'), updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
  story.settle();
  assert.equal(story.images(), 'v1,v1,v2');
  assert.deepEqual([story.set.status?.currentReplicas, story.set.status?.updatedReplicas], [2, 1]);
  story.world.deletePod('db-0');
  story.settle();
  assert.equal(story.images(), 'v1,v1,v2');
  story.change({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } });
  story.settle();
  assert.equal(story.images(), 'v2,v2,v2');
  assert.equal(story.set.status?.currentRevision, story.set.status?.updateRevision);
});

test('OnDelete: what somebody deletes comes back as the new version', () => {
  const story = new Story({ updateStrategy: { type: 'OnDelete' } });
  story.settle();
  story.change({ template: template('v2') });
  story.world.deletePod('db-1');
  story.settle();
  assert.equal(story.images(), 'v1,v2,v1');
});

test('one that failed is made anew, and told', () => {
  const story = new Story({ replicas: 1 });
  story.settle();
  story.world.kubelet(story.pods[0]!, 'fail');
  const [action] = story.turn();
  assert.deepEqual(action?.kind === 'deletePod' && action.tell, {
    type: 'Warning',
    reason: 'RecreatingFailedPod',
    message: 'StatefulSet default/db is recreating failed Pod db-0',
  });
  story.settle();
  assert.equal(story.names, 'db-0');
});

test('old versions beyond the limit go', () => {
  const story = new Story({ replicas: 1, revisionHistoryLimit: 1 });
  for (const image of ['v1', 'v2', 'v3', 'v4']) {
    story.change({ template: template(image) });
    story.settle();
  }
  assert.deepEqual(
    story.world.all(CONTROLLER_REVISIONS).map(({ revision }) => revision),
    [3, 4],
  );
});

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('turn' as const), most: fc.constantFrom(1, 2, Infinity) }) },
    { weight: 14, arbitrary: fc.record({ do: fc.constant('kubelet' as const), pod: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('image' as const), to: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('scale' as const), to: fc.nat(4) }) },
  ),
  { minLength: 10, maxLength: 100 },
);

test('any story, with the controller dying anywhere: ordered sets grow behind those that are ready, no more is taken than may be missing; it converges and is idle then', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.constantFrom(undefined, 1, 2), steps, (parallel, maxUnavailable, story) => {
      const rollingUpdate = maxUnavailable === undefined ? {} : { rollingUpdate: { partition: 0, maxUnavailable } };
      const at = new Story({
        podManagementPolicy: parallel ? 'Parallel' : 'OrderedReady',
        updateStrategy: { type: 'RollingUpdate', ...rollingUpdate },
      });
      at.settle();
      at.change({ template: template('next') });
      let isScaled = false;
      for (const step of story) {
        at.world.nowMs += 1_000;
        const before = at.pods;
        const serving = (): number => at.pods.filter((pod) => isActive(pod) && isReady(pod)).length;
        const served = serving();
        if (step.do === 'turn') at.turn(step.most);
        else if (step.do === 'image') at.change({ template: template(`v${step.to}`) });
        else if (step.do === 'scale') {
          at.change({ replicas: step.to });
          isScaled = true;
        } else if (at.pods.length > 0) at.world.kubelet(at.pods[step.pod % at.pods.length]!);
        for (const pod of at.pods) {
          if (parallel || before.some(({ metadata }) => metadata.uid === pod.metadata.uid)) continue;
          const ordinal = ordinalOf(at.set, pod.metadata.name) ?? 0;
          const below = before.filter((other) => (ordinalOf(at.set, other.metadata.name) ?? 0) < ordinal);
          assert.equal(below.filter((other) => isActive(other) && isReady(other)).length, ordinal, 'those below are ready');
        }
        if (!isScaled) assert.ok(serving() >= Math.min(served, 3 - (maxUnavailable ?? 1)));
      }
      at.settle();
      const { replicas = 1, template: last } = at.set.spec;
      assert.equal(at.names, Array.from({ length: replicas }, (_, i) => `db-${i}`).join());
      assert.equal(at.images(), Array(replicas).fill(last.spec.containers[0]?.image).join());
    }),
    { numRuns: 80 },
  );
});
