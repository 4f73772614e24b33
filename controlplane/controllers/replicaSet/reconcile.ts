/** Keeps the pods of ReplicaSets and ReplicationControllers, as plan.ts says. */
import { fromLabelSelector, fromMap, type Selector } from '#api/labels.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { explain } from '#base/errors.ts';
import type { ResourceType } from '#client/query.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { PODS, REPLICATION_CONTROLLERS, REPLICA_SETS } from '../../component/kinds.ts';
import { allOf, slowStart } from '../workloads/batches.ts';
import { claim } from '../workloads/claims.ts';
import { controllerOf, KEEPER_INDEXES, ORPHANS, OWNER } from '../workloads/owners.ts';
import { podFrom, type Owned } from '../workloads/template.ts';
import { ownedSource, unlessGone, workloadParts, type Pace } from '../workloads/parts.ts';
import { planReplicas, type ReplicaSetAction, type Replicated } from './plan.ts';

interface Kept<T extends Replicated> extends Pace {
  /** Of the loop: as in --controllers. */
  readonly name: string;
  /** Of the service account, and as it signs events. */
  readonly account: string;
  readonly type: ResourceType<T>;
  readonly selectorOf: (object: T) => Selector;
  readonly countsTerminating: boolean;
}

export function replicaSetController(deps: ControllerDeps, { concurrency }: Pace): Controller {
  return controllerOfReplicas(deps, {
    name: 'replicaset-controller',
    account: 'replicaset-controller',
    type: REPLICA_SETS,
    selectorOf: ({ spec }) => fromLabelSelector(spec.selector),
    countsTerminating: true,
    concurrency,
  });
}

export function replicationController(deps: ControllerDeps, { concurrency }: Pace): Controller {
  return controllerOfReplicas(deps, {
    name: 'replicationcontroller-controller',
    account: 'replication-controller',
    type: REPLICATION_CONTROLLERS,
    selectorOf: ({ spec }) => fromMap(spec.selector),
    countsTerminating: false,
    concurrency,
  });
}

function controllerOfReplicas<T extends Replicated>(deps: ControllerDeps, kept: Kept<T>): Controller {
  const { name, account, type, selectorOf, countsTerminating, concurrency } = kept;
  const owners = deps.informers.for(type, { indexes: KEEPER_INDEXES });
  const { pods, client, control, expectations } = workloadParts(deps, { account }, [owners]);
  const ownersClient = client.resource(type);
  const podsClient = client.resource(PODS);
  /** What did not work in the last turn of a key, for its status. */
  const failures = new Map<string, string>();

  const relatedTo = (owner: T): readonly Pod[] => {
    const uid = controllerOf(owner)?.uid;
    const family: readonly KubeObject[] = uid === undefined ? [owner] : owners.by(OWNER, uid);
    return family.flatMap(({ metadata }) => pods.by(OWNER, metadata.uid ?? ''));
  };

  return loopController<T, ReplicaSetAction>({
    name,
    deps,
    concurrency,
    sources: [source(owners, (key) => [key]), ownedSource(pods, { type, owners, selectorOf })],
    desired: (key) => owners.get(key),
    plan: (owner, key, nowMs) => {
      const waitMs = expectations.waitMs(key);
      if (owner === undefined) failures.delete(key);
      if (owner === undefined || waitMs !== undefined)
        return { actions: [], ...(waitMs === undefined ? {} : { lookAgainAfterMs: waitMs }) };
      return planReplicas(
        {
          owner,
          selector: selectorOf(owner),
          owned: pods.by(OWNER, owner.metadata.uid ?? ''),
          orphans: pods.by(ORPHANS, owner.metadata.namespace ?? ''),
          related: () => relatedTo(owner),
          failure: failures.get(key),
          countsTerminating,
        },
        nowMs,
      );
    },
    act: async (action, key, signal) => {
      const object = owners.get(key);
      if (object === undefined) return;
      const owner: Owned = { type, object };
      switch (action.kind) {
        case 'adopt':
        case 'release':
          return claim({ key, owner, owners: ownersClient, client: podsClient, cache: pods, expectations }, action, signal);
        case 'updateStatus': {
          const written = await ownersClient.updateStatus(action.object as T, { signal }).catch(unlessGone);
          if (written !== undefined) expectations.written(key, owners, written);
          return;
        }
        case 'createPods': {
          const { template } = object.spec;
          if (template === undefined) return;
          const made = Array.from({ length: action.count }, () => podFrom(template, owner));
          return remember(
            key,
            slowStart(made, (pod) => control.create(key, owner, pod, signal)),
          );
        }
        case 'deletePods':
          return remember(key, allOf(action.pods.map((pod) => control.delete(key, owner, pod, signal))));
      }
    },
  });

  async function remember(key: string, work: Promise<void>): Promise<void> {
    try {
      await work;
      failures.delete(key);
    } catch (err) {
      failures.set(key, explain(err));
      throw err;
    }
  }
}
