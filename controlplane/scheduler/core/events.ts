/** Changes in the cluster that could help a pod that waits. */
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodInfo } from './podInfo.ts';

export type ClusterEvent =
  | { readonly kind: 'nodeAdded'; readonly label: string; readonly node: Node }
  | { readonly kind: 'nodeChanged'; readonly label: string; readonly node: Node; readonly what: NodeChange }
  /** A pod is on a node now: near it others may go. */
  | { readonly kind: 'podPlaced'; readonly label: string; readonly pod: PodInfo }
  | { readonly kind: 'podRelabelled'; readonly label: string; readonly pod: PodInfo; readonly before: PodInfo }
  | { readonly kind: 'podShrank'; readonly label: string; readonly pod: PodInfo }
  | { readonly kind: 'podGone'; readonly label: string; readonly pod: PodInfo }
  /** The pod itself was changed. */
  | { readonly kind: 'self'; readonly label: string; readonly before: Pod; readonly after: Pod }
  | { readonly kind: 'namespace'; readonly label: string }
  /** Claims, volumes, classes and drivers. */
  | { readonly kind: 'storage'; readonly label: string; readonly what: StorageKind; readonly key: string };

export type StorageKind = 'PersistentVolume' | 'PersistentVolumeClaim' | 'StorageClass' | 'CSINode';

export interface NodeChange {
  readonly allocatable: boolean;
  readonly labels: boolean;
  readonly taints: boolean;
  readonly unschedulable: boolean;
}

/** What of a node changed that a scheduler looks at; undefined: nothing. */
export function nodeChange(before: Node, after: Node): NodeChange | undefined {
  const change = {
    allocatable: !same(before.status?.allocatable, after.status?.allocatable),
    labels: !same(before.metadata.labels, after.metadata.labels),
    taints: !same(before.spec.taints, after.spec.taints),
    unschedulable: (before.spec.unschedulable ?? false) !== (after.spec.unschedulable ?? false),
  };
  return Object.values(change).some(Boolean) ? change : undefined;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
