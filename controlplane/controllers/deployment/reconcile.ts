/** Rolls deployments out, as plan.ts says. */
import { fromLabelSelector } from '#api/labels.ts';
import type { Deployment, ReplicaSet } from '#api/kinds/apps/v1.ts';
import { explain } from '#base/errors.ts';
import { isAlreadyExists, isConflict, isNamespaceTerminating } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { DEPLOYMENTS, REPLICA_SETS } from '../../component/kinds.ts';
import { claim } from '../workloads/claims.ts';
import { controllerOf, isControlledBy, KEEPER_INDEXES, ORPHANS, OWNER } from '../workloads/owners.ts';
import { ownedSource, unlessGone, workloadParts, type Pace } from '../workloads/parts.ts';
import { saysTheSame } from '../workloads/template.ts';
import { HASH_LABEL, planDeployment, type DeploymentAction } from './plan.ts';
import { hasDeadline, progressing, withCondition } from './status.ts';

const NAME = 'deployment-controller';

export function deploymentController(deps: ControllerDeps, { concurrency }: Pace): Controller {
  const deployments = deps.informers.for(DEPLOYMENTS, { indexes: KEEPER_INDEXES });
  const sets = deps.informers.for(REPLICA_SETS, { indexes: KEEPER_INDEXES });
  const { pods, client, events, expectations } = workloadParts(deps, { account: NAME }, [deployments, sets]);
  const deploymentsClient = client.resource(DEPLOYMENTS);
  const setsClient = client.resource(REPLICA_SETS);
  const selectorOf = ({ spec }: Deployment): ReturnType<typeof fromLabelSelector> => fromLabelSelector(spec.selector);

  const updateStatus = async (key: string, object: Deployment, signal: AbortSignal): Promise<void> => {
    const written = await deploymentsClient.updateStatus(object, { signal }).catch(unlessGone);
    if (written !== undefined) expectations.written(key, deployments, written);
  };
  const tellScaled = (deployment: Deployment, set: string, [from, to]: readonly [number, number]): void => {
    const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${set} from ${from} to ${to}`;
    events.record(regarding(DEPLOYMENTS, deployment), { type: 'Normal', reason: 'ScalingReplicaSet', message });
  };

  /** The name is taken: by ourselves, where the informer is behind, or by something else, and the next name is tried. */
  async function settleCollision(key: string, { made, set }: DeploymentAction & { kind: 'createSet' }, signal: AbortSignal): Promise<void> {
    const { namespace, name = '' } = set.metadata;
    const there = await setsClient.get({ namespace, name }, { signal });
    if (isControlledBy(there, made) && saysTheSame(there.spec.template, set.spec.template, HASH_LABEL)) {
      return expectations.written(key, sets, there);
    }
    const current = deployments.get(key);
    if (current === undefined) return;
    const collisionCount = (current.status?.collisionCount ?? 0) + 1;
    await updateStatus(key, { ...current, status: { ...current.status, collisionCount } }, signal);
  }

  async function createSet(key: string, action: DeploymentAction & { kind: 'createSet' }, signal: AbortSignal): Promise<void> {
    const { set, made } = action;
    try {
      const there = await setsClient.create(set, { signal });
      expectations.written(key, sets, there);
      const { replicas = 0 } = there.spec;
      if (replicas > 0) tellScaled(made, there.metadata.name ?? '', [0, replicas]);
    } catch (err) {
      if (isAlreadyExists(err)) return settleCollision(key, action, signal);
      if (signal.aborted) throw err;
      if (isNamespaceTerminating(err)) return;
      const message = `Failed to create new replica set ${JSON.stringify(set.metadata.name ?? '')}: ${explain(err)}`;
      events.record(regarding(DEPLOYMENTS, made), { type: 'Warning', reason: 'ReplicaSetCreateError', message });
      await sayNotMade(key, message, signal);
      throw err;
    }
    await updateStatus(key, made, signal);
  }

  async function sayNotMade(key: string, message: string, signal: AbortSignal): Promise<void> {
    const current = deployments.get(key);
    if (current === undefined || !hasDeadline(current)) return;
    const before = current.status?.conditions ?? [];
    const conditions = withCondition(before, progressing('False', 'ReplicaSetCreateError', message), deps.clock.nowMs());
    if (conditions !== before) await updateStatus(key, { ...current, status: { ...current.status, conditions } }, signal);
  }

  async function updateSet(key: string, set: ReplicaSet, from: number, signal: AbortSignal): Promise<void> {
    expectations.written(key, sets, await setsClient.update(set, { signal }));
    const to = set.spec.replicas ?? 0;
    const deployment = deployments.get(key);
    if (to !== from && deployment !== undefined) tellScaled(deployment, set.metadata.name ?? '', [from, to]);
  }

  return loopController<Deployment, DeploymentAction>({
    name: NAME,
    deps,
    concurrency,
    sources: [
      source(deployments, (key) => [key]),
      ownedSource(sets, { type: DEPLOYMENTS, owners: deployments, selectorOf }),
      // For those that wait until the last pod of an old version is gone.
      source(pods, (_, pod) => {
        const owner = pod === undefined ? undefined : controllerOf(pod);
        const set = owner?.kind === 'ReplicaSet' ? sets.get(`${pod?.metadata.namespace ?? ''}/${owner.name}`) : undefined;
        const above = set === undefined ? undefined : controllerOf(set);
        const key = `${set?.metadata.namespace ?? ''}/${above?.name ?? ''}`;
        return deployments.get(key)?.spec.strategy?.type === 'Recreate' ? [key] : [];
      }),
    ],
    desired: (key) => deployments.get(key),
    plan: (deployment, key, nowMs) => {
      const waitMs = expectations.waitMs(key);
      if (deployment === undefined || waitMs !== undefined) {
        return { actions: [], ...(waitMs === undefined ? {} : { lookAgainAfterMs: waitMs }) };
      }
      return planDeployment(
        {
          deployment,
          owned: sets.by(OWNER, deployment.metadata.uid ?? ''),
          orphans: sets.by(ORPHANS, deployment.metadata.namespace ?? ''),
          podsOf: ({ metadata }) => pods.by(OWNER, metadata.uid ?? ''),
        },
        nowMs,
      );
    },
    act: async (action, key, signal) => {
      const object = deployments.get(key);
      if (object === undefined) return;
      switch (action.kind) {
        case 'adopt':
        case 'release': {
          const owner = { type: DEPLOYMENTS, object };
          return claim({ key, owner, owners: deploymentsClient, client: setsClient, cache: sets, expectations }, action, signal);
        }
        case 'createSet':
          return createSet(key, action, signal);
        case 'updateSet':
          return updateSet(key, action.set, action.from, signal);
        case 'updateStatus':
          return updateStatus(key, action.object, signal);
        case 'deleteSet': {
          const { name, uid } = action;
          const { namespace = '' } = object.metadata;
          await setsClient.delete({ namespace, name }, { preconditions: { uid }, signal }).catch((err: unknown) => {
            if (!isConflict(err)) unlessGone(err);
          });
          return expectations.deleted(key, sets, { metadata: { namespace, name, uid } });
        }
      }
    },
  });
}
