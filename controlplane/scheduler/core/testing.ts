/** Nodes, pods and clusters in few words, for tests. */
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { Cluster } from './cluster.ts';
import type { NodeInfo } from './nodeInfo.ts';

export interface NodeWish {
  readonly labels?: Readonly<Record<string, string>>;
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly spec?: Partial<Node['spec']>;
  readonly images?: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[];
}

export function nodeOf(name: string, { labels = {}, allocatable, spec = {}, images = [] }: NodeWish = {}): Node {
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: { allocatable: { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '100Gi', ...allocatable }, images },
  };
}

export interface PodWish {
  readonly requests?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly namespace?: string;
  readonly node?: string;
  readonly priority?: number;
  /** Laid over the rest as it is. */
  readonly spec?: object;
  readonly metadata?: Partial<Pod['metadata']>;
  readonly status?: Pod['status'];
}

export function podOf(name: string, wish: PodWish = {}): Pod {
  const { requests = {}, labels = {}, namespace = 'default', node, priority = 0, spec = {}, metadata = {}, status } = wish;
  return {
    metadata: { name, namespace, uid: `uid-${name}`, labels, ...metadata },
    spec: {
      schedulerName: 'default-scheduler',
      containers: [{ name: 'c', image: 'app:1', resources: { requests } }],
      priority,
      ...(node === undefined ? {} : { nodeName: node }),
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

export function clusterOf(nodes: readonly Node[], pods: readonly Pod[] = []): Cluster {
  const cluster = new Cluster();
  for (const node of nodes) cluster.setNode(node.metadata.name ?? '', node);
  for (const pod of pods) cluster.setPod(pod);
  return cluster;
}

export const nameOf = ({ name }: NodeInfo): string => name;
