/**
 * In which order pods end before the machine does, and how long each has. Pure.
 *
 * Units: milliseconds; the configuration has seconds.
 * Source: "Graceful node shutdown" in the Kubernetes docs.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { priorityOf } from '../pods/priority.ts';

export interface ShutdownPeriod {
  /** Of the pods with this priority or more, up to the next one's. */
  readonly priority: number;
  readonly ms: number;
}

export interface ShutdownSettings {
  readonly shutdownGracePeriodMs: number;
  readonly criticalPodsMs: number;
  readonly byPodPriority: readonly ShutdownPeriod[];
}

/** What `system-cluster-critical` stands for. */
const CRITICAL = 2_000_000_000;

/** The lowest priority first; empty: a shutdown is not waited for. */
export function shutdownPeriods({ shutdownGracePeriodMs, criticalPodsMs, byPodPriority }: ShutdownSettings): ShutdownPeriod[] {
  if (byPodPriority.length > 0) return byPodPriority.toSorted((a, b) => a.priority - b.priority);
  if (shutdownGracePeriodMs <= 0) return [];
  return [
    { priority: 0, ms: shutdownGracePeriodMs - criticalPodsMs },
    { priority: CRITICAL, ms: criticalPodsMs },
  ];
}

export function totalMs(periods: readonly ShutdownPeriod[]): number {
  return periods.reduce((sum, { ms }) => sum + ms, 0);
}

export interface ShutdownGroup<P> {
  readonly ms: number;
  readonly pods: readonly { readonly pod: P; readonly graceMs: number }[];
}

/** The groups in the order in which they end; one without pods is left out. */
export function shutdownGroups<P extends { readonly spec: Pod['spec'] }>(
  pods: readonly P[],
  periods: readonly ShutdownPeriod[],
): ShutdownGroup<P>[] {
  return periods.flatMap(({ priority, ms }, i) => {
    const next = periods[i + 1]?.priority ?? Infinity;
    const mine = pods.filter(({ spec }) => {
      const own = priorityOf(spec);
      return own < next && (own >= priority || i === 0);
    });
    if (mine.length === 0) return [];
    return [{ ms, pods: mine.map((pod) => ({ pod, graceMs: Math.min(ms, graceMsOf(pod.spec)) })) }];
  });
}

/** A negative one counts as a second. */
function graceMsOf({ terminationGracePeriodSeconds: seconds = 30 }: Pod['spec']): number {
  return seconds < 0 ? 1_000 : seconds * 1_000;
}
