/** Removes pods whose node is gone, pods that end without ever having had a node, and pods that are over when they are too many. */
import { rfc3339 } from '#api/formats.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { isNotFound } from '#client/errors.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { BY_NODE } from '../endpointSlice/services.ts';
import { NODES, PODS } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import { DISRUPTED, isOver, judgePod, QUARANTINE_MS, surplus, type NodeView } from './plan.ts';

interface Action {
  readonly kind: 'remove' | 'removeOrphan';
  readonly pod: Pod;
}

/** The key that stands for all pods that are over. */
const ALL = '*';
const overIndex = (pod: Pod): readonly string[] => (isOver(pod) && pod.metadata.deletionTimestamp === undefined ? ['over'] : []);

export function podGcController(deps: ControllerDeps, { threshold }: { readonly threshold: number }): Controller {
  const { clock } = deps;
  const pods = deps.informers.for(PODS, { indexes: { ...BY_NODE, over: overIndex } });
  const nodes = deps.informers.for(NODES);
  const api = deps.clientAs('pod-garbage-collector');
  const client = api.resource(PODS);
  const expectations = new Expectations(clock, [pods]);
  /** Since when the node of an orphan has been missing, as far as we know. */
  const missingSince = new Map<string, number>();
  return loopController<Pod, Action>({
    name: 'pod-garbage-collector-controller',
    deps,
    expectations,
    sources: [
      source(pods, (key, pod) => (pod === undefined || !isOver(pod) || threshold <= 0 ? [key] : [key, ALL])),
      {
        informer: nodes,
        onKeys: (ring) =>
          void nodes.onChange(({ key, before, after }) => {
            if (before !== undefined && after !== undefined && JSON.stringify(viewOf(before)) === JSON.stringify(viewOf(after))) return;
            for (const { metadata } of pods.by('node', key)) ring(`${metadata.namespace ?? ''}/${metadata.name ?? ''}`);
          }),
      },
    ],
    desired: (key) => pods.get(key),
    plan: (pod, key, nowMs) => {
      if (key === ALL) return { actions: surplus(pods.by('over', 'over'), threshold).map((p) => ({ kind: 'remove', pod: p })) };
      const { nodeName = '' } = pod?.spec ?? {};
      const node = nodes.get(nodeName);
      const verdict = pod === undefined ? { kind: 'keep' as const } : judgePod(pod, node === undefined ? undefined : viewOf(node));
      if (pod === undefined || verdict.kind !== 'orphaned') {
        missingSince.delete(key);
        return { actions: pod !== undefined && verdict.kind === 'remove' ? [{ kind: 'remove', pod }] : [] };
      }
      const sinceMs = missingSince.get(key) ?? nowMs;
      missingSince.set(key, sinceMs);
      const leftMs = sinceMs + QUARANTINE_MS - nowMs;
      return leftMs > 0 ? { actions: [], lookAgainAfterMs: leftMs } : { actions: [{ kind: 'removeOrphan', pod }] };
    },
    act: async ({ kind, pod }, key, signal) => {
      const { namespace, name = '', uid = '' } = pod.metadata;
      try {
        if (kind === 'removeOrphan') {
          if (await isThere(pod.spec.nodeName ?? '', signal)) return;
          await mark(pod, [{ ...DISRUPTED, lastTransitionTime: rfc3339(clock.nowMs()) }], signal);
        } else if (!isOver(pod)) await mark(pod, [], signal);
        await client.delete({ namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal });
        expectations.deleted(key, pods, pod);
        deps.log.info('Removed a pod that nobody would end', { pod: `${namespace}/${name}`, node: pod.spec.nodeName ?? '' });
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    },
  });

  /** Asked of the server: what we know may be old. */
  async function isThere(node: string, signal: AbortSignal): Promise<boolean> {
    return api
      .resource(NODES)
      .get({ name: node }, { signal })
      .then(
        () => true,
        (err: unknown) => {
          if (isNotFound(err)) return false;
          throw err;
        },
      );
  }

  /** Says why, and that it is over, so that whoever counts it makes another. */
  async function mark(pod: Pod, conditions: readonly object[], signal: AbortSignal): Promise<void> {
    const { namespace, name = '', uid } = pod.metadata;
    const status = { ...(conditions.length === 0 ? {} : { conditions }), ...(isOver(pod) ? {} : { phase: 'Failed' }) };
    const body = { metadata: { uid }, status };
    await client.patch({ namespace, name }, { type: 'strategic', subresource: 'status', body }, { signal });
  }
}

function viewOf({ spec, status }: Node): NodeView {
  return {
    isReady: status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
    taints: (spec?.taints ?? []).map(({ key }) => ({ key })),
  };
}
