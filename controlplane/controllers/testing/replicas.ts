/** Lets the plan of a ReplicaSet act in a simulated cluster. */
import type { ReplicaSet } from '#api/kinds/apps/v1.ts';
import { fromLabelSelector } from '#api/labels.ts';
import { PODS, REPLICA_SETS } from '../../component/kinds.ts';
import { planReplicas, type ReplicaSetAction } from '../replicaSet/plan.ts';
import { controllerReference } from '../workloads/owners.ts';
import { podFrom } from '../workloads/template.ts';
import type { World } from './world.ts';

/** One turn; most: how many things are done before the controller dies. Returns what was planned. */
export function turnReplicaSet(world: World, owner: ReplicaSet, most = Infinity): readonly ReplicaSetAction[] {
  const { actions } = planReplicas(
    {
      owner,
      selector: fromLabelSelector(owner.spec.selector),
      owned: world.owned(PODS, owner),
      orphans: world.orphans(PODS),
      related: () => world.all(PODS),
      countsTerminating: true,
    },
    world.nowMs,
  );
  let left = most;
  for (const action of actions) if (left > 0) left -= actReplicaSet(world, owner, action, left);
  return actions;
}

function actReplicaSet(world: World, owner: ReplicaSet, action: ReplicaSetAction, most: number): number {
  switch (action.kind) {
    case 'updateStatus':
      world.set(REPLICA_SETS, action.object as ReplicaSet);
      return 1;
    case 'createPods': {
      const count = Math.min(action.count, most);
      for (let i = 0; i < count; i++) world.add(PODS, podFrom(owner.spec.template, { type: REPLICA_SETS, object: owner }));
      return count;
    }
    case 'deletePods': {
      const pods = action.pods.slice(0, most);
      for (const { name } of pods) world.deletePod(name);
      return pods.length;
    }
    case 'adopt':
    case 'release': {
      const pod = world.get(PODS, `default/${action.name}`);
      if (pod === undefined) return 1;
      const ownerReferences = action.kind === 'adopt' ? [controllerReference(REPLICA_SETS, owner)] : [];
      world.set(PODS, { ...pod, metadata: { ...pod.metadata, ownerReferences } });
      return 1;
    }
  }
}
