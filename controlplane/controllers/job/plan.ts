/**
 * Runs the pods of a job until enough have succeeded or too many have failed. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: the behaviour of upstream's job controller, Kubernetes 1.36: conditions, reasons, messages; 10 s of delay after a failure,
 * doubled with each up to 10 minutes; a final condition comes when the last pod has ended.
 * Differs: delays follow from the pods that failed, not from what the process remembers, so they hold over restarts.
 */
import { rfc3339 } from '#api/formats.ts';
import { fromLabelSelector } from '#api/labels.ts';
import type { Job, JobCondition, JobStatus } from '#api/kinds/batch/v1.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Plan } from '#base/reconcile.ts';
import type { EventText } from '#client/events.ts';
import { planClaims, type ClaimAction } from '../workloads/owners.ts';
import { podName, type PodName } from '../workloads/podControl.ts';
import { isGoing, isReady, rankForDeletion, timeMs } from '../workloads/pods.ts';
import { canonical } from '../workloads/template.ts';
import { endedMs, indexOf, isTracked, restartsOf, type Slot } from './pods.ts';
import { earlySuccess } from './policy.ts';
import { hasFailed, isIndexed, tallyOf, waitsForEnd, type Tally } from './tally.ts';

export const CONTROLLER = 'kubernetes.io/job-controller';
/** Most pods that are made or deleted in one turn. */
const BURST = 500;
const FIRST_DELAY_MS = 10_000;
const LONGEST_DELAY_MS = 600_000;

export type JobAction =
  | ClaimAction
  | { readonly kind: 'updateStatus'; readonly object: Job; readonly tell: readonly EventText[] }
  /** They are counted, or do not count. */
  | { readonly kind: 'removeFinalizers'; readonly pods: readonly PodName[] }
  /** uncounted: they are not to be counted as failed. */
  | { readonly kind: 'deletePods'; readonly pods: readonly PodName[]; readonly uncounted: boolean }
  | { readonly kind: 'createPods'; readonly slots: readonly Slot[] };

export interface JobPods {
  readonly job: Job;
  readonly owned: readonly Pod[];
  readonly orphans: readonly Pod[];
}

const isTrue = ({ status }: JobCondition): boolean => status === 'True';
export const endOf = ({ status }: Job): JobCondition | undefined =>
  status?.conditions?.find((condition) => (condition.type === 'Complete' || condition.type === 'Failed') && isTrue(condition));

/** How a job ends, before it has ended. */
interface Verdict {
  readonly type: 'Complete' | 'Failed';
  readonly reason: string;
  readonly message: string;
}

export function planJob({ job, owned, orphans }: JobPods, nowMs: number): Plan<JobAction> {
  const { spec } = job;
  if (spec.managedBy !== undefined && spec.managedBy !== CONTROLLER) return { actions: [] };
  if (endOf(job) !== undefined) return { actions: released(owned.filter(isTracked)) };
  const claims = planClaims({ owner: job, selector: fromLabelSelector(spec.selector ?? {}), owned, orphans });
  if (claims.length > 0) return { actions: claims };
  const first = tallyOf(job, owned, { isEnding: false });
  const verdict = verdictOf(job, first, nowMs);
  const tally = verdict === undefined ? first : tallyOf(job, owned, { isEnding: true });
  const { status, tell } = statusOf(job, tally, verdict, nowMs);
  const isNews = canonical(status) !== canonical(job.status ?? {});
  const managed = manage({ job, tally, verdict, owned, nowMs });
  const deadline = deadlineMs(job, status);
  const waits = [managed.lookAgainAfterMs, deadline === undefined || verdict !== undefined ? undefined : deadline - nowMs].filter(
    (ms) => ms !== undefined,
  );
  return {
    actions: [
      ...(isNews ? [{ kind: 'updateStatus' as const, object: { ...job, status }, tell }] : []),
      ...released(tally.release),
      ...managed.actions,
    ],
    ...(waits.length === 0 ? {} : { lookAgainAfterMs: Math.max(1, Math.min(...waits)) }),
  };
}

const released = (pods: readonly Pod[]): readonly JobAction[] =>
  pods.length === 0 ? [] : [{ kind: 'removeFinalizers', pods: pods.map(podName) }];

function verdictOf(job: Job, tally: Tally, nowMs: number): Verdict | undefined {
  const { spec, status } = job;
  for (const { type, status: holds, reason = '', message = '' } of status?.conditions ?? []) {
    if (holds === 'True' && type === 'FailureTarget') return { type: 'Failed', reason, message };
    if (holds === 'True' && type === 'SuccessCriteriaMet') return { type: 'Complete', reason, message };
  }
  const failed = (reason: string, message: string): Verdict => ({ type: 'Failed', reason, message });
  const fatal = tally.failures.find(({ meaning }) => meaning.action === 'FailJob');
  if (fatal !== undefined) return failed('PodFailurePolicy', fatal.meaning.message);
  const limit = spec.backoffLimit ?? 6;
  const restarts = spec.template.spec.restartPolicy === 'OnFailure' ? restartsOf(tally.active) : 0;
  if (tally.failed > limit || (restarts > 0 && restarts >= limit)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const dueMs = deadlineMs(job, status ?? {});
  if (dueMs !== undefined && nowMs >= dueMs) return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  if (isIndexed(spec) && spec.backoffLimitPerIndex !== undefined) {
    if (spec.maxFailedIndexes !== undefined && tally.failedIndexes.size > spec.maxFailedIndexes) {
      return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
    }
    if (tally.failedIndexes.size > 0 && tally.failedIndexes.size + tally.succeededIndexes.size >= (spec.completions ?? 0)) {
      return failed('FailedIndexes', 'Job has failed indexes');
    }
  }
  const early = earlySuccess(spec, tally.succeededIndexes);
  if (early !== undefined) return { type: 'Complete', reason: 'SuccessPolicy', message: early };
  const isDone = spec.completions === undefined ? tally.succeeded > 0 : tally.succeeded >= spec.completions;
  if (!isDone || tally.active.length > 0) return undefined;
  return { type: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' };
}

function deadlineMs({ spec }: Job, { startTime }: JobStatus): number | undefined {
  const { activeDeadlineSeconds, suspend = false } = spec;
  if (activeDeadlineSeconds === undefined || startTime === undefined || suspend) return undefined;
  return timeMs(startTime) + activeDeadlineSeconds * 1_000;
}

interface Said {
  readonly status: JobStatus;
  readonly tell: readonly EventText[];
}

function statusOf(job: Job, tally: Tally, verdict: Verdict | undefined, nowMs: number): Said {
  const { spec, status: old = {} } = job;
  const now = rfc3339(nowMs);
  const isSuspended = spec.suspend === true;
  const tell: EventText[] = [];
  let conditions = old.conditions ?? [];
  const say = (type: JobCondition['type'], status: 'True' | 'False', reason: string, message: string): void => {
    const said: JobCondition = { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message };
    conditions = [...conditions.filter((condition) => condition.type !== type), said];
  };
  const has = (type: JobCondition['type'], status: string): boolean => conditions.some((c) => c.type === type && c.status === status);
  let startTime = old.startTime ?? (isSuspended ? undefined : now);
  if (verdict === undefined && isSuspended && !has('Suspended', 'True')) {
    say('Suspended', 'True', 'JobSuspended', 'Job suspended');
    tell.push({ type: 'Normal', reason: 'Suspended', message: 'Job suspended' });
  }
  if (verdict === undefined && !isSuspended && has('Suspended', 'True')) {
    say('Suspended', 'False', 'JobResumed', 'Job resumed');
    tell.push({ type: 'Normal', reason: 'Resumed', message: 'Job resumed' });
    startTime = now;
  }
  let completionTime = old.completionTime;
  if (verdict !== undefined) {
    const { type, reason, message } = verdict;
    const target = type === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet';
    if (!has(target, 'True')) say(target, 'True', reason, message);
    if (tally.isComplete && tally.active.length === 0 && tally.terminating.length === 0) {
      say(type, 'True', reason, message);
      if (type === 'Complete') completionTime = now;
      tell.push(
        type === 'Complete' ? { type: 'Normal', reason: 'Completed', message: 'Job completed' } : { type: 'Warning', reason, message },
      );
    }
  }
  const status: JobStatus = {
    ...tally.counted,
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...(tally.active.length === 0 ? {} : { active: tally.active.length }),
    terminating: tally.terminating.length,
    ready: tally.active.filter(isReady).length,
  };
  return { status, tell };
}

interface Managing {
  readonly job: Job;
  readonly tally: Tally;
  readonly verdict: Verdict | undefined;
  readonly owned: readonly Pod[];
  readonly nowMs: number;
}

function manage({ job, tally, verdict, owned, nowMs }: Managing): Plan<JobAction> {
  const { spec, metadata } = job;
  const { active, terminating, succeeded } = tally;
  if (verdict !== undefined) return deletion(active, false);
  if (metadata.deletionTimestamp !== undefined) return { actions: [] };
  if (spec.suspend === true) return deletion(active, true);
  const parallelism = spec.parallelism ?? 1;
  const left =
    spec.completions === undefined
      ? succeeded > 0
        ? active.length
        : parallelism
      : spec.completions - succeeded - tally.failedIndexes.size;
  const wanted = Math.max(0, Math.min(parallelism, left));
  const wrong = isIndexed(spec) ? misplaced(active, spec, nowMs) : [];
  const surplus = Math.max(0, active.length - wrong.length - wanted);
  const ranked = rankForDeletion(
    active.filter((pod) => !wrong.includes(pod)),
    { nowMs, related: [] },
  );
  const goes = [...wrong, ...ranked.slice(0, surplus)].slice(0, BURST);
  if (goes.length > 0) return deletion(goes, true);
  const ending = waitsForEnd(spec) ? terminating.length : 0;
  const missing = Math.min(wanted - active.length - ending, BURST);
  if (missing <= 0) return { actions: [] };
  if (spec.backoffLimitPerIndex !== undefined) return slotsWithLimits(job, tally, missing, nowMs);
  const waitMs = delayMs(owned, spec, nowMs);
  if (waitMs > 0) return { actions: [], lookAgainAfterMs: waitMs };
  const slots = isIndexed(spec)
    ? freeIndexes(job, tally, missing).map((index) => ({ index }))
    : Array.from({ length: missing }, () => ({}));
  return { actions: slots.length === 0 ? [] : [{ kind: 'createPods', slots }] };
}

function deletion(pods: readonly Pod[], uncounted: boolean): Plan<JobAction> {
  return { actions: pods.length === 0 ? [] : [{ kind: 'deletePods', pods: pods.map(podName), uncounted }] };
}

/** Pods without an index of the job, and all but the best of each index. */
function misplaced(active: readonly Pod[], spec: Job['spec'], nowMs: number): readonly Pod[] {
  const seen = new Set<number>();
  return rankForDeletion(active, { nowMs, related: [] })
    .toReversed()
    .filter((pod) => {
      const index = indexOf(pod, spec);
      if (index === undefined || seen.has(index)) return true;
      seen.add(index);
      return false;
    });
}

function freeIndexes({ spec }: Job, tally: Tally, most: number): readonly number[] {
  const held = waitsForEnd(spec) ? [...tally.active, ...tally.terminating] : tally.active;
  const taken = new Set(held.map((pod) => indexOf(pod, spec)));
  const out: number[] = [];
  for (let i = 0; i < (spec.completions ?? 0) && out.length < most; i++) {
    if (!taken.has(i) && !tally.succeededIndexes.has(i) && !tally.failedIndexes.has(i)) out.push(i);
  }
  return out;
}

/** Each index waits for its own failures alone. */
function slotsWithLimits(job: Job, tally: Tally, most: number, nowMs: number): Plan<JobAction> {
  const slots: Slot[] = [];
  const waits: number[] = [];
  for (const index of freeIndexes(job, tally, Infinity)) {
    const failures = tally.indexFailures.get(index);
    const { counted = 0, ignored = 0, atMs = 0 } = failures ?? {};
    const waitMs = failures === undefined ? 0 : atMs + delayAfter(counted + ignored) - nowMs;
    if (waitMs > 0) waits.push(waitMs);
    else if (slots.length < most) slots.push({ index, failures: counted, ignored });
  }
  return {
    actions: slots.length === 0 ? [] : [{ kind: 'createPods', slots }],
    ...(waits.length === 0 ? {} : { lookAgainAfterMs: Math.min(...waits) }),
  };
}

const delayAfter = (failures: number): number => Math.min(FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 20), LONGEST_DELAY_MS);

/** How long nothing is made after failures in a row. Pods that we took away ourselves did not fail. */
function delayMs(owned: readonly Pod[], spec: Job['spec'], nowMs: number): number {
  const ended = (pods: readonly Pod[]): number => Math.max(0, ...pods.map(endedMs));
  const successMs = ended(owned.filter(({ status }) => status?.phase === 'Succeeded'));
  const failed = owned.filter((pod) => hasFailed(pod, spec) && (isTracked(pod) || !isGoing(pod)) && endedMs(pod) > successMs);
  return failed.length === 0 ? 0 : ended(failed) + delayAfter(failed.length) - nowMs;
}
