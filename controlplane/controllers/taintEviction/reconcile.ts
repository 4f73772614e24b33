/** Deletes pods that do not bear the NoExecute taints of their node, when their time is over. Units: milliseconds. */
import { rfc3339 } from '#api/formats.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { isNotFound } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { BY_NODE } from '../endpointSlice/services.ts';
import { NODES, PODS } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import { DISRUPTED, leavesAtMs } from './plan.ts';

const NAME = 'taint-eviction-controller';

export function taintEvictionController(deps: ControllerDeps): Controller {
  const nodes = deps.informers.for(NODES);
  const pods = deps.informers.for(PODS, { indexes: BY_NODE });
  const client = deps.clientAs(NAME).resource(PODS);
  const events = deps.eventsOf(NAME, NAME);
  const expectations = new Expectations(deps.clock, [pods]);
  /** Pods that were told to leave later. */
  const waiting = new Map<string, number>();
  return loopController<Pod, { readonly kind: 'evict'; readonly pod: Pod }>({
    name: NAME,
    deps,
    expectations,
    sources: [
      source(pods, (key) => [key]),
      {
        informer: nodes,
        onKeys: (ring) =>
          void nodes.onChange(({ key, before, after }) => {
            if (JSON.stringify(before?.spec.taints ?? []) === JSON.stringify(after?.spec.taints ?? [])) return;
            for (const { metadata } of pods.by('node', key)) ring(`${metadata.namespace ?? ''}/${metadata.name ?? ''}`);
          }),
      },
    ],
    desired: (key) => pods.get(key),
    plan: (pod, key, nowMs) => {
      const seenMs = waiting.get(key) ?? nowMs;
      const taints = nodes.get(pod?.spec.nodeName ?? '')?.spec.taints ?? [];
      const atMs = pod === undefined ? undefined : leavesAtMs(pod, taints, seenMs);
      if (pod === undefined || atMs === undefined) {
        if (waiting.delete(key) && pod !== undefined && pod.metadata.deletionTimestamp === undefined)
          tell(pod, `Cancelling deletion of Pod ${key}`);
        return { actions: [] };
      }
      if (atMs <= nowMs) return { actions: [{ kind: 'evict', pod }] };
      waiting.set(key, seenMs);
      return { actions: [], lookAgainAfterMs: atMs - nowMs };
    },
    act: async ({ pod }, key, signal) => {
      const { namespace, name = '', uid = '' } = pod.metadata;
      tell(pod, `Marking for deletion Pod ${key}`);
      waiting.delete(key);
      try {
        const condition = { ...DISRUPTED, lastTransitionTime: rfc3339(deps.clock.nowMs()) };
        const body = { metadata: { uid }, status: { conditions: [condition] } };
        await client.patch({ namespace, name }, { type: 'strategic', subresource: 'status', body }, { signal });
        await client.delete({ namespace, name }, { preconditions: { uid }, signal });
        expectations.deleted(key, pods, pod);
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    },
  });

  function tell(pod: Pod, message: string): void {
    events.record(regarding(PODS, pod), { type: 'Normal', reason: 'TaintManagerEviction', message });
  }
}
