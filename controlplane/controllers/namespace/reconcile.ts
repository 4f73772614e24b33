/**
 * Empties namespaces that were deleted: their pods first, then everything else, of whatever kind the server has. A namespace goes when
 * nothing is left in it. Until then its status says what keeps it.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Namespace } from '#api/kinds/core/namespace.ts';
import { explain } from '#base/errors.ts';
import { codeOf } from '#base/errors.ts';
import { discover, preferred, type Discovered } from '#client/discovery.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import { objectPath } from '#client/query.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { NAMESPACES, PODS } from '../../component/kinds.ts';
import { FINALIZER, isEmpty, isToEmpty, judge, statusWith, type Outcome, type Remaining } from './plan.ts';

/** Finalizers and grace periods take their time; the end of a pod is told at once. */
const LOOK_MAX_MS = 10_000;
const AT_ONCE = 8;

export function namespaceController(deps: ControllerDeps, { concurrency }: { readonly concurrency: number }): Controller {
  const namespaces = deps.informers.for(NAMESPACES);
  const pods = deps.informers.for(PODS);
  // Source: upstream lets this controller send as much more, because it empties every kind.
  const client = deps.clientAs('namespace-controller', { qps: 20, burst: 100 });
  return loopController<Namespace, { readonly kind: 'empty' }>({
    name: 'namespace-controller',
    deps,
    concurrency,
    retryMaxMs: LOOK_MAX_MS,
    sources: [
      source(namespaces, (key) => [key]),
      {
        informer: pods,
        onKeys: (ring) =>
          void pods.onChange(({ before, after }) => {
            const name = before?.metadata.namespace ?? '';
            if (after === undefined && isToEmpty(namespaces.get(name))) ring(name);
          }),
      },
    ],
    desired: (key) => namespaces.get(key),
    plan: (namespace) => ({ actions: isToEmpty(namespace) ? [{ kind: 'empty' }] : [] }),
    act: async (_, name, signal) => {
      const resource = client.resource(NAMESPACES);
      // As it is now: it may have been finished by another, or made anew under its name.
      const namespace = await resource.get({ name }, { signal }).catch((err: unknown) => {
        if (isNotFound(err)) return undefined;
        throw err;
      });
      if (!isToEmpty(namespace)) return;
      const outcome = await emptyOut(name, signal);
      const status = statusWith(namespace, judge(outcome), deps.clock.nowMs());
      const told = status === undefined ? namespace : await resource.updateStatus({ ...namespace, status }, { signal });
      if (!isEmpty(outcome)) return;
      const finalizers = (told.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
      const body = { ...told, apiVersion: 'v1', kind: 'Namespace', spec: { ...told.spec, finalizers } };
      await client.json('PUT', objectPath(NAMESPACES, { name }, 'finalize'), { body, signal }).catch((err: unknown) => {
        if (!isNotFound(err) && !isConflict(err)) throw err;
      });
    },
  });

  async function emptyOut(namespace: string, signal: AbortSignal): Promise<Outcome> {
    const found = await discover(client, { signal });
    const types = preferred(found, ['delete']).filter(({ namespaced }) => namespaced);
    const isPod = ({ group, plural }: Discovered): boolean => group === '' && plural === 'pods';
    const failed: string[] = [];
    const remaining: Remaining[] = [];
    const sweep = async (of: readonly Discovered[]): Promise<void> => {
      const waiting = [...of];
      const worker = async (): Promise<void> => {
        for (let type = waiting.shift(); type !== undefined; type = waiting.shift()) {
          try {
            remaining.push(await emptyKind(type, namespace, signal));
          } catch (err) {
            signal.throwIfAborted();
            failed.push(`${type.group === '' ? type.version : `${type.group}/${type.version}`}, Resource=${type.plural}: ${explain(err)}`);
          }
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    };
    await sweep(types.filter(isPod));
    // Whoever still runs may need its secrets and policies.
    if (failed.length === 0 && remaining.every(({ count }) => count === 0)) await sweep(types.filter((type) => !isPod(type)));
    return { discoveryFailed: found.failed, failed, remaining };
  }

  async function emptyKind(type: Discovered, namespace: string, signal: AbortSignal): Promise<Remaining> {
    const resource = client.resource<KubeObject>({ ...type, form: 'metadata' });
    const kind = `${type.plural}.${type.group}`;
    const see = async (): Promise<readonly KubeObject[]> => {
      if (!type.verbs.includes('list')) return [];
      const seen: KubeObject[] = [];
      for await (const { items } of resource.pages({ namespace }, { signal })) seen.push(...items);
      return seen;
    };
    let there = await see();
    if (there.length > 0 || !type.verbs.includes('list')) {
      if (type.verbs.includes('deletecollection')) {
        await resource.deleteCollection({ namespace }, { propagationPolicy: 'Background', signal }).catch((err: unknown) => {
          if (!isNotFound(err) && codeOf(err) !== 'MethodNotAllowed') throw err;
        });
      } else {
        for (const { metadata } of there)
          await resource
            .delete({ namespace, name: metadata.name ?? '' }, { propagationPolicy: 'Background', signal })
            .catch((err: unknown) => {
              if (!isNotFound(err)) throw err;
            });
      }
      there = await see();
    }
    const finalizers = new Map<string, number>();
    for (const { metadata } of there) for (const name of metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
    return { kind, count: there.length, finalizers };
  }
}
