/**
 * How important a pod is. Pure. Without an API server the two classes that every cluster has are known, and numbers.
 * Source: "Pod Priority and Preemption" in the Kubernetes docs (values of the system classes).
 */
import type { PodSpec } from '#api/kinds/core/pod.ts';

const CLASSES: Readonly<Record<string, number>> = { 'system-node-critical': 2_000_001_000, 'system-cluster-critical': 2_000_000_000 };
const CRITICAL = 2_000_000_000;

export const KNOWN_CLASSES = Object.keys(CLASSES);

export function priorityOf(spec: PodSpec): number {
  return spec.priority ?? CLASSES[spec.priorityClassName ?? ''] ?? 0;
}

/**
 * Such a pod is never evicted, and may push others out.
 * Differs: upstream counts every static pod as critical; on a node that has static pods only nobody could be evicted then.
 */
export function isCritical(spec: PodSpec): boolean {
  return priorityOf(spec) >= CRITICAL;
}
