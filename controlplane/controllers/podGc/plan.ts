/**
 * Which pods nobody will end any more. Pure. Units: milliseconds.
 * Source: "Garbage collection of Pods" in the Kubernetes documentation; reason and message of upstream's condition.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { isGoing, isOver, timeMs } from '../workloads/pods.ts';

export const THRESHOLD = 12_500;
/** Source: how long upstream waits before it believes that a node is gone. */
export const QUARANTINE_MS = 40_000;
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

export interface NodeView {
  readonly isReady: boolean;
  readonly taints: readonly { readonly key: string }[];
}

export type Verdict =
  | { readonly kind: 'keep' }
  /** The node of the pod is not known. */
  | { readonly kind: 'orphaned' }
  | { readonly kind: 'remove'; readonly why: 'unscheduled' | 'outOfService' };

/** node: the one it was given to; undefined: no such node is known. */
export function judgePod(pod: Pod, node: NodeView | undefined): Verdict {
  const { nodeName = '' } = pod.spec;
  if (nodeName === '') return isGoing(pod) ? { kind: 'remove', why: 'unscheduled' } : { kind: 'keep' };
  if (node === undefined) return { kind: 'orphaned' };
  const isOut = isGoing(pod) && !node.isReady && node.taints.some(({ key }) => key === OUT_OF_SERVICE);
  return isOut ? { kind: 'remove', why: 'outOfService' } : { kind: 'keep' };
}

/** The pods over the threshold: evicted ones first, then the oldest. */
export function surplus(over: readonly Pod[], threshold: number): readonly Pod[] {
  if (threshold <= 0 || over.length <= threshold) return [];
  const isEvicted = ({ status }: Pod): boolean => status?.reason === 'Evicted';
  return over
    .toSorted(
      (a, b) =>
        Number(isEvicted(b)) - Number(isEvicted(a)) ||
        timeMs(a.metadata.creationTimestamp) - timeMs(b.metadata.creationTimestamp) ||
        ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1),
    )
    .slice(0, over.length - threshold);
}

export const DISRUPTED = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'DeletionByPodGC',
  message: 'PodGC: node no longer exists',
} as const;
export { isOver };
