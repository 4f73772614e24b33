/**
 * Makes the jobs of a CronJob when they are due, and keeps as many of those that have ended as it says. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: the behaviour of upstream's cron job controller, Kubernetes 1.36.
 * Differs: a job is named after the time it was due, so that one that was made is known by its name; the status follows from that.
 */
import { rfc3339 } from '#api/formats.ts';
import type { CronJob, CronJobStatus, Job } from '#api/kinds/batch/v1.ts';
import type { ObjectReference } from '#api/kinds/core/references.ts';
import { explain } from '#base/errors.ts';
import type { Plan } from '#base/reconcile.ts';
import type { EventText } from '#client/events.ts';
import { endOf } from '../job/plan.ts';
import { CRON_JOBS, JOBS } from '../../component/kinds.ts';
import { controllerReference } from '../workloads/owners.ts';
import { timeMs } from '../workloads/pods.ts';
import { canonical } from '../workloads/template.ts';
import { lastDue, parseSchedule, zonedTime, type Schedule } from './schedule.ts';

const SCHEDULED = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
const TOO_MANY = 100;

export type CronJobAction =
  | { readonly kind: 'createJob'; readonly job: Job }
  | { readonly kind: 'deleteJob'; readonly name: string; readonly uid: string }
  | { readonly kind: 'updateStatus'; readonly object: CronJob; readonly tell: readonly EventText[] }
  /** id: what is told once. */
  | { readonly kind: 'tell'; readonly id: string; readonly text: EventText };

export interface Scheduled {
  readonly cron: CronJob;
  readonly jobs: readonly Job[];
  readonly isTold: (id: string) => boolean;
}

const nameOf = ({ metadata }: Job): string => metadata.name ?? '';
const isGoing = ({ metadata }: Job): boolean => metadata.deletionTimestamp !== undefined;

export function planCronJob(given: Scheduled, nowMs: number): Plan<CronJobAction> {
  const { cron, jobs } = given;
  if (cron.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const { status, tell } = lookedAt(given);
  const due = dueOf(given, status, nowMs);
  const started = due.madeForMs === undefined ? status : { ...status, lastScheduleTime: rfc3339(due.madeForMs) };
  const isNews = canonical(started) !== canonical(cron.status ?? {});
  const actions: CronJobAction[] = [
    ...(isNews ? [{ kind: 'updateStatus' as const, object: { ...cron, status: started }, tell }] : []),
    ...due.actions.filter((action) => action.kind !== 'tell' || !given.isTold(action.id)),
    ...outdated(cron, jobs),
  ];
  return { actions, ...(due.nextMs === undefined ? {} : { lookAgainAfterMs: Math.max(1, due.nextMs - nowMs) }) };
}

/** What has become of the jobs that ran. */
function lookedAt({ cron, jobs }: Scheduled): { readonly status: CronJobStatus; readonly tell: readonly EventText[] } {
  const { active = [], ...rest } = cron.status ?? {};
  const tell: EventText[] = [];
  let { lastSuccessfulTime } = rest;
  const still = active.filter(({ uid, name = '' }) => {
    const job = jobs.find(({ metadata }) => metadata.uid === uid);
    const end = job === undefined ? undefined : endOf(job);
    if (job === undefined) tell.push({ type: 'Normal', reason: 'MissingJob', message: `Active job went missing: ${name}` });
    else if (end !== undefined) {
      tell.push({ type: 'Normal', reason: 'SawCompletedJob', message: `Saw completed job: ${name}, condition: ${end.type}` });
    }
    return job !== undefined && end === undefined;
  });
  for (const job of jobs) {
    const at = endOf(job)?.type === 'Complete' ? job.status?.completionTime : undefined;
    if (at !== undefined && timeMs(at) > timeMs(lastSuccessfulTime)) lastSuccessfulTime = at;
  }
  // One that was made, and whose maker died before it could say so.
  const forgotten = jobs.filter(
    (job) => endOf(job) === undefined && !isGoing(job) && isNamedByTime(cron, job) && !isActive({ active }, job),
  );
  const running = [...still, ...forgotten.map(referenceTo)];
  const status = {
    ...rest,
    ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
    ...(running.length === 0 ? {} : { active: running }),
  };
  return { status, tell };
}

interface DueNow {
  readonly actions: readonly CronJobAction[];
  readonly nextMs?: number | undefined;
  /** The time it was due last, where its job is there. */
  readonly madeForMs?: number;
}

function dueOf({ cron, jobs }: Scheduled, status: CronJobStatus, nowMs: number): DueNow {
  const { spec, metadata } = cron;
  const { uid = '' } = metadata;
  const say = (reason: string, message: string, type: EventText['type'] = 'Warning', when = 0): CronJobAction => ({
    kind: 'tell',
    id: `${uid}\n${reason}\n${message}\n${when}`,
    text: { type, reason, message },
  });
  const unexpected = jobs
    .filter((job) => endOf(job) === undefined && !isGoing(job) && !isActive(status, job) && !isNamedByTime(cron, job))
    .map((job) => say('UnexpectedJob', `Saw a job that the controller did not create or forgot: ${nameOf(job)}`));
  const idle = (actions: readonly CronJobAction[] = [], nextMs?: number): DueNow => ({
    actions: [...unexpected, ...actions],
    nextMs,
  });
  if (spec.suspend === true) return idle();
  let schedule: Schedule;
  try {
    schedule = parseSchedule(spec.schedule, spec.timeZone);
  } catch (err) {
    return idle([
      spec.timeZone === undefined
        ? say('UnparseableSchedule', `unparseable schedule: ${JSON.stringify(spec.schedule)} : ${explain(err)}`)
        : say('UnknownTimeZone', `invalid timeZone: ${JSON.stringify(spec.timeZone)}: ${explain(err)}`),
    ]);
  }
  const nextMs = schedule.next(nowMs);
  const deadlineMs = (spec.startingDeadlineSeconds ?? Infinity) * 1_000;
  const sinceMs = Math.max(timeMs(status.lastScheduleTime ?? metadata.creationTimestamp), nowMs - deadlineMs);
  const { atMs, missed } = lastDue(schedule, sinceMs, nowMs);
  if (atMs === undefined) return idle(missedBy(cron, schedule, status, nowMs, say), nextMs);
  const many =
    missed <= TOO_MANY
      ? []
      : [
          say(
            'TooManyMissedTimes',
            'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
            'Warning',
            atMs,
          ),
        ];
  const job = jobFor(cron, atMs);
  if (jobs.some(({ metadata }) => metadata.name === job.metadata.name)) return { ...idle(many, nextMs), madeForMs: atMs };
  const running = status.active ?? [];
  if (spec.concurrencyPolicy === 'Forbid' && running.length > 0) {
    const text = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    return idle([...many, say('JobAlreadyActive', text, 'Normal', atMs)], nextMs);
  }
  const replaced = spec.concurrencyPolicy !== 'Replace' ? [] : jobs.filter((one) => isActive(status, one) && !isGoing(one)).map(deletion);
  return idle([...many, ...replaced, { kind: 'createJob', job }], nextMs);
}

type Say = (reason: string, message: string, type?: EventText['type'], when?: number) => CronJobAction;

/** It was due, and too long ago to begin now. */
function missedBy(
  { spec, metadata }: CronJob,
  schedule: Schedule,
  status: CronJobStatus,
  nowMs: number,
  say: Say,
): readonly CronJobAction[] {
  if (spec.startingDeadlineSeconds === undefined) return [];
  const { atMs } = lastDue(schedule, timeMs(status.lastScheduleTime ?? metadata.creationTimestamp), nowMs);
  return atMs === undefined
    ? []
    : [say('MissSchedule', `Missed scheduled time to start a job: ${new Date(atMs).toUTCString()}`, 'Warning', atMs)];
}

const isActive = ({ active = [] }: CronJobStatus, { metadata }: Job): boolean => active.some(({ uid }) => uid === metadata.uid);

const isNamedByTime = ({ metadata }: CronJob, job: Job): boolean =>
  nameOf(job).startsWith(`${metadata.name ?? ''}-`) && /^\d+$/.test(nameOf(job).slice((metadata.name ?? '').length + 1));

const referenceTo = ({ metadata: { namespace, name, uid, resourceVersion } }: Job): ObjectReference =>
  ({ apiVersion: JOBS.apiVersion, kind: JOBS.kind, namespace, name, uid, resourceVersion }) as ObjectReference;

function jobFor({ metadata, spec }: CronJob, atMs: number): Job {
  const { labels, annotations } = spec.jobTemplate.metadata ?? {};
  const { namespace } = metadata;
  return {
    metadata: {
      name: `${metadata.name ?? ''}-${Math.floor(atMs / 60_000)}`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [SCHEDULED]: zonedTime(atMs, spec.timeZone) },
      ownerReferences: [controllerReference(CRON_JOBS, { metadata })],
    },
    spec: spec.jobTemplate.spec,
  };
}

const deletion = ({ metadata }: Job): CronJobAction => ({ kind: 'deleteJob', name: metadata.name ?? '', uid: metadata.uid ?? '' });

/** Of those that have ended, the oldest beyond the limits. */
function outdated({ spec, status }: CronJob, jobs: readonly Job[]): readonly CronJobAction[] {
  const last = status?.active ?? [];
  const of = (type: 'Complete' | 'Failed', limit: number | undefined): readonly CronJobAction[] => {
    const ended = jobs.filter((job) => endOf(job)?.type === type && !isGoing(job) && !last.some(({ uid }) => uid === job.metadata.uid));
    const began = ({ status, metadata }: Job): number => timeMs(status?.startTime ?? metadata.creationTimestamp);
    return ended
      .toSorted((a, b) => began(a) - began(b) || (nameOf(a) < nameOf(b) ? -1 : 1))
      .slice(0, limit === undefined ? 0 : Math.max(0, ended.length - limit))
      .map(deletion);
  };
  return [...of('Complete', spec.successfulJobsHistoryLimit), ...of('Failed', spec.failedJobsHistoryLimit)];
}
