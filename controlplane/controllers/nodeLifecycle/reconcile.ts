/**
 * Notices nodes whose kubelet has fallen silent (neither Lease nor status came), says so in their conditions, and puts on the taints that
 * conditions ask for, so that new pods stay away and old ones are evicted.
 * Units: milliseconds.
 * Differs: upstream looks at all nodes every --node-monitor-period; here each is looked at when something came from it or is overdue.
 */
import { rfc3339 } from '#api/formats.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { isNotFound } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { leases } from '#client/leaderElection.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { BY_NODE } from '../endpointSlice/services.ts';
import { NODES, PODS } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import { isReady } from '../workloads/pods.ts';
import { readyOf, silentConditions, taintsFor, waitsForTurn } from './health.ts';
import { Zones, type ZoneRates } from './zones.ts';

const LEASES = 'kube-node-lease';
const ACCOUNT = 'node-controller';

export interface NodeLifecycleOptions extends ZoneRates {
  readonly graceMs: number;
  /** Of a node that has never said anything. */
  readonly startupGraceMs: number;
}

export const NODE_LIFECYCLE: NodeLifecycleOptions = {
  graceMs: 40_000,
  startupGraceMs: 60_000,
  evictionRate: 0.1,
  secondaryRate: 0.01,
  unhealthyShare: 0.55,
  largeSize: 50,
};

type Action =
  | { readonly kind: 'silence'; readonly node: Node; readonly conditions: NonNullable<ReturnType<typeof silentConditions>> }
  | { readonly kind: 'taint'; readonly node: Node; readonly taints: NonNullable<ReturnType<typeof taintsFor>>; readonly evicts: boolean }
  | { readonly kind: 'unready'; readonly pods: readonly Pod[] };

/** When something last came from a node, by our own clock, and what that was. */
interface Sign {
  atMs: number;
  heartbeat: string | undefined;
  renewed: string | undefined;
}

export function nodeLifecycleController(deps: ControllerDeps, options: NodeLifecycleOptions): Controller {
  const { clock } = deps;
  const nodes = deps.informers.for(NODES);
  const pods = deps.informers.for(PODS, { indexes: BY_NODE });
  const beats = deps.informers.for(leases, { selection: { namespace: LEASES } });
  const client = deps.clientAs(ACCOUNT);
  const events = deps.eventsOf(ACCOUNT, ACCOUNT);
  const zones = new Zones(options);
  const expectations = new Expectations(clock, [nodes, pods]);
  const signs = new Map<string, Sign>();
  /** Nodes that were ready a moment ago and are not: their pods are told once. Silent ones are told as often as it takes. */
  const fallen = new Set<string>();
  const sign = (name: string): Sign => {
    const there = signs.get(name) ?? { atMs: clock.nowMs(), heartbeat: undefined, renewed: undefined };
    signs.set(name, there);
    return there;
  };
  const onNode = (name: string, before: Node | undefined, after: Node | undefined): void => {
    if (after === undefined) {
      signs.delete(name);
      fallen.delete(name);
      return;
    }
    const heard = sign(name);
    const heartbeat = readyOf(after)?.lastHeartbeatTime;
    if (heartbeat !== heard.heartbeat) Object.assign(heard, { heartbeat, atMs: clock.nowMs() });
    const [was, is] = [before, after].map((node) => (node === undefined ? undefined : readyOf(node)?.status));
    if (was === 'True' && is !== 'True') fallen.add(name);
    if (is === 'True') fallen.delete(name);
    if (was !== is && before !== undefined && is !== undefined && is !== 'True')
      tell(after, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
  };
  const tell = (node: Node, reason: string, message: string): void =>
    events.record({ ...regarding(NODES, node) }, { type: 'Normal', reason, message });
  return loopController<Node, Action>({
    name: 'node-lifecycle-controller',
    deps,
    expectations,
    sources: [
      {
        informer: nodes,
        onKeys: (ring) =>
          void nodes.onChange(({ key, before, after }) => {
            onNode(key, before, after);
            for (const name of zones.set(key, after)) ring(name);
            ring(key);
            if (nodes.isSynced && before === undefined && after !== undefined)
              tell(after, 'RegisteredNode', `Node ${key} event: Registered Node ${key} in Controller`);
            if (before !== undefined && after === undefined)
              tell(before, 'RemovingNode', `Node ${key} event: Removing Node ${key} from Controller`);
          }),
      },
      {
        informer: beats,
        onKeys: () =>
          void beats.onChange(({ key, after }) => {
            const name = key.slice(LEASES.length + 1);
            const renewed = after?.spec.renewTime;
            if (after === undefined || nodes.get(name) === undefined) return;
            // Rings nobody: the node is looked at when the time is over, which is later now.
            const heard = sign(name);
            if (renewed !== heard.renewed) Object.assign(heard, { renewed, atMs: clock.nowMs() });
          }),
      },
      // A pod that comes to a silent node, or that says it is ready there.
      source(pods, (_, pod) => {
        const { nodeName = '' } = pod?.spec ?? {};
        const node = nodes.get(nodeName);
        return node !== undefined && pod !== undefined && readyOf(node)?.status === 'Unknown' && isReady(pod) ? [nodeName] : [];
      }),
    ],
    desired: (key) => nodes.get(key),
    plan: (node, key, nowMs) => {
      if (node === undefined) return { actions: [] };
      const actions: Action[] = [];
      const dueMs = sign(key).atMs + (readyOf(node) === undefined ? options.startupGraceMs : options.graceMs);
      const conditions = nowMs >= dueMs ? silentConditions(node, nowMs) : undefined;
      if (conditions !== undefined) actions.push({ kind: 'silence', node, conditions });
      const mustTell = fallen.has(key) || readyOf(node)?.status === 'Unknown';
      const told = mustTell ? pods.by('node', key).filter(isReady) : [];
      if (told.length > 0) actions.push({ kind: 'unready', pods: told });
      else fallen.delete(key);
      const turnMs = zones.turnAtMs(key);
      const waits = waitsForTurn(node);
      const mayEvict = waits && turnMs !== undefined && turnMs <= nowMs;
      const taints = taintsFor(node, { nowMs, mayEvict, isAmnesty: zones.isAmnesty });
      if (taints !== undefined) actions.push({ kind: 'taint', node, taints, evicts: mayEvict });
      const waitsMs = [
        ...(nowMs < dueMs ? [dueMs - nowMs] : []),
        ...(waits && turnMs !== undefined && turnMs > nowMs ? [turnMs - nowMs] : []),
      ];
      return { actions, ...(waitsMs.length === 0 ? {} : { lookAgainAfterMs: Math.min(...waitsMs) }) };
    },
    act: async (action, name, signal) => {
      switch (action.kind) {
        case 'silence': {
          const { resourceVersion } = action.node.metadata;
          const body = { metadata: { resourceVersion }, status: { conditions: action.conditions } };
          expectations.written(
            name,
            nodes,
            await client.resource(NODES).patch({ name }, { type: 'strategic', subresource: 'status', body }, { signal }),
          );
          deps.log.warn('A node has fallen silent', { node: name, graceMs: options.graceMs });
          return;
        }
        case 'taint': {
          const { resourceVersion } = action.node.metadata;
          const taints = action.taints.length === 0 ? null : action.taints;
          const body = { metadata: { resourceVersion }, spec: { taints } };
          expectations.written(name, nodes, await client.resource(NODES).patch({ name }, { type: 'merge', body }, { signal }));
          if (action.evicts) zones.take(name, clock.nowMs());
          return;
        }
        case 'unready':
          fallen.delete(name);
          for (const pod of action.pods) await unready(pod, name, signal);
      }
    },
  });

  async function unready(pod: Pod, node: string, signal: AbortSignal): Promise<void> {
    const { namespace, name = '', uid } = pod.metadata;
    const condition = { type: 'Ready', status: 'False', lastTransitionTime: rfc3339(clock.nowMs()) };
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    const resource = client.resource(PODS);
    try {
      expectations.written(
        node,
        pods,
        await resource.patch({ namespace, name }, { type: 'strategic', subresource: 'status', body }, { signal }),
      );
    } catch (err) {
      if (!isNotFound(err)) throw err;
    }
    events.record(regarding(PODS, pod), { type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready' });
  }
}
