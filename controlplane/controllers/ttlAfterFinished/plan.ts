/** When a job that has ended goes. Pure. Units: milliseconds since the Unix epoch. Source: spec.ttlSecondsAfterFinished of the Kubernetes API. */
import type { Job } from '#api/kinds/batch/v1.ts';
import { endOf } from '../job/plan.ts';
import { timeMs } from '../workloads/pods.ts';

/** undefined: it stays. */
export function expiresAtMs(job: Job): number | undefined {
  const end = endOf(job);
  const { ttlSecondsAfterFinished } = job.spec;
  if (end?.lastTransitionTime === undefined || ttlSecondsAfterFinished === undefined) return undefined;
  if (job.metadata.deletionTimestamp !== undefined) return undefined;
  return timeMs(end.lastTransitionTime) + ttlSecondsAfterFinished * 1_000;
}
