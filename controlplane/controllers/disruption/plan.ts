/**
 * How many pods of a budget may go. Pure. Units: milliseconds.
 * Source: "Disruptions" and "Specifying a Disruption Budget" in the Kubernetes documentation; conditions, events and messages of upstream's
 * controller, 1.36.
 * Differs: workloads of kinds that upstream asks for their scale (custom ones) are not asked: their pods count as unmanaged.
 */
import { isDeepStrictEqual } from 'node:util';
import { rfc3339 } from '#api/formats.ts';
import { scaledValue } from '#api/intOrString.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/kinds/policy/v1.ts';
import { isGoing, isReady, timeMs } from '../workloads/pods.ts';

/** Source: how long an eviction may be on its way before it is taken for not having happened. */
const DELETION_MS = 120_000;

export interface BudgetView {
  readonly budget: PodDisruptionBudget;
  /** Those that it selects. */
  readonly pods: readonly Pod[];
  /** The workload that keeps the pod, and how many it wants; undefined: nobody keeps it. */
  readonly scaleOf: (pod: Pod) => { readonly uid: string; readonly replicas: number } | undefined;
}

export interface Judged {
  readonly status: PodDisruptionBudgetStatus;
  /** When an eviction that was counted becomes doubtful. */
  readonly lookAgainAfterMs: number | undefined;
  /** Pods that nobody keeps, where that matters. */
  readonly unmanaged: readonly Pod[];
  /** Were evicted, and are still there. */
  readonly notDeleted: readonly Pod[];
}

export function judgeBudget({ budget, pods, scaleOf }: BudgetView, nowMs: number): Judged {
  const { spec, status: old } = budget;
  const { expected, desired, unmanaged } = wanted(spec, pods, scaleOf);
  const disrupted: Record<string, string> = {};
  const notDeleted: Pod[] = [];
  let recheckMs = Infinity;
  for (const pod of pods) {
    const { name = '' } = pod.metadata;
    const since = old?.disruptedPods?.[name];
    if (since === undefined || isGoing(pod)) continue;
    const leftMs = timeMs(since) + DELETION_MS - nowMs;
    if (leftMs <= 0) notDeleted.push(pod);
    else {
      disrupted[name] = since;
      recheckMs = Math.min(recheckMs, leftMs);
    }
  }
  const healthy = pods.filter((pod) => !isGoing(pod) && isReady(pod) && disrupted[pod.metadata.name ?? ''] === undefined).length;
  const allowed = expected <= 0 ? 0 : Math.max(0, healthy - desired);
  const { disruptedPods: _, ...rest } = old ?? {};
  const status: PodDisruptionBudgetStatus = {
    ...rest,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
    disruptionsAllowed: allowed,
    ...(Object.keys(disrupted).length === 0 ? {} : { disruptedPods: disrupted }),
    observedGeneration: budget.metadata.generation ?? 0,
    conditions: conditionsOf(budget, allowed > 0, nowMs),
  };
  return { status, lookAgainAfterMs: recheckMs === Infinity ? undefined : recheckMs, unmanaged, notDeleted };
}

export function isSameStatus(a: PodDisruptionBudgetStatus | undefined, b: PodDisruptionBudgetStatus): boolean {
  return isDeepStrictEqual(JSON.parse(JSON.stringify(a ?? {})), JSON.parse(JSON.stringify(b)));
}

function wanted(
  { minAvailable, maxUnavailable }: PodDisruptionBudget['spec'],
  pods: readonly Pod[],
  scaleOf: BudgetView['scaleOf'],
): { readonly expected: number; readonly desired: number; readonly unmanaged: readonly Pod[] } {
  if (maxUnavailable === undefined && typeof minAvailable === 'number')
    return { expected: pods.length, desired: minAvailable, unmanaged: [] };
  if (maxUnavailable === undefined && minAvailable === undefined) return { expected: 0, desired: 0, unmanaged: [] };
  const scales = new Map<string, number>();
  const unmanaged: Pod[] = [];
  for (const pod of pods) {
    const scale = scaleOf(pod);
    if (scale === undefined) unmanaged.push(pod);
    else scales.set(scale.uid, scale.replicas);
  }
  const expected = scales.values().reduce((sum, replicas) => sum + replicas, 0);
  const share = scaledValue(maxUnavailable ?? minAvailable ?? 0, expected, 'up') ?? 0;
  return { expected, desired: Math.max(0, maxUnavailable === undefined ? share : expected - share), unmanaged };
}

const TYPE = 'DisruptionAllowed';

function conditionsOf(
  { status, metadata }: PodDisruptionBudget,
  isAllowed: boolean,
  nowMs: number,
): NonNullable<PodDisruptionBudgetStatus['conditions']> {
  const all = status?.conditions ?? [];
  const there = all.find(({ type }) => type === TYPE);
  const is = isAllowed ? 'True' : 'False';
  const condition = {
    type: TYPE,
    status: is,
    reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    observedGeneration: metadata.generation ?? 0,
    lastTransitionTime: there?.status === is ? there.lastTransitionTime : rfc3339(nowMs),
  } as const;
  return there === undefined ? [...all, condition] : all.map((old) => (old === there ? condition : old));
}
