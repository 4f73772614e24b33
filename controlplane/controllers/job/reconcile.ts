/** Runs the pods of jobs, as plan.ts says. */
import { fromLabelSelector } from '#api/labels.ts';
import type { Job } from '#api/kinds/batch/v1.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { isConflict } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { JOBS, PODS } from '../../component/kinds.ts';
import { allOf, slowStart } from '../workloads/batches.ts';
import { claim } from '../workloads/claims.ts';
import { controllerOf, KEEPER_INDEXES, keysOfOwner, ORPHANS, OWNER } from '../workloads/owners.ts';
import { ownedSource, unlessGone, workloadParts, type Pace } from '../workloads/parts.ts';
import { podName, type PodName } from '../workloads/podControl.ts';
import { FINALIZER, isTracked, jobPod } from './pods.ts';
import { planJob, type JobAction } from './plan.ts';

const NAME = 'job-controller';
/** Pods that wait to be counted, by the key of the job they name, which may be gone. */
const TRACKED = 'tracked by job';
const byJob = (pod: Pod): readonly string[] => (isTracked(pod) ? keysOfOwner(JOBS, pod) : []);

export function jobController(deps: ControllerDeps, { concurrency }: Pace): Controller {
  const jobs = deps.informers.for(JOBS, { indexes: KEEPER_INDEXES });
  const { pods, client, control, events, expectations } = workloadParts(deps, { account: NAME }, [jobs]);
  pods.addIndexes({ [TRACKED]: byJob });
  const jobsClient = client.resource(JOBS);
  const podsClient = client.resource(PODS);
  const selectorOf = ({ spec }: Job): ReturnType<typeof fromLabelSelector> => fromLabelSelector(spec.selector ?? {});

  /** Nobody will count these any more. */
  const left = (key: string, job: Job | undefined): readonly PodName[] =>
    pods
      .by(TRACKED, key)
      .filter((pod) => controllerOf(pod)?.uid !== job?.metadata.uid)
      .map(podName);

  async function removeFinalizer(key: string, { name, uid }: PodName, signal: AbortSignal): Promise<void> {
    const [namespace] = key.split('/');
    const body = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [FINALIZER] } };
    const written = await podsClient.patch({ namespace, name }, { type: 'strategic', body }, { signal }).catch((err: unknown) => {
      if (!isConflict(err)) return unlessGone(err);
      return undefined; // another pod of that name
    });
    if (written !== undefined) expectations.written(key, pods, written);
  }

  return loopController<Job, JobAction>({
    name: NAME,
    deps,
    concurrency,
    sources: [source(jobs, (key) => [key]), ownedSource(pods, { type: JOBS, owners: jobs, selectorOf })],
    desired: (key) => jobs.get(key),
    plan: (job, key, nowMs) => {
      const waitMs = expectations.waitMs(key);
      if (waitMs !== undefined) return { actions: [], lookAgainAfterMs: waitMs };
      const forgotten = left(key, job);
      if (forgotten.length > 0) return { actions: [{ kind: 'removeFinalizers', pods: forgotten }] };
      if (job === undefined) return { actions: [] };
      const { uid = '', namespace = '' } = job.metadata;
      return planJob({ job, owned: pods.by(OWNER, uid), orphans: pods.by(ORPHANS, namespace) }, nowMs);
    },
    act: async (action, key, signal) => {
      if (action.kind === 'removeFinalizers') return allOf(action.pods.map((pod) => removeFinalizer(key, pod, signal)));
      const object = jobs.get(key);
      if (object === undefined) return;
      const owner = { type: JOBS, object };
      switch (action.kind) {
        case 'adopt':
        case 'release': {
          const by = { key, owner, owners: jobsClient, client: podsClient, cache: pods, expectations, finalizer: FINALIZER };
          return claim(by, action, signal);
        }
        case 'updateStatus': {
          const written = await jobsClient.updateStatus(action.object, { signal }).catch(unlessGone);
          if (written === undefined) return;
          expectations.written(key, jobs, written);
          for (const text of action.tell) events.record(regarding(JOBS, object), text);
          return;
        }
        case 'createPods':
          return slowStart(
            action.slots.map((slot) => jobPod(object, slot)),
            (pod) => control.create(key, owner, pod, signal),
          );
        case 'deletePods':
          return allOf(
            action.pods.map(async (pod) => {
              if (action.uncounted) await removeFinalizer(key, pod, signal);
              await control.delete(key, owner, pod, signal);
            }),
          );
      }
    },
  });
}
