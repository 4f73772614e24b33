/**
 * When a pod has to leave a node because of taints. Pure. Units: milliseconds.
 * Source: "Taints and Tolerations" in the Kubernetes documentation; condition and events of upstream's taint eviction controller.
 * Differs: the time counts from when the taint was put on (timeAdded), so that it does not begin anew when the controller does; upstream
 * counts from when it saw both.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Taint } from '#api/kinds/core/scheduling.ts';
import { tolerates } from '#api/tolerations.ts';
import { isGoing, isOver, timeMs } from '../workloads/pods.ts';

export const DISRUPTED = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'DeletionByTaintManager',
  message: 'Taint manager: deleting due to NoExecute taint',
} as const;

/** undefined: it may stay. seenMs: when the taints were first seen, for those that do not say since when they are there. */
export function leavesAtMs(pod: Pod, taints: readonly Taint[], seenMs: number): number | undefined {
  if (isGoing(pod) || isOver(pod)) return undefined;
  const times = taints
    .filter(({ effect }) => effect === 'NoExecute')
    .flatMap((taint) => {
      const sinceMs = taint.timeAdded === undefined ? seenMs : timeMs(taint.timeAdded);
      const found = (pod.spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
      if (found.length === 0) return [sinceMs];
      // The shortest of those that end counts; one without an end bears it only where no other has one.
      const seconds = found.flatMap(({ tolerationSeconds }) => (tolerationSeconds === undefined ? [] : [tolerationSeconds]));
      return seconds.length === 0 ? [] : [sinceMs + Math.max(0, Math.min(...seconds)) * 1_000];
    });
  return times.length === 0 ? undefined : Math.min(...times);
}
