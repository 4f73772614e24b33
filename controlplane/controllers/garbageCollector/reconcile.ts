/**
 * Deletes what has lost its owners, ends dependents before owners where that was asked for, and leaves them where that was. Whether an owner
 * is there is asked of the server, never concluded from what we happen to know.
 * Units: milliseconds.
 */
import type { KubeObject, OwnerReference } from '#api/kinds/meta/objectMeta.ts';
import { Backoff } from '#base/backoff.ts';
import { runLoop } from '#base/reconcile.ts';
import { WorkQueue } from '#base/workqueue.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import type { ResourceType } from '#client/query.ts';
import { regarding } from '#client/events.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { Graph, isDeletingDependents, isMarked, ownersOf, type Vertex } from './graph.ts';
import { Monitors } from './monitors.ts';
import { planObject, type Action, type ObjectView, type OwnerState } from './plan.ts';

const NAME = 'garbage-collector-controller';
const RETRY_BASE_MS = 100;
const RETRY_MAX_MS = 30_000;
/** An owner that the server has and we have not seen: its end might never be told. */
const UNSEEN_MS = 5_000;
const ABSENT_REMEMBERED = 500;

export function garbageCollectorController(deps: ControllerDeps, { concurrency }: { readonly concurrency: number }): Controller {
  const { clock, log, queues } = deps;
  const client = deps.clientAs('generic-garbage-collector', { qps: 20, burst: 10 });
  const events = deps.eventsOf(NAME, 'generic-garbage-collector');
  const graph = new Graph();
  /** Uids never come back. */
  const absent = new Set<string>();
  return {
    name: NAME,
    async run(signal) {
      const queue = new WorkQueue(clock, queues?.observer(NAME));
      let isComplete = false;
      const monitors = new Monitors({
        client,
        clock,
        log,
        onChange: (type, before, after) => {
          const rung: string[] = [];
          if (before !== undefined && before.metadata.uid !== after?.metadata.uid) rung.push(...graph.remove(before.metadata.uid ?? ''));
          if (after !== undefined) rung.push(...graph.set({ metadata: after.metadata, type: lean(type) }));
          if (isComplete) for (const uid of rung) queue.add(uid);
        },
      });
      const following = monitors.run(signal);
      const begun = monitors.synced(signal).then(
        () => {
          isComplete = true;
          for (const uid of graph.pending()) queue.add(uid);
        },
        () => undefined, // stopping
      );
      const view = async (uid: string, vertex: Vertex): Promise<ObjectView & { readonly isUnseen: boolean }> => {
        const live = await get(vertex.type, vertex, signal);
        const dependents = graph.dependents(uid);
        if (live === undefined || isMarked(live)) return { live, dependents, owners: [], isUnseen: false };
        let isUnseen = false;
        const owners = await Promise.all(
          ownersOf(live).map(async (reference) => {
            const state = await stateOf(reference, live, vertex);
            isUnseen ||= state === 'solid' && graph.get(reference.uid) === undefined && isFollowed(reference);
            return { reference, state };
          }),
        );
        return { live, dependents, owners, isUnseen };
      };
      const get = async (type: ResourceType, { metadata }: KubeObject, call: AbortSignal): Promise<KubeObject | undefined> => {
        const { namespace, name = '', uid } = metadata;
        try {
          const found = await client.resource<KubeObject>({ ...type, form: 'metadata' }).get({ namespace, name }, { signal: call });
          return found.metadata.uid === uid ? found : undefined;
        } catch (err) {
          if (isNotFound(err)) return undefined;
          throw err;
        }
      };
      const isFollowed = ({ apiVersion, kind }: OwnerReference): boolean => {
        const type = monitors.typeOf(apiVersion, kind);
        return type !== undefined && monitors.isFollowed(type);
      };
      const stateOf = async (reference: OwnerReference, item: KubeObject, { type: itemType }: Vertex): Promise<OwnerState> => {
        const { apiVersion, kind, name, uid } = reference;
        if (absent.has(uid)) return 'dangling';
        const type = monitors.typeOf(apiVersion, kind);
        const { namespace } = item.metadata;
        // A kind that nobody serves now may be served again; an object of the whole cluster cannot be owned by one of a namespace.
        if (type === undefined) return 'unclear';
        if (type.namespaced && namespace === undefined) return 'unclear';
        const metadata = { name, uid, ...(type.namespaced && namespace !== undefined ? { namespace } : {}) };
        const owner = await get(type, { metadata }, signal);
        if (owner !== undefined) return isDeletingDependents(owner) ? 'waiting' : 'solid';
        const elsewhere = graph.get(uid)?.metadata.namespace;
        if (elsewhere !== undefined && elsewhere !== namespace) {
          const message = `ownerRef [${apiVersion}/${kind}, namespace: ${namespace ?? ''}, name: ${name}, uid: ${uid}] does not exist in namespace ${JSON.stringify(namespace ?? '')}`;
          events.record(regarding(itemType, item), { type: 'Warning', reason: 'OwnerRefInvalidNamespace', message });
          return 'dangling';
        }
        absent.add(uid);
        for (const oldest of absent) {
          if (absent.size <= ABSENT_REMEMBERED) break;
          absent.delete(oldest);
        }
        return 'dangling';
      };
      const act = async (type: ResourceType, action: Action): Promise<void> => {
        if (action.kind === 'ring') return queue.add(action.uid);
        const { metadata } = action.kind === 'release' ? action.dependent : action.live;
        const { namespace, name = '', uid = '', resourceVersion = '' } = metadata;
        const patch = (of: ResourceType, body: object): Promise<unknown> =>
          client
            .resource<KubeObject>({ ...of, form: 'metadata' })
            .patch({ namespace, name }, { type: 'merge', body: { metadata: { uid, resourceVersion, ...body } } }, { signal });
        switch (action.kind) {
          case 'keepOwners':
            return void (await patch(type, { ownerReferences: action.owners }));
          case 'dropFinalizer':
            return void (await patch(type, { finalizers: orNone((metadata.finalizers ?? []).filter((f) => f !== action.finalizer)) }));
          case 'release': {
            // What we know of it may be old, and it must be let go before its owner goes.
            const vertex = graph.get(uid);
            const dependent = vertex === undefined ? undefined : await get(vertex.type, vertex, signal);
            if (vertex === undefined || dependent === undefined || !ownersOf(dependent).some((owner) => owner.uid === action.owner)) return;
            const ownerReferences = ownersOf(dependent).filter((owner) => owner.uid !== action.owner);
            return void (await patch(vertex.type, {
              ownerReferences: orNone(ownerReferences),
              resourceVersion: dependent.metadata.resourceVersion,
            }));
          }
          case 'delete': {
            // An object that was given another owner, or let go, meanwhile has another version.
            const preconditions = action.policy === 'Foreground' ? { uid } : { uid, resourceVersion };
            await client
              .resource<KubeObject>(type)
              .delete({ namespace, name }, { preconditions, propagationPolicy: action.policy, signal });
          }
        }
      };
      await Promise.all([
        following,
        begun,
        runLoop<Vertex, (ObjectView & { readonly isUnseen: boolean }) | undefined, Action>(
          {
            name: NAME,
            desired: (uid) => graph.get(uid),
            observe: async (uid) => {
              // A kind that came later is being read.
              if (!monitors.isSynced) await monitors.synced(signal);
              const vertex = graph.get(uid);
              return vertex === undefined ? undefined : view(uid, vertex);
            },
            plan: (_, seen) => ({
              actions: seen === undefined ? [] : planObject(seen),
              ...(seen?.isUnseen === true ? { lookAgainAfterMs: UNSEEN_MS } : {}),
            }),
            act: async ({ key, desired, actions, onStep }) => {
              if (desired === undefined) return;
              for (const action of actions) {
                onStep(action.kind);
                try {
                  await act(desired.type, action);
                } catch (err) {
                  if (isConflict(err)) return queue.add(key); // it is another now, and what follows may not hold
                  if (!isNotFound(err)) throw err;
                }
              }
            },
          },
          { queue, clock, log, backoff: new Backoff(RETRY_BASE_MS, RETRY_MAX_MS), concurrency },
          signal,
        ),
      ]);
    },
  };
}

/** In a patch null takes the field away. */
const orNone = <T>(list: readonly T[]): readonly T[] | null => (list.length === 0 ? null : list);

const kinds = new Map<string, ResourceType>();

/** One for all objects of a kind. */
function lean({ apiVersion, kind, plural, namespaced }: ResourceType): ResourceType {
  const key = `${apiVersion}/${plural}`;
  const known = kinds.get(key) ?? { apiVersion, kind, plural, namespaced };
  kinds.set(key, known);
  return known;
}
