/**
 * What a controller wants to know of a pod, and which of several it would miss least. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: the rules by which upstream's controllers count pods and rank them for deletion, Kubernetes 1.36.
 */
import type { Pod } from '#api/kinds/core/pod.ts';

export const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

export const isGoing = ({ metadata }: { readonly metadata: Pod['metadata'] }): boolean => metadata.deletionTimestamp !== undefined;
export const isOver = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';
/** Runs or will run. */
export const isActive = (pod: Pod): boolean => !isOver(pod) && !isGoing(pod);
/** Was told to end, and has not yet. */
export const isTerminating = (pod: Pod): boolean => !isOver(pod) && isGoing(pod);

/** Since when it is ready; undefined: it is not. */
export function readySinceMs({ status }: Pod): number | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' ? timeMs(ready.lastTransitionTime) : undefined;
}

export const isReady = (pod: Pod): boolean => readySinceMs(pod) !== undefined;

/** Ready for long enough. */
export const isAvailable = (pod: Pod, minReadySeconds: number, nowMs: number): boolean => availableInMs(pod, minReadySeconds, nowMs) === 0;

/** How long it still has to be ready; undefined: it is not ready. */
export function availableInMs(pod: Pod, minReadySeconds: number, nowMs: number): number | undefined {
  const sinceMs = readySinceMs(pod);
  if (sinceMs === undefined) return undefined;
  return minReadySeconds === 0 ? 0 : Math.max(0, sinceMs + minReadySeconds * 1_000 - nowMs);
}

/** When the next of them becomes available by time alone; undefined: none does. */
export function nextAvailableInMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  const waits = pods.map((pod) => availableInMs(pod, minReadySeconds, nowMs) ?? 0).filter((ms) => ms > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

export function timeMs(text: string | undefined): number {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? 0 : ms;
}

const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

export interface RankOptions {
  readonly nowMs: number;
  /** Pods whose neighbours on a node count: those of all versions of one workload. */
  readonly related: readonly Pod[];
}

/** The pods to delete first come first. */
export function rankForDeletion(pods: readonly Pod[], { nowMs, related }: RankOptions): readonly Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of related) perNode.set(spec.nodeName ?? '', (perNode.get(spec.nodeName ?? '') ?? 0) + 1);
  const neighbours = ({ spec }: Pod): number => perNode.get(spec.nodeName ?? '') ?? 0;
  return pods.toSorted(
    (a, b) =>
      Number((a.spec.nodeName ?? '') !== '') - Number((b.spec.nodeName ?? '') !== '') ||
      phaseRank(a) - phaseRank(b) ||
      Number(isReady(a)) - Number(isReady(b)) ||
      deletionCost(a) - deletionCost(b) ||
      neighbours(b) - neighbours(a) ||
      (isReady(a) && isReady(b) ? byAge(readySinceMs(a) ?? 0, readySinceMs(b) ?? 0, nowMs, a, b) : 0) ||
      restarts(b) - restarts(a) ||
      byAge(timeMs(a.metadata.creationTimestamp), timeMs(b.metadata.creationTimestamp), nowMs, a, b) ||
      (a.metadata.name ?? '').localeCompare(b.metadata.name ?? ''),
  );
}

const phaseRank = ({ status }: Pod): number => PHASES[status?.phase ?? 'Pending'] ?? 1;

function deletionCost({ metadata }: Pod): number {
  const text = metadata.annotations?.[DELETION_COST] ?? '';
  return /^-?(0|[1-9]\d*)$/.test(text) ? Number(text) : 0;
}

function restarts({ status }: Pod): number {
  return Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount));
}

/** The younger first, in steps that double: pods of about one age go in the order of their uids, so that not all young ones go. */
function byAge(aMs: number, bMs: number, nowMs: number, a: Pod, b: Pod): number {
  if (aMs === bMs) return 0;
  const rank = (ms: number): number => (nowMs <= ms ? -1 : Math.floor(Math.log2((nowMs - ms) * 1e6)));
  return rank(aMs) - rank(bMs) || ((a.metadata.uid ?? '') < (b.metadata.uid ?? '') ? -1 : 1);
}
