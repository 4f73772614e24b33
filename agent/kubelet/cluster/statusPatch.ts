/**
 * What has to be written so that the status of a pod in the API is ours. Pure. Only what differs is in it.
 * Conditions of others stay (readiness gates are theirs); lists of addresses are replaced as a whole.
 * A phase that is over for good is never taken back.
 */
import { isDeepStrictEqual } from 'node:util';
import type { PodCondition, PodStatus } from '#api/kinds/core/podStatus.ts';
import { isOurs } from '../pods/conditions.ts';

/** What nobody but the kubelet writes. */
const OURS = [
  'observedGeneration',
  'phase',
  'reason',
  'message',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'qosClass',
] as const;
/** Strategic merge would keep old elements beside the new ones. */
const MERGED_LISTS = new Set<string>(['hostIPs', 'podIPs']);

/** Conditions of ours that go when they do not hold any more. */
const PASSING: ReadonlySet<string> = new Set(['PodResizePending']);

export type StatusPatch = Readonly<Record<string, unknown>>;

/** undefined: there is nothing to write. */
export function statusPatch(there: PodStatus | undefined, wanted: PodStatus): StatusPatch | undefined {
  const want = isOver(there) ? { ...wanted, phase: there?.phase } : wanted;
  const patch: Record<string, unknown> = {};
  for (const field of OURS) {
    const [now, then] = [plain(want[field]), plain(there?.[field])];
    if (isDeepStrictEqual(now, then)) continue;
    if (now === undefined) patch[field] = null;
    else patch[field] = MERGED_LISTS.has(field) && Array.isArray(now) ? [{ $patch: 'replace' }, ...(now as unknown[])] : now;
  }
  const conditions = (want.conditions ?? []).filter(
    (condition) => isOurs(condition) && !isDeepStrictEqual(full(condition), full(find(there, condition))),
  );
  const over = (there?.conditions ?? []).filter((c) => PASSING.has(c.type) && find(wanted, c) === undefined);
  if (conditions.length + over.length > 0)
    patch['conditions'] = [...conditions.map((c) => cleared(c, find(there, c))), ...over.map(({ type }) => ({ $patch: 'delete', type }))];
  return Object.keys(patch).length === 0 ? undefined : patch;
}

export function isOver(status: PodStatus | undefined): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

function find(status: PodStatus | undefined, { type }: PodCondition): PodCondition | undefined {
  return status?.conditions?.find((c) => c.type === type);
}

/** A reason or message that does not hold any more has to be taken away by name. */
function cleared(now: PodCondition, before: PodCondition | undefined): unknown {
  const gone = Object.keys(before ?? {}).filter((name) => name !== 'lastProbeTime' && !(name in now));
  return { ...now, ...Object.fromEntries(gone.map((name) => [name, null])) };
}

/** lastProbeTime is null or absent, and nobody reads it. */
function full(condition: PodCondition | undefined): unknown {
  if (condition === undefined) return undefined;
  const { lastProbeTime: _, ...rest } = plain(condition) as Record<string, unknown>;
  return rest;
}

/** As it is after a way through JSON; empty lists are as good as none. */
function plain(value: unknown): unknown {
  if (Array.isArray(value) && value.length === 0) return undefined;
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
