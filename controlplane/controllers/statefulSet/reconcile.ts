/** Keeps the pods and claims of stateful sets, as plan.ts says. */
import { fromLabelSelector } from '#api/labels.ts';
import type { StatefulSet } from '#api/kinds/apps/statefulSet.ts';
import { explain } from '#base/errors.ts';
import { isAlreadyExists, isConflict, isNamespaceTerminating, isNotFound } from '#client/errors.ts';
import { regarding, type EventText } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { CONTROLLER_REVISIONS, PODS, STATEFUL_SETS, VOLUME_CLAIMS } from '../../component/kinds.ts';
import { claim } from '../workloads/claims.ts';
import { KEEPER_INDEXES, ORPHANS, OWNER, OWNER_INDEXES } from '../workloads/owners.ts';
import { ownedSource, unlessGone, workloadParts, type Pace } from '../workloads/parts.ts';
import { RevisionControl } from '../workloads/revisionControl.ts';
import { claimName } from './identity.ts';
import { planStatefulSet, type StatefulSetAction } from './plan.ts';

const NAME = 'statefulset-controller';

export function statefulSetController(deps: ControllerDeps, { concurrency }: Pace): Controller {
  const sets = deps.informers.for(STATEFUL_SETS, { indexes: KEEPER_INDEXES });
  const claims = deps.informers.for(VOLUME_CLAIMS);
  const revisions = deps.informers.for(CONTROLLER_REVISIONS, { indexes: OWNER_INDEXES });
  const { pods, client, events, expectations } = workloadParts(deps, { account: NAME }, [sets, claims, revisions]);
  const setsClient = client.resource(STATEFUL_SETS);
  const podsClient = client.resource(PODS);
  const claimsClient = client.resource(VOLUME_CLAIMS);
  const history = new RevisionControl({ client: client.resource(CONTROLLER_REVISIONS), cache: revisions, expectations });
  const selectorOf = ({ spec }: StatefulSet): ReturnType<typeof fromLabelSelector> => fromLabelSelector(spec.selector);
  const keepers = { type: STATEFUL_SETS, owners: sets, selectorOf };

  return loopController<StatefulSet, StatefulSetAction>({
    name: NAME,
    deps,
    concurrency,
    sources: [
      source(sets, (key) => [key]),
      ownedSource(pods, keepers),
      ownedSource(revisions, keepers),
      // Named after the pod, which is named after the set.
      source(claims, (key) => setsOfClaim(key)),
    ],
    desired: (key) => sets.get(key),
    plan: (set, key, nowMs) => {
      const waitMs = expectations.waitMs(key);
      if (set === undefined || waitMs !== undefined) {
        return { actions: [], ...(waitMs === undefined ? {} : { lookAgainAfterMs: waitMs }) };
      }
      const { uid = '', namespace = '' } = set.metadata;
      return planStatefulSet(
        {
          set,
          owned: pods.by(OWNER, uid),
          orphans: pods.by(ORPHANS, namespace),
          revisions: revisions.by(OWNER, uid),
          claim: (name) => claims.get(`${namespace}/${name}`),
        },
        nowMs,
      );
    },
    act: async (action, key, signal) => {
      const object = sets.get(key);
      if (object === undefined) return;
      const owner = { type: STATEFUL_SETS, object };
      switch (action.kind) {
        case 'adopt':
        case 'release':
          return claim({ key, owner, owners: setsClient, client: podsClient, cache: pods, expectations }, action, signal);
        case 'createRevision':
        case 'renumberRevision':
        case 'deleteRevision': {
          if (!(await history.act(key, owner, action, signal))) return;
          const status = { replicas: 0, ...object.status, collisionCount: (object.status?.collisionCount ?? 0) + 1 };
          return updateStatus(key, { ...object, status }, signal);
        }
        case 'updateStatus':
          return updateStatus(key, action.object, signal);
        default:
          return told(object, action, () => write(key, object, action, signal), signal);
      }
    },
  });

  function setsOfClaim(key: string): readonly string[] {
    const [namespace = '', name = ''] = key.split('/');
    const beforeOrdinal = name.slice(0, Math.max(0, name.lastIndexOf('-')));
    // Both names may have dashes: every set whose name ends it, behind the name of one of its templates.
    const out: string[] = [];
    for (let at = beforeOrdinal.indexOf('-'); at >= 0; at = beforeOrdinal.indexOf('-', at + 1)) {
      const set = sets.get(`${namespace}/${beforeOrdinal.slice(at + 1)}`);
      const template = beforeOrdinal.slice(0, at);
      if (set?.spec.volumeClaimTemplates?.some(({ metadata }) => claimName(metadata.name ?? '', '') === `${template}-`) === true) {
        out.push(`${namespace}/${set.metadata.name ?? ''}`);
      }
    }
    return out;
  }

  async function updateStatus(key: string, object: StatefulSet, signal: AbortSignal): Promise<void> {
    const written = await setsClient.updateStatus(object, { signal }).catch(unlessGone);
    if (written !== undefined) expectations.written(key, sets, written);
  }

  type Writing = Extract<StatefulSetAction, { readonly kind: 'createClaim' | 'updateClaim' | 'createPod' | 'updatePod' | 'deletePod' }>;

  async function write(key: string, { metadata: { namespace = '' } }: StatefulSet, action: Writing, signal: AbortSignal): Promise<void> {
    switch (action.kind) {
      case 'createClaim':
        return expectations.written(key, claims, await claimsClient.create(action.claim, { signal }));
      case 'updateClaim':
        return expectations.written(key, claims, await claimsClient.update(action.claim, { signal }));
      case 'createPod':
        return expectations.written(key, pods, await podsClient.create(action.pod, { signal }));
      case 'updatePod':
        return expectations.written(key, pods, await podsClient.update(action.pod, { signal }));
      case 'deletePod': {
        const { name, uid } = action.pod;
        await podsClient.delete({ namespace, name }, { preconditions: { uid }, signal });
        return expectations.deleted(key, pods, { metadata: { namespace, name, uid } });
      }
    }
  }

  /** Does it, and says in the set's events how it went. */
  async function told(set: StatefulSet, action: Writing, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const say = (text: EventText): void => events.record(regarding(STATEFUL_SETS, set), text);
    const texts = textsOf(action, set.metadata.name ?? '');
    if (action.kind === 'deletePod' && action.tell !== undefined) say(action.tell);
    try {
      await work();
      if (texts !== undefined) say({ type: 'Normal', reason: `Successful${texts.verb}`, message: texts.good });
    } catch (err) {
      if (isNotFound(err) && action.kind === 'deletePod') return;
      if (signal.aborted || isConflict(err) || isAlreadyExists(err)) throw err;
      if (isNamespaceTerminating(err)) return;
      if (texts !== undefined)
        say({ type: 'Warning', reason: `Failed${texts.verb}`, message: `${texts.bad} failed error: ${explain(err)}` });
      throw err;
    }
  }

  function textsOf(action: Writing, set: string): { readonly verb: string; readonly good: string; readonly bad: string } | undefined {
    switch (action.kind) {
      case 'createClaim': {
        const name = action.claim.metadata.name ?? '';
        const good = `create Claim ${name} Pod ${action.pod} in StatefulSet ${set} success`;
        return { verb: 'Create', good, bad: `create Claim ${name} for Pod ${action.pod} in StatefulSet ${set}` };
      }
      case 'updateClaim':
        return undefined;
      case 'createPod':
      case 'updatePod':
      case 'deletePod': {
        const verb = { createPod: 'create', updatePod: 'update', deletePod: 'delete' }[action.kind];
        const name = action.kind === 'deletePod' ? action.pod.name : (action.pod.metadata.name ?? '');
        const what = `${verb} Pod ${name} in StatefulSet ${set}`;
        return { verb: `${verb[0]?.toUpperCase() ?? ''}${verb.slice(1)}`, good: `${what} successful`, bad: what };
      }
    }
  }
}
