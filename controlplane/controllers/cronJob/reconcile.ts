/** Makes and removes the jobs of CronJobs, as plan.ts says. */
import type { CronJob } from '#api/kinds/batch/v1.ts';
import { explain } from '#base/errors.ts';
import { isAlreadyExists, isConflict, isNamespaceTerminating, isNotFound } from '#client/errors.ts';
import { regarding, type EventText } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { CRON_JOBS, JOBS } from '../../component/kinds.ts';
import { isControlledBy, KEEPER_INDEXES, keysOfOwner, OWNER } from '../workloads/owners.ts';
import { unlessGone, workloadParts, type Pace } from '../workloads/parts.ts';
import { planCronJob, type CronJobAction } from './plan.ts';

const NAME = 'cronjob-controller';

export function cronJobController(deps: ControllerDeps, { concurrency }: Pace): Controller {
  const crons = deps.informers.for(CRON_JOBS);
  const jobs = deps.informers.for(JOBS, { indexes: KEEPER_INDEXES });
  const { client, events, expectations } = workloadParts(deps, { account: NAME }, [crons, jobs]);
  const cronsClient = client.resource(CRON_JOBS);
  const jobsClient = client.resource(JOBS);
  /** By key: what its events have said, each once. */
  const told = new Map<string, Set<string>>();

  return loopController<CronJob, CronJobAction>({
    name: NAME,
    deps,
    concurrency,
    sources: [source(crons, (key) => [key]), source(jobs, (_, job) => keysOfOwner(CRON_JOBS, job))],
    desired: (key) => crons.get(key),
    plan: (cron, key, nowMs) => {
      const waitMs = expectations.waitMs(key);
      if (cron === undefined) told.delete(key);
      if (cron === undefined || waitMs !== undefined) return { actions: [], ...(waitMs === undefined ? {} : { lookAgainAfterMs: waitMs }) };
      const isTold = (id: string): boolean => told.get(key)?.has(id) === true;
      return planCronJob({ cron, jobs: jobs.by(OWNER, cron.metadata.uid ?? ''), isTold }, nowMs);
    },
    act: async (action, key, signal) => {
      const cron = crons.get(key);
      if (cron === undefined) return;
      const say = (text: EventText): void => events.record(regarding(CRON_JOBS, cron), text);
      switch (action.kind) {
        case 'tell': {
          const ids = told.get(key) ?? new Set();
          told.set(key, ids.add(action.id));
          return say(action.text);
        }
        case 'updateStatus': {
          const written = await cronsClient.updateStatus(action.object, { signal }).catch(unlessGone);
          if (written === undefined) return;
          expectations.written(key, crons, written);
          return action.tell.forEach(say);
        }
        case 'createJob':
          return createJob(key, cron, { action, say }, signal);
        case 'deleteJob': {
          const { name, uid } = action;
          const { namespace = '' } = cron.metadata;
          try {
            await jobsClient.delete({ namespace, name }, { preconditions: { uid }, propagationPolicy: 'Background', signal });
          } catch (err) {
            if (isNotFound(err) || isConflict(err)) return;
            say({ type: 'Warning', reason: 'FailedDelete', message: `Deleted job: ${explain(err)}` });
            throw err;
          }
          expectations.deleted(key, jobs, { metadata: { namespace, name, uid } });
          return say({ type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted job ${name}` });
        }
      }
    },
  });

  interface Making {
    readonly action: CronJobAction & { readonly kind: 'createJob' };
    readonly say: (text: EventText) => void;
  }

  async function createJob(key: string, cron: CronJob, { action: { job }, say }: Making, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '' } = job.metadata;
    try {
      expectations.written(key, jobs, await jobsClient.create(job, { signal }));
      say({ type: 'Normal', reason: 'SuccessfulCreate', message: `Created job ${name}` });
    } catch (err) {
      if (signal.aborted) throw err;
      if (isNamespaceTerminating(err)) return;
      if (isAlreadyExists(err)) {
        const there = await jobsClient.get({ namespace, name }, { signal });
        if (isControlledBy(there, cron)) return expectations.written(key, jobs, there);
      }
      say({ type: 'Warning', reason: 'FailedCreate', message: `Error creating job: ${explain(err)}` });
      throw err;
    }
  }
}
