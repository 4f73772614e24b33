/**
 * What the silence of a kubelet means for the conditions of its node, and what conditions mean for its taints. Pure. Units: milliseconds.
 * Source: reasons, messages and taints of upstream's node lifecycle controller, 1.36; "Taint based evictions" in the documentation.
 */
import { rfc3339 } from '#api/formats.ts';
import type { Node, NodeCondition } from '#api/kinds/core/node.ts';
import type { Taint } from '#api/kinds/core/scheduling.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

const KEPT = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

export const readyOf = ({ status }: Node): NodeCondition | undefined => status?.conditions?.find(({ type }) => type === 'Ready');

/** The conditions of a node whose kubelet has been silent for too long; undefined: they say so already. */
export function silentConditions({ metadata, status }: Node, nowMs: number): readonly NodeCondition[] | undefined {
  const conditions = [...(status?.conditions ?? [])];
  const lastTransitionTime = rfc3339(nowMs);
  let isChanged = false;
  for (const type of KEPT) {
    const at = conditions.findIndex((condition) => condition.type === type);
    const there = conditions[at];
    if (there === undefined) {
      const { creationTimestamp } = metadata;
      conditions.push({
        type,
        status: 'Unknown',
        reason: 'NodeStatusNeverUpdated',
        message: 'Kubelet never posted node status.',
        ...(creationTimestamp === undefined ? {} : { lastHeartbeatTime: creationTimestamp }),
        lastTransitionTime,
      });
    } else if (there.status === 'Unknown') continue;
    else
      conditions[at] = {
        ...there,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime,
      };
    isChanged = true;
  }
  return isChanged ? conditions : undefined;
}

/** Condition, status, taint: what keeps new pods away. */
const NO_SCHEDULE: readonly (readonly [type: string, status: string, key: string])[] = [
  ['Ready', 'False', NOT_READY],
  ['Ready', 'Unknown', UNREACHABLE],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
];
const OURS = new Set([UNSCHEDULABLE, ...NO_SCHEDULE.map(([, , key]) => key)]);

/** What pods are to be evicted for; undefined: nothing, or the kubelet has not said anything yet. */
export function evictionKey(node: Node): string | undefined {
  const status = readyOf(node)?.status;
  return status === 'False' ? NOT_READY : status === 'Unknown' ? UNREACHABLE : undefined;
}

export interface TaintRules {
  readonly nowMs: number;
  /** Whether a taint that evicts may be put on where there is none yet. */
  readonly mayEvict: boolean;
  /** Whether those that are there go: the whole cluster seems to be down, which may be our own fault. */
  readonly isAmnesty: boolean;
}

/** The taints the node should have; undefined: it has them. Those of others stay. */
export function taintsFor(node: Node, { nowMs, mayEvict, isAmnesty }: TaintRules): readonly Taint[] | undefined {
  const there = node.spec.taints ?? [];
  const conditions = node.status?.conditions ?? [];
  const keep = new Set(
    NO_SCHEDULE.filter(([type, status]) => conditions.some((c) => c.type === type && c.status === status)).map(([, , key]) => key),
  );
  if (node.spec.unschedulable === true) keep.add(UNSCHEDULABLE);
  const key = isAmnesty ? undefined : evictionKey(node);
  const isEvicting = ({ effect, key: of }: Taint): boolean => effect === 'NoExecute' && (of === NOT_READY || of === UNREACHABLE);
  const evicting = there.find(isEvicting);
  const next = there.filter((taint) => {
    if (isEvicting(taint)) return taint.key === key;
    return taint.effect !== 'NoSchedule' || !OURS.has(taint.key) || keep.has(taint.key);
  });
  const timeAdded = rfc3339(nowMs);
  for (const of of keep)
    if (!next.some((t) => t.key === of && t.effect === 'NoSchedule')) next.push({ key: of, effect: 'NoSchedule', timeAdded });
  // From not ready to unreachable, or back: those who have waited have not waited in vain.
  if (key !== undefined && !next.some(isEvicting) && (mayEvict || evicting !== undefined))
    next.push({ key, effect: 'NoExecute', timeAdded: evicting?.timeAdded ?? timeAdded });
  return next.length === there.length && next.every((taint, i) => taint === there[i]) ? undefined : next;
}

/** Whether the node waits for a turn to be tainted so that its pods go. */
export const waitsForTurn = (node: Node): boolean =>
  evictionKey(node) !== undefined &&
  !(node.spec.taints ?? []).some(({ key, effect }) => effect === 'NoExecute' && (key === NOT_READY || key === UNREACHABLE));
