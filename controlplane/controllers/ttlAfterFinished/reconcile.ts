/** Deletes jobs that have ended, when plan.ts says, and their pods before them. */
import type { Job } from '#api/kinds/batch/v1.ts';
import { isConflict } from '#client/errors.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { JOBS } from '../../component/kinds.ts';
import { unlessGone, type Pace } from '../workloads/parts.ts';
import { expiresAtMs } from './plan.ts';

interface Action {
  readonly kind: 'remove';
  readonly uid: string;
  readonly resourceVersion: string;
}

export function ttlAfterFinishedController(deps: ControllerDeps, { concurrency }: Pace): Controller {
  const jobs = deps.informers.for(JOBS);
  const client = deps.clientAs('ttl-after-finished-controller').resource(JOBS);
  return loopController<Job, Action>({
    name: 'ttl-after-finished-controller',
    deps,
    concurrency,
    sources: [source(jobs, (key) => [key])],
    desired: (key) => jobs.get(key),
    plan: (job, _, nowMs) => {
      const atMs = job === undefined ? undefined : expiresAtMs(job);
      if (job === undefined || atMs === undefined) return { actions: [] };
      if (atMs > nowMs) return { actions: [], lookAgainAfterMs: atMs - nowMs };
      const { uid = '', resourceVersion = '' } = job.metadata;
      return { actions: [{ kind: 'remove', uid, resourceVersion }] };
    },
    // Of the version that was decided about: somebody may have given it more time meanwhile.
    act: async ({ uid, resourceVersion }, key, signal) => {
      const [namespace, name = ''] = key.split('/');
      await client
        .delete({ namespace, name }, { preconditions: { uid, resourceVersion }, propagationPolicy: 'Foreground', signal })
        .catch((err: unknown) => {
          if (!isConflict(err)) unlessGone(err);
        });
    },
  });
}
