/** Keeps daemons on their nodes, as plan.ts says. */
import { fromLabelSelector } from '#api/labels.ts';
import type { DaemonSet } from '#api/kinds/apps/v1.ts';
import type { Node } from '#api/kinds/core/node.ts';
import { regarding } from '#client/events.ts';
import type { Informer } from '#client/informer.ts';
import { loopController, source, type Controller, type ControllerDeps, type Source } from '../controller.ts';
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from '../../component/kinds.ts';
import { allOf, slowStart } from '../workloads/batches.ts';
import { claim } from '../workloads/claims.ts';
import { KEEPER_INDEXES, ORPHANS, OWNER, OWNER_INDEXES } from '../workloads/owners.ts';
import { ownedSource, unlessGone, workloadParts, type Pace } from '../workloads/parts.ts';
import { RevisionControl } from '../workloads/revisionControl.ts';
import { canonical } from '../workloads/template.ts';
import { NodeFailures } from './failures.ts';
import { daemonPod } from './nodes.ts';
import { planDaemonSet, type DaemonSetAction } from './plan.ts';

const NAME = 'daemonset-controller';
const ACCOUNT = 'daemon-set-controller';

export function daemonSetController(deps: ControllerDeps, { concurrency }: Pace): Controller {
  const sets = deps.informers.for(DAEMON_SETS, { indexes: KEEPER_INDEXES });
  const nodes = deps.informers.for(NODES);
  const revisions = deps.informers.for(CONTROLLER_REVISIONS, { indexes: OWNER_INDEXES });
  const { pods, client, control, events, expectations } = workloadParts(deps, { account: ACCOUNT, component: NAME }, [sets, revisions]);
  const setsClient = client.resource(DAEMON_SETS);
  const podsClient = client.resource(PODS);
  const history = new RevisionControl({ client: client.resource(CONTROLLER_REVISIONS), cache: revisions, expectations });
  const failures = new NodeFailures(deps.clock);
  const selectorOf = ({ spec }: DaemonSet): ReturnType<typeof fromLabelSelector> => fromLabelSelector(spec.selector);
  const keepers = { type: DAEMON_SETS, owners: sets, selectorOf };

  return loopController<DaemonSet, DaemonSetAction>({
    name: NAME,
    deps,
    concurrency,
    sources: [source(sets, (key) => [key]), ownedSource(pods, keepers), ownedSource(revisions, keepers), nodeSource(nodes, sets)],
    desired: (key) => sets.get(key),
    plan: (set, key, nowMs) => {
      const waitMs = expectations.waitMs(key);
      if (set === undefined || waitMs !== undefined) {
        return { actions: [], ...(waitMs === undefined ? {} : { lookAgainAfterMs: waitMs }) };
      }
      const { uid = '', namespace = '' } = set.metadata;
      return planDaemonSet(
        {
          set,
          nodes: [...nodes.values()],
          owned: pods.by(OWNER, uid),
          orphans: pods.by(ORPHANS, namespace),
          revisions: revisions.by(OWNER, uid),
          failedWaitMs: (node) => failures.waitMs(`${uid}/${node}`),
        },
        nowMs,
      );
    },
    act: async (action, key, signal) => {
      const object = sets.get(key);
      if (object === undefined) return;
      const owner = { type: DAEMON_SETS, object };
      switch (action.kind) {
        case 'adopt':
        case 'release':
          return claim({ key, owner, owners: setsClient, client: podsClient, cache: pods, expectations }, action, signal);
        case 'createRevision':
        case 'renumberRevision':
        case 'deleteRevision': {
          const isTaken = await history.act(key, owner, action, signal);
          const collisionCount = (object.status?.collisionCount ?? 0) + 1;
          return isTaken && object.status !== undefined
            ? updateStatus(key, { ...object, status: { ...object.status, collisionCount } }, signal)
            : undefined;
        }
        case 'deletePods':
          for (const text of action.tell) events.record(regarding(DAEMON_SETS, object), text);
          for (const node of action.failedOn) failures.failed(`${object.metadata.uid ?? ''}/${node}`);
          return allOf(action.pods.map((pod) => control.delete(key, owner, pod, signal)));
        case 'createPods':
          return slowStart(
            action.nodes.map((node) => daemonPod(object, node, action.hash)),
            (pod) => control.create(key, owner, pod, signal),
          );
        case 'updateStatus':
          return updateStatus(key, action.object, signal);
      }
    },
  });

  async function updateStatus(key: string, object: DaemonSet, signal: AbortSignal): Promise<void> {
    const written = await setsClient.updateStatus(object, { signal }).catch(unlessGone);
    if (written !== undefined) expectations.written(key, sets, written);
  }
}

/** Every set looks again when a node comes, goes, or is another one for those who choose by it; not when it says that it is alive. */
function nodeSource(nodes: Informer<Node>, sets: Informer<DaemonSet>): Source {
  const facts = (node: Node | undefined): string =>
    node === undefined ? '' : canonical([node.metadata.name, node.metadata.labels, node.spec?.taints]);
  return {
    informer: nodes,
    onKeys: (ring) =>
      void nodes.onChange(({ before, after }) => {
        if (facts(before) !== facts(after)) for (const key of sets.keys()) ring(key);
      }),
  };
}
