/** Lets the plan of a deployment act in a simulated cluster. */
import type { Deployment } from '#api/kinds/apps/v1.ts';
import { planDeployment, type DeploymentAction } from '../deployment/plan.ts';
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../../component/kinds.ts';
import { controllerReference } from '../workloads/owners.ts';
import type { World } from './world.ts';

/** One turn; most: how many things are done before the controller dies. Returns what was planned. */
export function turnDeployment(world: World, deployment: Deployment, most = Infinity): readonly DeploymentAction[] {
  const { actions } = planDeployment(
    {
      deployment,
      owned: world.owned(REPLICA_SETS, deployment),
      orphans: world.orphans(REPLICA_SETS),
      podsOf: (set) => world.owned(PODS, set),
    },
    world.nowMs,
  );
  for (const action of actions.slice(0, most)) actDeployment(world, deployment, action, most);
  return actions;
}

function actDeployment(world: World, deployment: Deployment, action: DeploymentAction, most: number): void {
  switch (action.kind) {
    case 'createSet':
      world.add(REPLICA_SETS, action.set);
      if (most > 1) world.set(DEPLOYMENTS, action.made);
      return;
    case 'updateSet':
      return void world.set(REPLICA_SETS, action.set);
    case 'deleteSet':
      return world.remove(REPLICA_SETS, `default/${action.name}`);
    case 'updateStatus':
      return void world.set(DEPLOYMENTS, action.object);
    case 'adopt':
    case 'release': {
      const set = world.get(REPLICA_SETS, `default/${action.name}`);
      if (set === undefined) return;
      const ownerReferences = action.kind === 'adopt' ? [controllerReference(DEPLOYMENTS, deployment)] : [];
      world.set(REPLICA_SETS, { ...set, metadata: { ...set.metadata, ownerReferences } });
    }
  }
}
