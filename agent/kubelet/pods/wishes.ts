/** What a pod object asks of its worker: whether it is new, on its way out, or over. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '#api/kinds/core/pod.ts';
import { isOurs } from './conditions.ts';
import type { DesiredPod } from './plan.ts';
import { isOver } from './status.ts';

/** Deleted in the API, on its way out. */
export function isEnding({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined;
}

export function deletionOf(pod: Pod): DesiredPod['ended'] {
  if (!isEnding(pod)) return undefined;
  const { deletionGracePeriodSeconds } = pod.metadata;
  return { why: 'podGone', ...(deletionGracePeriodSeconds === undefined ? {} : { graceMs: deletionGracePeriodSeconds * 1_000 }) };
}

/** The API says that it is over for good: an earlier kubelet told so. */
export function overOf({ status }: Pod): DesiredPod['ended'] {
  return isOver(status) ? { why: 'podDone' } : undefined;
}

/** Whether there is nothing new in it for a worker: its status is our own word, but for the conditions of others. */
export function isSameWish(a: Pod | undefined, b: Pod | undefined): boolean {
  if (a === b) return true;
  if (a?.metadata.uid !== b?.metadata.uid || a === undefined || b === undefined) return false;
  const wish = ({ metadata: { labels, annotations, deletionTimestamp, deletionGracePeriodSeconds }, spec, status }: Pod): unknown => [
    labels,
    annotations,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    spec,
    isOver(status),
    spec.readinessGates === undefined ? undefined : (status?.conditions ?? []).filter((c) => !isOurs(c)), // what its gates wait for
  ];
  return isDeepStrictEqual(wish(a), wish(b));
}

export function isHastened(before: Pod, now: Pod): boolean {
  if (before.metadata.uid !== now.metadata.uid || !isEnding(before) || !isEnding(now)) return false;
  return (now.metadata.deletionGracePeriodSeconds ?? 0) < (before.metadata.deletionGracePeriodSeconds ?? 0);
}
