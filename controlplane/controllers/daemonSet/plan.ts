/**
 * Keeps one pod of a daemon on every node it belongs to, and replaces old ones node by node. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: the behaviour of upstream's daemon set controller, Kubernetes 1.36.
 * Differs: what does not serve anyway takes its part of maxUnavailable when it is replaced; upstream lets it come on top.
 */
import type { ControllerRevision, DaemonSet, DaemonSetStatus } from '#api/kinds/apps/v1.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { scaledValue } from '#api/intOrString.ts';
import { fromLabelSelector } from '#api/labels.ts';
import type { Plan } from '#base/reconcile.ts';
import type { EventText } from '#client/events.ts';
import { DAEMON_SETS } from '../../component/kinds.ts';
import { planClaims, type ClaimAction } from '../workloads/owners.ts';
import { podName, type PodName } from '../workloads/podControl.ts';
import { isAvailable, isGoing, isReady, nextAvailableInMs, timeMs } from '../workloads/pods.ts';
import { newestRevision, outdatedRevisions, REVISION_LABEL, type RevisionAction } from '../workloads/revisions.ts';
import { canonical } from '../workloads/template.ts';
import { fitOf, targetOf } from './nodes.ts';

/** Most pods that are made, and that are deleted, in one turn. */
const BURST = 250;

export type DaemonSetAction =
  | ClaimAction
  | RevisionAction
  | {
      readonly kind: 'deletePods';
      readonly pods: readonly PodName[];
      readonly tell: readonly EventText[];
      readonly failedOn: readonly string[];
    }
  | { readonly kind: 'createPods'; readonly nodes: readonly string[]; readonly hash: string }
  | { readonly kind: 'updateStatus'; readonly object: DaemonSet };

export interface Daemons {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  readonly owned: readonly Pod[];
  readonly orphans: readonly Pod[];
  readonly revisions: readonly ControllerRevision[];
  /** How long what failed on a node stays before another one is tried there. */
  readonly failedWaitMs: (node: string) => number;
}

interface Place {
  readonly name: string;
  readonly runs: boolean;
  readonly stays: boolean;
  readonly pods: readonly Pod[];
}

interface Work {
  readonly create: Set<string>;
  readonly remove: Map<string, Pod>;
  readonly tell: EventText[];
  readonly failedOn: string[];
  readonly waitsMs: number[];
}

export function planDaemonSet({ set, nodes, owned, orphans, revisions, failedWaitMs }: Daemons, nowMs: number): Plan<DaemonSetAction> {
  if (set.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const claims = planClaims({ owner: set, selector: fromLabelSelector(set.spec.selector), owned, orphans });
  if (claims.length > 0) return { actions: claims };
  const { template, minReadySeconds = 0, revisionHistoryLimit = 10 } = set.spec;
  const { newest, action } = newestRevision({
    type: DAEMON_SETS,
    owner: set,
    template,
    revisions,
    collisionCount: set.status?.collisionCount,
    label: REVISION_LABEL,
  });
  if (action !== undefined) return { actions: [action] };
  const hash = newest.metadata.labels?.[REVISION_LABEL] ?? '';
  const at = Map.groupBy(owned, (pod) => targetOf(pod) ?? '');
  const places = nodes.map((node): Place => {
    const name = node.metadata.name ?? '';
    return { name, ...fitOf(set, node), pods: (at.get(name) ?? []).toSorted(settledFirst) };
  });
  const limits = limitsOf(set, places.filter(({ runs }) => runs).length);
  const work: Work = { create: new Set(), remove: new Map(), tell: [], failedOn: [], waitsMs: [] };
  const seen: Seen = { hash, minReadySeconds, nowMs, surges: limits.maxSurge > 0, failedWaitMs };
  for (const place of places) keep(place, seen, work);
  for (const [name, pods] of at) {
    // A pod that waits for a node that is not there any more.
    if (!places.some((place) => place.name === name)) for (const pod of pods) if ((pod.spec.nodeName ?? '') === '') take(pod, work);
  }
  const isRolling = (set.spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
  if (isRolling) replaceOld(places, limits, seen, work);
  return settled({ set, places, owned, revisions, newest, limit: revisionHistoryLimit, seen }, work);
}

interface Seen {
  readonly hash: string;
  readonly minReadySeconds: number;
  readonly nowMs: number;
  readonly surges: boolean;
  readonly failedWaitMs: Daemons['failedWaitMs'];
}

function take(pod: Pod, { remove }: Work): void {
  if (!isGoing(pod)) remove.set(pod.metadata.name ?? '', pod);
}

/** With a node before without, then the oldest. */
function settledFirst(a: Pod, b: Pod): number {
  const placed = ({ spec }: Pod): number => ((spec.nodeName ?? '') === '' ? 1 : 0);
  return (
    placed(a) - placed(b) ||
    timeMs(a.metadata.creationTimestamp) - timeMs(b.metadata.creationTimestamp) ||
    ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1)
  );
}

function keep({ name, runs, stays, pods }: Place, seen: Seen, work: Work): void {
  if (!stays) {
    for (const pod of pods) take(pod, work);
    return;
  }
  if (pods.length === 0) {
    if (runs) work.create.add(name);
    return;
  }
  const alive = pods.filter((pod) => !isGoing(pod) && !isOver(pod, name, seen, work));
  if (alive.length === 0 && seen.surges && runs && pods.every(isGoing)) work.create.add(name);
  if (alive.length <= 1) return;
  const surplus = seen.surges ? surplusWhileSurging(alive, seen) : alive.slice(1);
  for (const pod of surplus) take(pod, work);
}

/** What has ended is taken away; another one comes when it is gone. */
function isOver(pod: Pod, node: string, { failedWaitMs }: Seen, work: Work): boolean {
  const { phase } = pod.status ?? {};
  if (phase !== 'Failed' && phase !== 'Succeeded') return false;
  const waitMs = phase === 'Failed' ? failedWaitMs(node) : 0;
  if (waitMs > 0) {
    work.waitsMs.push(waitMs);
    return true;
  }
  if (phase === 'Failed') work.failedOn.push(node);
  const id = `${pod.metadata.namespace ?? ''}/${pod.metadata.name ?? ''} on node ${node}`;
  take(pod, work);
  work.tell.push(
    phase === 'Failed'
      ? { type: 'Warning', reason: 'FailedDaemonPod', message: `Found failed daemon pod ${id}, will try to kill it` }
      : { type: 'Normal', reason: 'SucceededDaemonPod', message: `Found succeeded daemon pod ${id}, will try to delete it` },
  );
  return true;
}

/** One old pod may stay beside one new one, until that is available. */
function surplusWhileSurging(alive: readonly Pod[], seen: Seen): readonly Pod[] {
  const isNew = ({ metadata }: Pod): boolean => metadata.labels?.[REVISION_LABEL] === seen.hash;
  const [fresh, ...moreFresh] = alive.filter(isNew);
  const [old, ...moreOld] = alive.filter((pod) => !isNew(pod));
  const surplus = [...moreFresh, ...moreOld];
  if (fresh === undefined || old === undefined) return surplus;
  if (!isReady(old) || isAvailable(fresh, seen.minReadySeconds, seen.nowMs)) surplus.push(old);
  return surplus;
}

interface Limits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

function limitsOf({ spec }: DaemonSet, wanted: number): Limits {
  const { rollingUpdate, type = 'RollingUpdate' } = spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return { maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = scaledValue(rollingUpdate?.maxSurge ?? 0, wanted, 'up') ?? 0;
  const maxUnavailable = scaledValue(rollingUpdate?.maxUnavailable ?? 1, wanted, 'up') ?? 1;
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

function replaceOld(places: readonly Place[], { maxSurge, maxUnavailable }: Limits, seen: Seen, work: Work): void {
  const { hash, minReadySeconds, nowMs } = seen;
  /** Of the limit: nodes that are without an available pod, or with two. */
  let used = 0;
  const broken: Place[] = [];
  const candidates: Place[] = [];
  for (const place of places.filter(({ runs }) => runs)) {
    const alive = place.pods.filter((pod) => !isGoing(pod) && !work.remove.has(pod.metadata.name ?? ''));
    const fresh = alive.find(({ metadata }) => metadata.labels?.[REVISION_LABEL] === hash);
    const old = alive.find((pod) => pod !== fresh);
    const serves = (pod: Pod): boolean => isAvailable(pod, minReadySeconds, nowMs);
    if (maxSurge === 0) {
      if (old === undefined || fresh !== undefined) used += fresh !== undefined && old === undefined && serves(fresh) ? 0 : 1;
      else if (!serves(old)) broken.push(place);
      else candidates.push(place);
    } else if (old !== undefined && fresh === undefined) (serves(old) ? candidates : broken).push(place);
    else if (old !== undefined && fresh !== undefined) {
      if (serves(fresh)) take(old, work);
      else used++;
    }
  }
  const limit = maxSurge === 0 ? maxUnavailable : maxSurge;
  // What does not serve anyway is replaced without asking, and takes its part of the limit all the same.
  const free = Math.max(0, limit - used - (maxSurge === 0 ? broken.length : 0));
  for (const place of [...broken, ...candidates.slice(0, free)]) {
    if (maxSurge > 0) work.create.add(place.name);
    else for (const pod of place.pods) if (pod.metadata.labels?.[REVISION_LABEL] !== hash) take(pod, work);
  }
}

interface Outcome {
  readonly set: DaemonSet;
  readonly places: readonly Place[];
  readonly owned: readonly Pod[];
  readonly revisions: readonly ControllerRevision[];
  readonly newest: ControllerRevision;
  readonly limit: number;
  readonly seen: Seen;
}

function settled({ set, places, owned, revisions, newest, limit, seen }: Outcome, work: Work): Plan<DaemonSetAction> {
  const status = statusOf(set, places, seen);
  const live = new Set(owned.map(({ metadata }) => metadata.labels?.[REVISION_LABEL]));
  const isLive = (revision: ControllerRevision): boolean =>
    revision.metadata.name === newest.metadata.name || live.has(revision.metadata.labels?.[REVISION_LABEL]);
  const removed = [...work.remove.values()].slice(0, BURST).map(podName);
  const availableMs = nextAvailableInMs(owned, seen.minReadySeconds, seen.nowMs);
  const waits = availableMs === undefined ? work.waitsMs : [...work.waitsMs, availableMs];
  return {
    actions: [
      ...(removed.length === 0 ? [] : [{ kind: 'deletePods' as const, pods: removed, tell: work.tell, failedOn: work.failedOn }]),
      ...(work.create.size === 0 ? [] : [{ kind: 'createPods' as const, nodes: [...work.create].slice(0, BURST), hash: seen.hash }]),
      ...(canonical(status) === canonical(set.status ?? {}) ? [] : [{ kind: 'updateStatus' as const, object: { ...set, status } }]),
      ...outdatedRevisions(revisions, isLive, limit),
    ],
    ...(waits.length === 0 ? {} : { lookAgainAfterMs: Math.min(...waits) }),
  };
}

function statusOf({ metadata, status }: DaemonSet, places: readonly Place[], { hash, minReadySeconds, nowMs }: Seen): DaemonSetStatus {
  const wanted = places.filter(({ runs }) => runs);
  const pods = wanted.flatMap(({ pods: [first] }) => first ?? []);
  const available = pods.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length;
  const updated = pods.filter(({ metadata }) => metadata.labels?.[REVISION_LABEL] === hash).length;
  const missing = wanted.length - available;
  return {
    currentNumberScheduled: pods.length,
    numberMisscheduled: places.filter(({ runs, pods }) => !runs && pods.length > 0).length,
    desiredNumberScheduled: wanted.length,
    numberReady: pods.filter(isReady).length,
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    ...(updated === 0 ? {} : { updatedNumberScheduled: updated }),
    ...(available === 0 ? {} : { numberAvailable: available }),
    ...(missing === 0 ? {} : { numberUnavailable: missing }),
    ...(status?.collisionCount === undefined ? {} : { collisionCount: status.collisionCount }),
  };
}
