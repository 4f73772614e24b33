/**
 * What has come of the pods of a job so far, and what of that the status already says. Pure.
 *
 * A pod that ended keeps a finalizer until it is counted. Its uid goes into the status first, then the finalizer goes, then the number grows
 * and the uid leaves: whoever dies in between, and whatever removes pods, each is counted once.
 * Source: "Job tracking with finalizers" in the Kubernetes docs.
 */
import type { Job } from '#api/kinds/batch/v1.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { isActive, isGoing, isTerminating } from '../workloads/pods.ts';
import { formatIndexes, parseIndexes } from './indexes.ts';
import { endedMs, failuresBefore, ignoredBefore, indexOf, isTracked } from './pods.ts';
import { meaningOf, type Meaning } from './policy.ts';

/** Pods that are counted in one turn at most. */
const MOST_AT_ONCE = 500;

export interface Failed {
  readonly pod: Pod;
  readonly meaning: Meaning;
}

/** How often an index failed, and when last. */
export interface IndexFailures {
  readonly pod: Pod;
  readonly counted: number;
  readonly ignored: number;
  readonly atMs: number;
}

export interface Tally {
  readonly active: readonly Pod[];
  readonly terminating: readonly Pod[];
  /** With all that is about to be counted. */
  readonly succeeded: number;
  readonly failed: number;
  readonly failures: readonly Failed[];
  readonly succeededIndexes: ReadonlySet<number>;
  readonly failedIndexes: ReadonlySet<number>;
  readonly indexFailures: ReadonlyMap<number, IndexFailures>;
  /** For the status. */
  readonly counted: Partial<NonNullable<Job['status']>>;
  /** Whose finalizer goes once the status is written. */
  readonly release: readonly Pod[];
  /** Nothing is left to be counted. */
  readonly isComplete: boolean;
}

export const isIndexed = ({ completionMode }: Job['spec']): boolean => completionMode === 'Indexed';

/** Pods that are told to end are replaced only when they have ended. */
export const waitsForEnd = ({ podReplacementPolicy, podFailurePolicy }: Job['spec']): boolean =>
  podReplacementPolicy === 'Failed' || podFailurePolicy !== undefined;

const phaseOf = ({ status }: Pod): string => status?.phase ?? 'Pending';

export function hasFailed(pod: Pod, spec: Job['spec']): boolean {
  return phaseOf(pod) === 'Failed' || (!waitsForEnd(spec) && isGoing(pod) && phaseOf(pod) !== 'Succeeded');
}

/** isEnding: the job has failed or succeeded, and no index gets another chance. */
export function tallyOf(job: Job, owned: readonly Pod[], { isEnding }: { readonly isEnding: boolean }): Tally {
  const { spec, status = {} } = job;
  const { completions = 0 } = spec;
  const tracked = owned.filter(isTracked);
  const trackedUids = new Set(tracked.map(uidOf));
  const said = { succeeded: status.uncountedTerminatedPods?.succeeded ?? [], failed: status.uncountedTerminatedPods?.failed ?? [] };
  const still = {
    succeeded: said.succeeded.filter((uid) => trackedUids.has(uid)),
    failed: said.failed.filter((uid) => trackedUids.has(uid)),
  };
  const known = new Set([...still.succeeded, ...still.failed]);

  const mine = isIndexed(spec) ? tracked.filter((pod) => indexOf(pod, spec) !== undefined) : tracked;
  const good = mine.filter((pod) => phaseOf(pod) === 'Succeeded' && !known.has(uidOf(pod))).slice(0, MOST_AT_ONCE);
  const failures = mine.filter((pod) => hasFailed(pod, spec)).map((pod): Failed => ({ pod, meaning: meaningOf(pod, spec) }));
  const succeededIndexes = parseIndexes(status.completedIndexes, completions);
  if (isIndexed(spec)) for (const pod of good) succeededIndexes.add(indexOf(pod, spec) ?? 0);
  const indexFailures = spec.backoffLimitPerIndex === undefined ? new Map<number, IndexFailures>() : failuresByIndex(job, owned);
  const failedIndexes = failedOf(job, indexFailures, succeededIndexes);

  const fresh = failures.filter(({ pod }) => !known.has(uidOf(pod))).slice(0, MOST_AT_ONCE);
  const counts = fresh.filter(({ meaning }) => meaning.action !== 'Ignore').map(({ pod }) => pod);
  const isKept = (pod: Pod): boolean => {
    const index = indexOf(pod, spec);
    const last = index === undefined ? undefined : indexFailures.get(index);
    if (index === undefined || last?.pod !== pod || isEnding) return false;
    return !succeededIndexes.has(index) && !failedIndexes.has(index) && !isReplaced(index, last, owned, spec);
  };
  const listed = {
    succeeded: isIndexed(spec) ? [] : [...still.succeeded, ...good.map(uidOf)],
    failed: [...still.failed, ...counts.filter((pod) => !isKept(pod)).map(uidOf)],
  };
  const sure = {
    succeeded: isIndexed(spec) ? succeededIndexes.size : (status.succeeded ?? 0) + said.succeeded.length - still.succeeded.length,
    failed: (status.failed ?? 0) + said.failed.length - still.failed.length,
  };
  const release = [
    ...good,
    ...fresh.map(({ pod }) => pod).filter((pod) => !isKept(pod)),
    ...tracked.filter((pod) => known.has(uidOf(pod))),
    // What has no index of this job is not counted at all.
    ...tracked.filter((pod) => !mine.includes(pod) && (phaseOf(pod) === 'Succeeded' || hasFailed(pod, spec))),
  ];
  return {
    active: owned.filter(isActive),
    terminating: owned.filter(isTerminating),
    succeeded: isIndexed(spec) ? succeededIndexes.size : sure.succeeded + listed.succeeded.length,
    failed: sure.failed + still.failed.length + counts.length,
    failures,
    succeededIndexes,
    failedIndexes,
    indexFailures,
    counted: {
      ...(sure.succeeded === 0 ? {} : { succeeded: sure.succeeded }),
      ...(sure.failed === 0 ? {} : { failed: sure.failed }),
      uncountedTerminatedPods: {
        ...(listed.succeeded.length === 0 ? {} : { succeeded: listed.succeeded }),
        ...(listed.failed.length === 0 ? {} : { failed: listed.failed }),
      },
      ...(succeededIndexes.size === 0 ? {} : { completedIndexes: formatIndexes(succeededIndexes) }),
      ...(spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(failedIndexes) }),
    },
    release,
    isComplete: tracked.length === 0 && listed.succeeded.length === 0 && listed.failed.length === 0,
  };
}

const uidOf = ({ metadata }: Pod): string => metadata.uid ?? '';

/** The last failed pod of each index carries how often the ones before it failed. */
function failuresByIndex({ spec }: Job, owned: readonly Pod[]): ReadonlyMap<number, IndexFailures> {
  const out = new Map<number, IndexFailures>();
  for (const pod of owned) {
    const index = indexOf(pod, spec);
    if (index === undefined || !isTracked(pod) || !hasFailed(pod, spec)) continue;
    const isIgnored = meaningOf(pod, spec).action === 'Ignore';
    const counted = failuresBefore(pod) + (isIgnored ? 0 : 1);
    const ignored = ignoredBefore(pod) + (isIgnored ? 1 : 0);
    const before = out.get(index);
    if (before === undefined || counted + ignored > before.counted + before.ignored)
      out.set(index, { pod, counted, ignored, atMs: endedMs(pod) });
  }
  return out;
}

function failedOf(
  { spec, status }: Job,
  failures: ReadonlyMap<number, IndexFailures>,
  succeeded: ReadonlySet<number>,
): ReadonlySet<number> {
  const out = parseIndexes(status?.failedIndexes, spec.completions ?? 0);
  for (const [index, { pod, counted }] of failures) {
    const isOver = counted > (spec.backoffLimitPerIndex ?? 0) || meaningOf(pod, spec).action === 'FailIndex';
    if (isOver && !succeeded.has(index)) out.add(index);
  }
  return out;
}

function isReplaced(index: number, last: IndexFailures, owned: readonly Pod[], spec: Job['spec']): boolean {
  return owned.some(
    (pod) => indexOf(pod, spec) === index && pod !== last.pod && failuresBefore(pod) + ignoredBefore(pod) >= last.counted + last.ignored,
  );
}
