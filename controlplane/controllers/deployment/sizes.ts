/**
 * How many pods each version of a deployment may have. Pure.
 * Source: upstream's rules of rolling updates, Kubernetes 1.36: surge is rounded up and unavailability down, and both cannot be zero; when a
 * deployment is scaled in the middle of a rollout, its versions grow and shrink in proportion.
 * Differs: the status of a version may be older than its size. What it says is available counts up to that size, and the newest version
 * grows into the room of others when they have really left it: upstream goes over its limits there for a moment.
 */
import type { Deployment, ReplicaSet } from '#api/kinds/apps/v1.ts';
import { scaledValue } from '#api/intOrString.ts';
import { timeMs } from '../workloads/pods.ts';

export const DESIRED = 'deployment.kubernetes.io/desired-replicas';
export const MAXIMUM = 'deployment.kubernetes.io/max-replicas';

/** A version on its way to what it is to become. Belongs to one plan, which changes it. */
export interface Version {
  readonly set: ReplicaSet;
  replicas: number;
  annotations: Readonly<Record<string, string>>;
  minReadySeconds: number;
}

export interface Limits {
  readonly wanted: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

export function limitsOf({ spec }: Deployment): Limits {
  const wanted = spec.replicas ?? 1;
  const { type = 'RollingUpdate', rollingUpdate } = spec.strategy ?? {};
  if (type !== 'RollingUpdate') return { wanted, maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = scaledValue(rollingUpdate?.maxSurge ?? '25%', wanted, 'up') ?? 0;
  const unavailable = scaledValue(rollingUpdate?.maxUnavailable ?? '25%', wanted, 'down') ?? 0;
  const maxUnavailable = maxSurge === 0 && unavailable === 0 ? 1 : unavailable;
  return { wanted, maxSurge, maxUnavailable: Math.min(maxUnavailable, wanted) };
}

export const total = (versions: readonly Version[]): number => versions.reduce((sum, { replicas }) => sum + replicas, 0);
/** Of those it is going to keep: what its status says may be older than its size. */
const available = ({ set, replicas }: Version): number => Math.min(set.status?.availableReplicas ?? 0, replicas);
const ageMs = ({ set }: Version): number => timeMs(set.metadata.creationTimestamp);
export const olderFirst = (a: Version, b: Version): number =>
  ageMs(a) - ageMs(b) || ((a.set.metadata.name ?? '') < (b.set.metadata.name ?? '') ? -1 : 1);

/** It has its size, and remembers what of the whole it is a part of. */
export function resize(version: Version, replicas: number, { wanted, maxSurge }: Limits): void {
  version.replicas = replicas;
  version.annotations = { ...version.annotations, [DESIRED]: String(wanted), [MAXIMUM]: String(wanted + maxSurge) };
}

/** Somebody changed the size of the deployment, and its versions have not followed yet. */
export const isScaling = (versions: readonly Version[], wanted: number): boolean =>
  versions.some((v) => v.replicas > 0 && (numberOf(v.annotations[DESIRED]) ?? wanted) !== wanted);

/** What it has until its controller has followed its size; before that one has seen the size, nobody knows. */
function held({ set, replicas }: Version): number {
  const { generation = 0 } = set.metadata;
  const { observedGeneration = 0, replicas: there = 0 } = set.status ?? {};
  return observedGeneration < generation ? Infinity : Math.max(replicas, there);
}

/** How many the newest version may have while the old ones have what they have. */
export function newestSize(newest: number, old: readonly Version[], { wanted, maxSurge }: Limits): number {
  if (newest >= wanted) return wanted;
  const room = wanted + maxSurge - newest - old.reduce((sum, version) => sum + held(version), 0);
  return room <= 0 ? newest : newest + Math.min(room, wanted - newest);
}

/** Whether anything was taken from the old versions: first what does not serve, then what can be spared. */
export function shrinkOld(newest: Version, old: readonly Version[], limits: Limits): boolean {
  const least = limits.wanted - limits.maxUnavailable;
  const before = total(old);
  const missing = newest.replicas - available(newest);
  let spare = total([...old, newest]) - least - missing;
  for (const version of old.toSorted(olderFirst)) {
    const broken = version.replicas - available(version);
    if (spare <= 0 || version.replicas === 0 || broken <= 0) continue;
    const goes = Math.min(spare, broken);
    resize(version, version.replicas - goes, limits);
    spare -= goes;
  }
  let serving = [...old, newest].reduce((sum, version) => sum + available(version), 0) - least;
  for (const version of old.toSorted(olderFirst)) {
    if (serving <= 0) break;
    const goes = Math.min(version.replicas, serving);
    if (goes === 0) continue;
    resize(version, version.replicas - goes, limits);
    serving -= goes;
  }
  return total(old) < before;
}

/** After a change of the size of the deployment, and while it is paused. */
export function follow(newest: Version | undefined, old: readonly Version[], limits: Limits, isRolling: boolean): void {
  const { wanted } = limits;
  const all = newest === undefined ? old : [...old, newest];
  const active = all.filter(({ replicas }) => replicas > 0);
  const [only] = active.length === 0 ? [newest ?? old.toSorted(olderFirst).at(-1)] : active;
  if (active.length <= 1) {
    if (only !== undefined) resize(only, wanted, limits);
    return;
  }
  if (newest !== undefined && isSaturated(newest, wanted)) {
    for (const version of old) if (version.replicas > 0) resize(version, 0, limits);
    return;
  }
  if (isRolling) share(active, limits);
}

const isSaturated = (version: Version, wanted: number): boolean =>
  version.replicas === wanted && numberOf(version.annotations[DESIRED]) === wanted && available(version) === wanted;

/** In proportion to their sizes; what is left over goes to, or comes from, the largest. */
function share(active: readonly Version[], limits: Limits): void {
  const { wanted, maxSurge } = limits;
  const most = wanted > 0 ? wanted + maxSurge : 0;
  const toAdd = most - total(active);
  const sorted = active.toSorted((a, b) => b.replicas - a.replicas || (toAdd > 0 ? olderFirst(b, a) : olderFirst(a, b)));
  let added = 0;
  const sizes = sorted.map((version) => {
    const left = toAdd - added;
    const part = partOf(version, limits);
    const change = toAdd > 0 ? Math.max(0, Math.min(part, left)) : Math.min(0, Math.max(part, left));
    added += change;
    return version.replicas + change;
  });
  for (const [i, version] of sorted.entries()) {
    const size = (sizes[i] ?? 0) + (i === 0 ? toAdd - added : 0);
    resize(version, Math.max(0, size), limits);
  }
}

function partOf({ replicas, annotations }: Version, { wanted, maxSurge }: Limits): number {
  if (wanted === 0) return -replicas;
  const before = numberOf(annotations[MAXIMUM]) ?? 0;
  return before === 0 ? 0 : Math.round((replicas * (wanted + maxSurge)) / before) - replicas;
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
