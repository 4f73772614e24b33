import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CronJob, Job } from '#api/kinds/batch/v1.ts';
import { rfc3339 } from '#api/formats.ts';
import { CRON_JOBS, JOBS } from '../../component/kinds.ts';
import { START_MS, World } from '../testing/world.ts';
import { planCronJob, type CronJobAction } from './plan.ts';

type Spec = Partial<CronJob['spec']>;
const MINUTE = 60_000;

class Story {
  readonly world = new World();
  readonly told: string[] = [];
  readonly #ids = new Set<string>();
  constructor(spec: Spec = {}) {
    this.world.add(CRON_JOBS, {
      metadata: { name: 'tick', namespace: 'default' },
      spec: {
        schedule: '*/5 * * * *',
        timeZone: 'UTC',
        concurrencyPolicy: 'Allow',
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1,
        jobTemplate: { metadata: { labels: { a: 'b' } }, spec: { template: { metadata: {}, spec: { containers: [] } } } },
        ...spec,
      },
    });
  }
  get cron(): CronJob {
    return this.world.get(CRON_JOBS, 'default/tick')!;
  }
  get jobs(): readonly Job[] {
    return this.world.owned(JOBS, this.cron);
  }
  get plan(): ReturnType<typeof planCronJob> {
    return planCronJob({ cron: this.cron, jobs: this.jobs, isTold: (id) => this.#ids.has(id) }, this.world.nowMs);
  }
  change(spec: Spec): void {
    this.world.set(CRON_JOBS, { ...this.cron, spec: { ...this.cron.spec, ...spec } });
  }
  turn(most = Infinity): readonly CronJobAction[] {
    const { actions } = this.plan;
    for (const action of actions.slice(0, most)) this.#act(action);
    return actions;
  }
  #act(action: CronJobAction): void {
    switch (action.kind) {
      case 'createJob':
        return void this.world.add(JOBS, action.job);
      case 'deleteJob':
        return this.world.remove(JOBS, `default/${action.name}`);
      case 'updateStatus':
        this.told.push(...action.tell.map(({ reason, message }) => `${reason} ${message}`));
        return void this.world.set(CRON_JOBS, action.object);
      case 'tell':
        this.#ids.add(action.id);
        this.told.push(`${action.text.reason} ${action.text.message}`);
    }
  }
  idle(): void {
    for (let i = 0; i < 8; i++) this.turn();
    assert.deepEqual(this.turn(), []);
  }
  at(minutes: number): this {
    this.world.nowMs = START_MS + minutes * MINUTE;
    return this;
  }
  end(job: Job, type: 'Complete' | 'Failed'): void {
    const time = rfc3339(this.world.nowMs);
    const conditions = [{ type, status: 'True' as const, lastTransitionTime: time }];
    this.world.set(JOBS, { ...job, status: { startTime: job.metadata.creationTimestamp ?? time, completionTime: time, conditions } });
  }
}

test('a job when it is due, named after that time, and looked at when it is due next', () => {
  const story = new Story({ timeZone: 'Asia/Seoul' });
  assert.deepEqual(story.plan, { actions: [], lookAgainAfterMs: 5 * MINUTE });
  story.at(6).idle();
  const [job, more] = story.jobs;
  assert.equal(more, undefined);
  assert.equal(job?.metadata.name, `tick-${START_MS / MINUTE + 5}`);
  assert.equal(job?.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'], '2026-01-01T09:05:00+09:00');
  assert.deepEqual(job?.metadata.labels, { a: 'b' });
  assert.equal(story.cron.status?.lastScheduleTime, '2026-01-01T00:05:00Z');
  assert.deepEqual(
    story.cron.status?.active?.map(({ name }) => name),
    [job?.metadata.name],
  );
  assert.equal(story.plan.lookAgainAfterMs, 4 * MINUTE);
});

test('what ended is told and leaves the active ones', () => {
  const story = new Story();
  story.at(5).idle();
  story.at(6).end(story.jobs[0]!, 'Complete');
  story.idle();
  assert.deepEqual(story.told, [`SawCompletedJob Saw completed job: ${story.jobs[0]?.metadata.name}, condition: Complete`]);
  assert.deepEqual([story.cron.status?.active, story.cron.status?.lastSuccessfulTime], [undefined, '2026-01-01T00:06:00Z']);
});

for (const [policy, names, said] of [
  ['Allow', [5, 10], ''],
  ['Forbid', [5], 'JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid'],
  ['Replace', [10], 'MissingJob'],
] as const)
  test(`concurrency ${policy}`, () => {
    const story = new Story({ concurrencyPolicy: policy });
    story.at(5).idle();
    story.at(10).idle();
    assert.deepEqual(
      story.jobs.map(({ metadata }) => Number(metadata.name?.slice(5)) - START_MS / MINUTE),
      names,
    );
    assert.ok(story.told.join('\n').startsWith(said), story.told.join('\n'));
  });

test('Forbid: it starts late, when the one before has ended, and once', () => {
  const story = new Story({ concurrencyPolicy: 'Forbid' });
  story.at(5).idle();
  story.at(10).idle();
  story.at(12).end(story.jobs[0]!, 'Failed');
  story.idle();
  assert.equal(story.jobs.length, 2);
  assert.equal(story.cron.status?.lastScheduleTime, '2026-01-01T00:10:00Z');
});

test('suspended: nothing; resumed: the last one that was due', () => {
  const story = new Story({ suspend: true });
  story.at(32).idle();
  assert.deepEqual(story.jobs, []);
  story.change({ suspend: false });
  story.idle();
  assert.equal(story.cron.status?.lastScheduleTime, '2026-01-01T00:30:00Z');
  assert.equal(story.jobs.length, 1);
});

test('too late to start: it is told, and the next time counts', () => {
  const story = new Story({ startingDeadlineSeconds: 60 });
  story.at(8).idle();
  assert.deepEqual(story.jobs, []);
  assert.match(story.told[0] ?? '', /^MissSchedule Missed scheduled time to start a job: Thu, 01 Jan 2026 00:05:00/);
  story.at(10).idle();
  assert.equal(story.jobs.length, 1);
});

test('more than a hundred missed: it is told, and the last one starts', () => {
  const story = new Story({ schedule: '* * * * *' });
  story.at(500).idle();
  assert.equal(story.jobs.length, 1);
  assert.match(story.told[0] ?? '', /^TooManyMissedTimes too many missed start times/);
});

test('of those that have ended as many stay as it says', () => {
  const story = new Story({ successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 0 });
  for (let i = 1; i <= 5; i++) {
    story.at(i * 5).idle();
    for (const job of story.jobs) if (job.status === undefined) story.end(job, i === 5 ? 'Failed' : 'Complete');
    story.idle();
  }
  assert.deepEqual(
    story.jobs.map(({ metadata }) => Number(metadata.name?.slice(5)) - START_MS / MINUTE),
    [15, 20],
  );
});

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('turn' as const), most: fc.constantFrom(1, 2, Infinity) }),
    fc.record({ do: fc.constant('time' as const), minutes: fc.nat(9) }),
    fc.record({ do: fc.constant('end' as const), job: fc.nat(5), how: fc.constantFrom('Complete' as const, 'Failed' as const) }),
  ),
  { maxLength: 60 },
);

test('any story, with the controller dying anywhere: no time starts twice, Forbid and Replace leave one, and it is idle then', () => {
  fc.assert(
    fc.property(fc.constantFrom('Allow' as const, 'Forbid' as const, 'Replace' as const), steps, (concurrencyPolicy, story) => {
      const at = new Story({ concurrencyPolicy });
      const seen = new Map<string, string>();
      for (const step of story) {
        if (step.do === 'turn') at.turn(step.most);
        else if (step.do === 'time') at.world.nowMs += step.minutes * MINUTE;
        else if (at.jobs.length > 0) {
          const job = at.jobs[step.job % at.jobs.length]!;
          if (job.status === undefined) at.end(job, step.how);
        }
        for (const { metadata } of at.jobs) {
          assert.equal(seen.get(metadata.name!) ?? metadata.uid, metadata.uid, 'no time starts twice');
          seen.set(metadata.name!, metadata.uid!);
        }
        if (concurrencyPolicy !== 'Allow') assert.ok(at.jobs.filter(({ status }) => status === undefined).length <= 1);
      }
      at.idle();
    }),
    { numRuns: 150 },
  );
});
