import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Job } from '#api/kinds/batch/v1.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { JOBS, PODS } from '../../component/kinds.ts';
import { turnJob } from '../testing/jobs.ts';
import { World } from '../testing/world.ts';
import { isActive } from '../workloads/pods.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import { planJob } from './plan.ts';
import { indexOf, isTracked } from './pods.ts';
import { earlySuccess, meaningOf } from './policy.ts';
import { hasFailed } from './tally.ts';

type Spec = Partial<Job['spec']>;
const labels = { job: 'j' };

class Story {
  readonly world = new World();
  constructor(spec: Spec = {}) {
    this.world.add(JOBS, {
      metadata: { name: 'j', namespace: 'default' },
      spec: {
        parallelism: 1,
        completions: 1,
        backoffLimit: 6,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'i' }], restartPolicy: 'Never' } },
        ...spec,
      },
    });
  }
  get job(): Job {
    return this.world.get(JOBS, 'default/j')!;
  }
  get pods(): readonly Pod[] {
    return this.world.owned(PODS, this.job);
  }
  get active(): readonly Pod[] {
    return this.pods.filter(isActive);
  }
  get conditions(): string {
    return (this.job.status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`).join(', ');
  }
  set(spec: Spec): void {
    this.world.set(JOBS, { ...this.job, spec: { ...this.job.spec, ...spec } });
  }
  /** Runs until nothing changes, with time passing; pods end as told. */
  run(end: (pod: Pod) => 'succeed' | 'fail' | 'on', rounds = 100): void {
    for (let i = 0; i < rounds; i++) {
      turnJob(this.world, this.job);
      for (const pod of this.pods) {
        const wasRunning = pod.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined;
        this.world.kubelet(pod, wasRunning ? end(pod) : 'on');
      }
      this.world.nowMs += 60_000;
    }
    assert.deepEqual(turnJob(this.world, this.job), [], 'it is idle');
  }
  idle(): void {
    for (let i = 0; i < 20; i++) turnJob(this.world, this.job);
    assert.deepEqual(turnJob(this.world, this.job), []);
  }
}

test('three of five, two at once, one of which fails and is tried again', () => {
  const story = new Story({ completions: 5, parallelism: 2 });
  let failures = 1;
  story.run(() => (failures-- > 0 ? 'fail' : 'succeed'));
  assert.equal(story.conditions, 'SuccessCriteriaMet=True CompletionsReached, Complete=True CompletionsReached');
  const { conditions: _, startTime, completionTime, ...rest } = story.job.status ?? {};
  assert.deepEqual(rest, { succeeded: 5, failed: 1, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
  assert.ok(startTime !== undefined && completionTime !== undefined && startTime < completionTime);
  assert.deepEqual(story.pods.filter(isTracked), []);
});

test('too many failures: it fails when its last pod has ended, and says so before', () => {
  const story = new Story({ completions: 4, parallelism: 3, backoffLimit: 1 });
  story.idle();
  for (let i = 0; i < 2; i++) for (const pod of story.pods) story.world.kubelet(pod);
  for (const pod of story.pods.slice(0, 2)) story.world.kubelet(pod, 'fail');
  turnJob(story.world, story.job);
  assert.equal(story.conditions, 'FailureTarget=True BackoffLimitExceeded');
  assert.deepEqual(story.active, []);
  story.run(() => 'succeed', 5);
  assert.equal(story.conditions, 'FailureTarget=True BackoffLimitExceeded, Failed=True BackoffLimitExceeded');
  assert.equal(story.job.status?.failed, 3, 'the one that was ended counts');
});

test('after a failure the next pod waits 10 s, then 20 s, also when the controller is another one', () => {
  const story = new Story();
  for (const waitS of [10, 20, 40]) {
    story.idle();
    for (let i = 0; i < 2; i++) for (const pod of story.active) story.world.kubelet(pod);
    for (const pod of story.active) story.world.kubelet(pod, 'fail');
    story.idle();
    assert.deepEqual(story.active, []);
    const { lookAgainAfterMs } = planJob({ job: story.job, owned: story.pods, orphans: [] }, story.world.nowMs);
    assert.equal(lookAgainAfterMs, waitS * 1_000);
    story.world.nowMs += waitS * 1_000;
  }
});

test('indexes: each pod knows its own, and is made once', () => {
  const story = new Story({ completionMode: 'Indexed', completions: 4, parallelism: 3 });
  turnJob(story.world, story.job);
  const [first] = story.pods;
  assert.deepEqual(
    story.pods.map((pod) => indexOf(pod, story.job.spec)),
    [0, 1, 2],
  );
  assert.equal(first?.spec.hostname, 'j-0');
  assert.equal(first?.metadata.generateName, 'j-0-');
  assert.equal(first?.metadata.labels?.['batch.kubernetes.io/job-completion-index'], '0');
  assert.deepEqual(first?.spec.containers[0]?.env, [
    {
      name: 'JOB_COMPLETION_INDEX',
      valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" } },
    },
  ]);
  story.run(() => 'succeed');
  assert.equal(story.job.status?.completedIndexes, '0-3');
});

test('limits of each index: one that fails too often is given up, the others go on', () => {
  const story = new Story({
    completionMode: 'Indexed',
    completions: 3,
    parallelism: 3,
    backoffLimit: 2_147_483_647,
    backoffLimitPerIndex: 1,
  });
  story.run((pod) => (indexOf(pod, story.job.spec) === 1 ? 'fail' : 'succeed'));
  assert.equal(story.conditions, 'FailureTarget=True FailedIndexes, Failed=True FailedIndexes');
  const { completedIndexes, failedIndexes, failed, succeeded } = story.job.status ?? {};
  assert.deepEqual([completedIndexes, failedIndexes, failed, succeeded], ['0,2', '1', 2, 2]);
});

test('more failed indexes than allowed end the job', () => {
  const story = new Story({
    completionMode: 'Indexed',
    completions: 4,
    parallelism: 4,
    backoffLimit: 99,
    backoffLimitPerIndex: 0,
    maxFailedIndexes: 1,
  });
  story.run((pod) => ((indexOf(pod, story.job.spec) ?? 0) < 2 ? 'fail' : 'on'));
  assert.match(story.conditions, /^FailureTarget=True MaxFailedIndexesExceeded, Failed=True MaxFailedIndexesExceeded$/);
});

test('the success policy ends it early, and the rest of its pods', () => {
  const story = new Story({
    completionMode: 'Indexed',
    completions: 3,
    parallelism: 3,
    successPolicy: { rules: [{ succeededIndexes: '0' }] },
  });
  story.run((pod) => (indexOf(pod, story.job.spec) === 0 ? 'succeed' : 'on'));
  assert.equal(story.conditions, 'SuccessCriteriaMet=True SuccessPolicy, Complete=True SuccessPolicy');
  assert.equal(story.job.status?.succeeded, 1);
});

test('suspended: its pods go and do not count as failed; resumed: it begins anew', () => {
  const story = new Story({ completions: 2, parallelism: 2 });
  story.idle();
  story.set({ suspend: true });
  story.run(() => 'on', 5);
  assert.deepEqual(story.active, []);
  assert.equal(story.conditions, 'Suspended=True JobSuspended');
  assert.equal(story.job.status?.failed, undefined);
  story.set({ suspend: false });
  const before = story.job.status?.startTime ?? '';
  story.run(() => 'succeed');
  assert.match(story.conditions, /^Suspended=False JobResumed, SuccessCriteriaMet=True CompletionsReached, Complete=True/);
  assert.ok((story.job.status?.startTime ?? '') > before);
});

test('a deadline', () => {
  const story = new Story({ activeDeadlineSeconds: 90 });
  story.idle();
  const { lookAgainAfterMs } = planJob({ job: story.job, owned: story.pods, orphans: [] }, story.world.nowMs);
  assert.equal(lookAgainAfterMs, 90_000);
  story.run(() => 'on', 10);
  assert.match(story.conditions, /^FailureTarget=True DeadlineExceeded, Failed=True DeadlineExceeded$/);
});

test('fewer at once: the surplus goes, and does not count', () => {
  const story = new Story({ completions: 6, parallelism: 4 });
  story.idle();
  story.set({ parallelism: 1 });
  story.idle();
  assert.equal(story.active.length, 1);
  story.run(() => 'succeed');
  assert.deepEqual([story.job.status?.succeeded, story.job.status?.failed], [6, undefined]);
});

test('of another controller: nothing is done', () => {
  const story = new Story({ managedBy: 'example.com/mine' });
  assert.deepEqual(turnJob(story.world, story.job), []);
});

const failed = (exitCode: number): Pod => ({
  metadata: { name: 'p', namespace: 'default' },
  spec: { containers: [] },
  status: {
    phase: 'Failed',
    conditions: [{ type: 'DisruptionTarget', status: 'True' }],
    containerStatuses: [{ name: 'main', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode } } }],
  },
});
const template = { metadata: {}, spec: { containers: [] } };
for (const [name, rule, action, message] of [
  [
    'an exit code that is meant',
    { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
    'FailJob',
    'Container main for pod default/p failed with exit code 42 matching FailJob rule at index 0',
  ],
  ['another exit code', { action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } }, 'Count', ''],
  ['another container', { action: 'FailJob', onExitCodes: { containerName: 'x', operator: 'In', values: [42] } }, 'Count', ''],
  [
    'a disruption',
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    'Ignore',
    'Pod default/p has condition DisruptionTarget matching Ignore rule at index 0',
  ],
] as const)
  test(`failure policy: ${name}`, () =>
    assert.deepEqual(meaningOf(failed(42), { template, podFailurePolicy: { rules: [rule] } }), { action, message }));

for (const [rule, indexes, said] of [
  [{ succeededCount: 2 }, [0, 1], 'Matched rules at index 0'],
  [{ succeededIndexes: '1-2' }, [0, 1], undefined],
  [{ succeededIndexes: '1-2', succeededCount: 1 }, [1], 'Matched rules at index 0'],
] as const)
  test(`success policy: ${JSON.stringify(rule)} with ${indexes.join()}`, () =>
    assert.equal(earlySuccess({ template, completions: 5, successPolicy: { rules: [rule] } }, new Set(indexes)), said));

test('indexes are written and read back', () => {
  assert.equal(formatIndexes(new Set([7, 1, 2, 3, 5, 6])), '1-3,5-7');
  assert.equal(formatIndexes(new Set([1, 2])), '1,2');
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(50)), (all) =>
      assert.deepEqual(parseIndexes(formatIndexes(new Set(all)), 51), new Set(all.toSorted((a, b) => a - b))),
    ),
  );
});

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('turn' as const), most: fc.constantFrom(1, 2, 3, Infinity) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('kubelet' as const),
        pod: fc.nat(9),
        how: fc.constantFrom('on' as const, 'on' as const, 'succeed' as const, 'fail' as const),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('parallelism' as const), to: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('suspend' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), pod: fc.nat(9) }) },
  ),
  { maxLength: 60 },
);

test('any story, with the controller dying anywhere: every pod counts once, none is made twice, and the job ends', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), steps, (indexed, waits, story) => {
      const at = new Story({
        completions: 4,
        parallelism: 2,
        backoffLimit: 1_000,
        completionMode: indexed ? 'Indexed' : 'NonIndexed',
        podReplacementPolicy: waits ? 'Failed' : 'TerminatingOrFailed',
      });
      const succeeded = new Set<string>();
      const failed = new Set<string>();
      let most = 2;
      const look = (): void => {
        for (const pod of at.pods)
          if (pod.status?.phase === 'Succeeded' && isTracked(pod))
            succeeded.add(indexed ? String(indexOf(pod, at.job.spec)) : (pod.metadata.uid ?? ''));
        for (const pod of at.pods) if (hasFailed(pod, at.job.spec) && isTracked(pod)) failed.add(pod.metadata.uid ?? '');
        assert.ok(at.active.length <= most, `${at.active.length} run, ${most} at most`);
        if (indexed) assert.equal(new Set(at.active.map((pod) => indexOf(pod, at.job.spec))).size, at.active.length, 'no index twice');
        assert.ok((at.job.status?.succeeded ?? 0) <= succeeded.size);
        assert.ok((at.job.status?.failed ?? 0) <= failed.size);
      };
      for (const step of story) {
        at.world.nowMs += 5_000;
        const pod = 'pod' in step && at.pods.length > 0 ? at.pods[step.pod % at.pods.length] : undefined;
        if (step.do === 'turn') turnJob(at.world, at.job, step.most);
        else if (step.do === 'parallelism') {
          at.set({ parallelism: step.to });
          most = Math.max(most, step.to);
        } else if (step.do === 'suspend') at.set({ suspend: at.job.spec.suspend !== true });
        else if (pod === undefined) continue;
        else if (step.do === 'kubelet') at.world.kubelet(pod, pod.status?.phase === 'Running' ? step.how : 'on');
        else at.world.deletePod(pod.metadata.name ?? '');
        look();
      }
      at.set({ suspend: false, parallelism: 2 });
      most = Math.max(most, 2);
      for (let i = 0; i < 200; i++) {
        turnJob(at.world, at.job, i < 100 ? 1 + (i % 3) : Infinity);
        look();
        for (const pod of at.pods) at.world.kubelet(pod, pod.status?.phase === 'Running' ? 'succeed' : 'on');
        look();
        at.world.nowMs += 600_000;
      }
      assert.match(at.conditions, /Complete=True CompletionsReached/);
      assert.equal(at.job.status?.succeeded, succeeded.size);
      assert.equal(at.job.status?.failed ?? 0, failed.size);
      assert.deepEqual(turnJob(at.world, at.job), []);
      assert.deepEqual(at.pods.filter(isTracked), []);
    }),
    { numRuns: 100 },
  );
});
