/**
 * What is measured: nodes, pods that are there before, and the pods whose placing is timed. Pure.
 * Source: the shapes of upstream's scheduler_perf (5,000 nodes of 4 CPUs and 32 GiB, pods of 100m and 500Mi).
 */
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { DEFAULT_ROOM, nodeOf, type Shape } from '../../simulate/objects.ts';

export interface Workload {
  readonly name: string;
  /** What it is like, for the table. */
  readonly about: string;
  /** Pods a second with the whole loop. */
  readonly target: number | undefined;
  /** Already on the nodes, in turn. */
  readonly before: readonly Pod[];
  /** Cannot be placed, and are tried again with every change that could help. */
  readonly stuck: readonly Pod[];
  readonly pods: readonly Pod[];
}

export const NAMESPACE = 'bench';
const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';

export const SHAPE: Shape = { prefix: 'node-', count: 0, room: DEFAULT_ROOM, zones: 3, labels: {}, taints: [] };

export const nodesOf = (count: number): readonly Node[] => Array.from({ length: count }, (_, i) => nodeOf(SHAPE, i, 0));

interface Wish {
  readonly prefix: string;
  readonly cpu?: string;
  readonly labels?: (i: number) => Readonly<Record<string, string>>;
  readonly spec?: (i: number) => object;
}

function podsOf(count: number, { prefix, cpu = '100m', labels = () => ({}), spec = () => ({}) }: Wish): readonly Pod[] {
  return Array.from({ length: count }, (_, i) => ({
    metadata: { name: `${prefix}-${i}`, namespace: NAMESPACE, uid: `${prefix}-${i}`, labels: { app: prefix, ...labels(i) } },
    spec: {
      schedulerName: 'default-scheduler',
      containers: [{ name: 'pause', image: 'registry.k8s.io/pause:3.10', resources: { requests: { cpu, memory: '500Mi' } } }],
      ...spec(i),
    },
  }));
}

const away = (app: string) => ({
  affinity: {
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchLabels: { app } }, topologyKey: HOST }] },
  },
});
const near = (color: string) => ({
  affinity: {
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchLabels: { color } }, topologyKey: ZONE }] },
  },
});
const spread = (app: string) => ({
  topologySpreadConstraints: [
    { maxSkew: 5, topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app } } },
  ],
});

export function workloads({ nodes, pods }: { readonly nodes: number; readonly pods: number }): readonly Workload[] {
  const none = { before: [], stuck: [] };
  // One with anti-affinity to its like fits on a node.
  const apart = Math.min(pods, nodes);
  return [
    { name: 'basic', about: 'pods that ask for CPU and memory', target: 1_000, ...none, pods: podsOf(pods, { prefix: 'basic' }) },
    {
      name: 'spreading',
      about: 'evenly over three zones (DoNotSchedule, maxSkew 5)',
      target: 300,
      ...none,
      pods: podsOf(pods, { prefix: 'spread', spec: () => spread('spread') }),
    },
    {
      name: 'anti-affinity',
      about: 'one of its kind on a node (required)',
      target: 100,
      ...none,
      pods: podsOf(apart, { prefix: 'apart', spec: () => away('apart') }),
    },
    {
      name: 'affinity',
      about: 'in the zone of its colour, of 100 colours (required)',
      target: undefined,
      ...none,
      pods: podsOf(pods, { prefix: 'near', labels: (i) => ({ color: `c${i % 100}` }), spec: (i) => near(`c${i % 100}`) }),
    },
    {
      name: 'preemption',
      about: 'full nodes, one pod has to go for each',
      target: undefined,
      stuck: [],
      before: podsOf(nodes * 4, { prefix: 'low', cpu: '900m', spec: () => ({ priority: 0 }) }),
      pods: podsOf(Math.min(1_000, nodes), { prefix: 'high', cpu: '900m', spec: () => ({ priority: 10 }) }),
    },
    {
      name: 'churn',
      about: '500 pods that fit nowhere beside the others',
      target: undefined,
      before: [],
      stuck: podsOf(500, { prefix: 'stuck', cpu: '9', spec: () => ({ priority: 10 }) }),
      pods: podsOf(pods, { prefix: 'plain' }),
    },
  ];
}
