/**
 * Keeps the status of quotas: what is limited, and what is used. Admission charges what comes; here what goes is given back.
 * Kinds beside pods, services and claims are followed from when a quota first counts them, by their metadata alone.
 * Units: milliseconds.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { ResourceQuota } from '#api/kinds/core/quota.ts';
import { Backoff } from '#base/backoff.ts';
import { runLoop } from '#base/reconcile.ts';
import { WorkQueue } from '#base/workqueue.ts';
import { discover, preferred, type Discovered } from '#client/discovery.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import { Informer } from '#client/informer.ts';
import { keyOf } from '#client/watch.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { BY_NAMESPACE } from '../endpointSlice/services.ts';
import { PODS, RESOURCE_QUOTAS, SERVICES, VOLUME_CLAIMS } from '../../component/kinds.ts';
import { isOver } from '../workloads/pods.ts';
import { changeOf, kindsOf, usedOf, type Kind } from './plan.ts';

const NAME = 'resourcequota-controller';
/** For so long a smaller use must have been seen unchanged. */
const SURE_MS = 1_000;
const UNKNOWN_KIND_MS = 30_000;

interface Seen {
  readonly quota: ResourceQuota;
  readonly used: Readonly<Record<string, string>>;
  readonly isWhole: boolean;
}

type Action = { readonly kind: 'updateStatus'; readonly quota: ResourceQuota; readonly used: Readonly<Record<string, string>> };
type Indexed = Pick<Informer<KubeObject>, 'by' | 'synced' | 'onChange'>;

export function resourceQuotaController(deps: ControllerDeps, { concurrency }: { readonly concurrency: number }): Controller {
  const { clock, log, informers, queues } = deps;
  const quotas = informers.for(RESOURCE_QUOTAS, { indexes: BY_NAMESPACE });
  const fixed = new Map<string, Indexed>([
    ['/pods', informers.for(PODS, { indexes: BY_NAMESPACE })],
    ['/services', informers.for(SERVICES, { indexes: BY_NAMESPACE })],
    ['/persistentvolumeclaims', informers.for(VOLUME_CLAIMS, { indexes: BY_NAMESPACE })],
  ]);
  const client = deps.clientAs('resourcequota-controller');
  return {
    name: NAME,
    async run(signal) {
      const queue = new WorkQueue(clock, queues?.observer(NAME));
      const ringNamespace = (namespace: string): void => {
        for (const quota of quotas.by('namespace', namespace)) queue.add(keyOf(quota));
      };
      const following: Promise<void>[] = [];
      const follow = (informer: Indexed): void =>
        void informer.onChange(({ before, after }) => {
          // What comes was charged already; what changes is charged where that can be more.
          if (before !== undefined && after !== undefined && !matters(before, after)) return;
          ringNamespace((after ?? before)?.metadata.namespace ?? '');
        });
      const counted = new Map<string, Informer<KubeObject>>();
      const informerOf = async ({ group, plural }: Kind): Promise<Indexed | undefined> => {
        const key = `${group}/${plural}`;
        const there = fixed.get(key) ?? counted.get(key);
        if (there !== undefined) return there;
        const type: Discovered | undefined = preferred(await discover(client, { signal }), ['list', 'watch']).find(
          (t) => t.group === group && t.plural === plural && t.namespaced,
        );
        if (type === undefined) return undefined;
        const known = counted.get(key); // another turn was quicker
        if (known !== undefined) return known;
        const resource = client.resource<KubeObject>({ ...type, form: 'metadata' });
        const transform = ({ metadata: { name, namespace, uid, resourceVersion } }: KubeObject): KubeObject =>
          ({ metadata: { name, namespace, uid, resourceVersion } }) as KubeObject;
        const informer = new Informer<KubeObject>({ source: resource, name: plural, clock, log, indexes: BY_NAMESPACE, transform });
        counted.set(key, informer);
        following.push(informer.run(signal));
        follow(informer);
        return informer;
      };
      quotas.onChange(({ key }) => queue.add(key));
      for (const informer of fixed.values()) follow(informer);
      try {
        await Promise.all([quotas.synced(signal), ...[...fixed.values()].map((informer) => informer.synced(signal))]);
      } catch {
        return; // stopping
      }
      /** A smaller use, and since when it has been seen so. */
      const smaller = new Map<string, { readonly what: string; readonly sinceMs: number }>();
      const isSure = (key: string, { quota, used }: Seen, nowMs: number): number => {
        const what = JSON.stringify([quota.metadata.resourceVersion, used]);
        const found = smaller.get(key);
        if (found?.what !== what) smaller.set(key, { what, sinceMs: nowMs });
        return (found?.what === what ? found.sinceMs : nowMs) + SURE_MS - nowMs;
      };
      await runLoop<string, Seen | undefined, Action>(
        {
          name: NAME,
          desired: (key) => key,
          observe: async (key) => {
            const quota = quotas.get(key);
            if (quota === undefined) return undefined;
            const { namespace = '' } = quota.metadata;
            const found = await Promise.all(
              kindsOf(quota.spec.hard ?? {}).map(async (kind) => {
                const informer = await informerOf(kind);
                await informer?.synced(signal);
                return { kind, of: informer?.by('namespace', namespace) };
              }),
            );
            const whole = found.flatMap(({ kind, of }) => (of === undefined ? [] : [{ kind, of }]));
            return { quota, used: usedOf(quota, whole), isWhole: whole.length === found.length };
          },
          plan: (key = '', seen, nowMs) => {
            if (seen === undefined || seen.quota.metadata.deletionTimestamp !== undefined) return { actions: [] };
            const later = seen.isWhole ? {} : { lookAgainAfterMs: UNKNOWN_KIND_MS };
            const change = changeOf(seen.quota, seen.used);
            if (change !== 'less') smaller.delete(key);
            if (change === 'no') return { actions: [], ...later };
            const waitMs = change === 'less' ? isSure(key, seen, nowMs) : 0;
            if (waitMs > 0) return { actions: [], lookAgainAfterMs: waitMs };
            return { actions: [{ kind: 'updateStatus', quota: seen.quota, used: seen.used }] };
          },
          act: async ({ key, actions, onStep }) => {
            for (const { kind, quota, used } of actions) {
              onStep(kind);
              const status = { ...quota.status, hard: quota.spec.hard ?? {}, used };
              await client
                .resource(RESOURCE_QUOTAS)
                .updateStatus({ ...quota, status }, { signal })
                .catch((err: unknown) => {
                  if (isConflict(err)) return; // it was charged meanwhile, and what is known of it comes
                  if (!isNotFound(err)) throw err;
                });
            }
            smaller.delete(key);
          },
        },
        { queue, clock, log, backoff: new Backoff(500, 10_000), concurrency },
        signal,
      );
      await Promise.all(following);
    },
  };
}

function matters(before: KubeObject, after: KubeObject): boolean {
  const { spec: a } = before as { readonly spec?: unknown };
  const { spec: b } = after as { readonly spec?: unknown };
  return isOver(before as never) !== isOver(after as never) || JSON.stringify(a) !== JSON.stringify(b);
}
