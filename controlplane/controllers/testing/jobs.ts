/** Lets the plan of a job act in a simulated cluster. */
import type { Job } from '#api/kinds/batch/v1.ts';
import { planJob, type JobAction } from '../job/plan.ts';
import { FINALIZER, jobPod } from '../job/pods.ts';
import { JOBS, PODS } from '../../component/kinds.ts';
import { controllerReference } from '../workloads/owners.ts';
import type { World } from './world.ts';

/** One turn; most: how many single things are done before the controller dies. Returns what was planned. */
export function turnJob(world: World, job: Job, most = Infinity): readonly JobAction[] {
  const { actions } = planJob({ job, owned: world.owned(PODS, job), orphans: world.orphans(PODS) }, world.nowMs);
  const steps = actions.flatMap((action) => stepsOf(world, job, action));
  for (const step of steps.slice(0, most)) step();
  return actions;
}

function stepsOf(world: World, job: Job, action: JobAction): readonly (() => void)[] {
  switch (action.kind) {
    case 'updateStatus':
      return [() => void world.set(JOBS, action.object)];
    case 'removeFinalizers':
      return action.pods.map(
        ({ name }) =>
          () =>
            untrack(world, name),
      );
    case 'createPods':
      return action.slots.map((slot) => () => void world.add(PODS, jobPod(job, slot)));
    case 'deletePods':
      return action.pods.flatMap(({ name }) => [...(action.uncounted ? [() => untrack(world, name)] : []), () => world.deletePod(name)]);
    case 'adopt':
    case 'release':
      return [
        () => {
          const pod = world.get(PODS, `default/${action.name}`);
          if (pod === undefined) return;
          const isAdopted = action.kind === 'adopt';
          const ownerReferences = isAdopted ? [controllerReference(JOBS, job)] : [];
          world.set(PODS, { ...pod, metadata: { ...pod.metadata, ownerReferences, finalizers: isAdopted ? [FINALIZER] : [] } });
        },
      ];
  }
}

function untrack(world: World, name: string): void {
  const pod = world.get(PODS, `default/${name}`);
  if (pod === undefined) return;
  const finalizers = pod.metadata.finalizers?.filter((finalizer) => finalizer !== FINALIZER) ?? [];
  const next = world.set(PODS, { ...pod, metadata: { ...pod.metadata, finalizers } });
  const isOver = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
  if (pod.metadata.deletionTimestamp !== undefined && (isOver || pod.spec.nodeName === undefined)) world.kubelet(next);
}
