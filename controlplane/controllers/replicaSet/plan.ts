/**
 * Keeps the number of pods of a ReplicaSet, or of a ReplicationController, which is one under an older name. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: the behaviour of upstream's replica set controller, Kubernetes 1.36: 500 pods at once at most, which pods go first, what is
 * counted in the status.
 */
import { rfc3339 } from '#api/formats.ts';
import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '#api/kinds/apps/v1.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { fromMap, matches, type Selector } from '#api/labels.ts';
import type { Plan } from '#base/reconcile.ts';
import { planClaims, type ClaimAction } from '../workloads/owners.ts';
import { podName, type PodName } from '../workloads/podControl.ts';
import { isActive, isAvailable, isReady, isTerminating, nextAvailableInMs, rankForDeletion } from '../workloads/pods.ts';
import { canonical } from '../workloads/template.ts';

/** Most pods that are made or deleted in one turn. */
const BURST = 500;

export type ReplicaSetAction =
  | ClaimAction
  | { readonly kind: 'updateStatus'; readonly object: Replicated }
  | { readonly kind: 'createPods'; readonly count: number }
  | { readonly kind: 'deletePods'; readonly pods: readonly PodName[] };

/** What both kinds have in common. */
export interface Replicated extends KubeObject {
  readonly spec: Pick<ReplicaSet['spec'], 'replicas' | 'minReadySeconds'> & { readonly template?: ReplicaSet['spec']['template'] };
  readonly status?: ReplicaSetStatus;
}

export interface Replicas {
  readonly owner: Replicated;
  readonly selector: Selector;
  /** Its own, dead ones as well. */
  readonly owned: readonly Pod[];
  /** Of its namespace, controlled by nobody. */
  readonly orphans: readonly Pod[];
  /** The pods of all versions of the workload it is a version of; asked for when some have to go. */
  readonly related: () => readonly Pod[];
  /** Why the last turn did not make or delete its pods. */
  readonly failure?: string | undefined;
  /** ReplicationControllers do not say how many pods are ending. */
  readonly countsTerminating: boolean;
}

export function planReplicas(given: Replicas, nowMs: number): Plan<ReplicaSetAction> {
  const { owner, selector, owned, orphans, related } = given;
  const active = owned.filter(isActive);
  const claims = planClaims({ owner, selector, owned: active, orphans: orphans.filter(isActive) });
  if (claims.length > 0) return { actions: claims };
  const status = statusOf(given, active, nowMs);
  const actions: ReplicaSetAction[] =
    canonical(status) === canonical(owner.status ?? {}) ? [] : [{ kind: 'updateStatus', object: { ...owner, status } }];
  const surplus = active.length - (owner.spec.replicas ?? 1);
  if (owner.metadata.deletionTimestamp === undefined && surplus < 0) {
    actions.push({ kind: 'createPods', count: Math.min(-surplus, BURST) });
  }
  if (owner.metadata.deletionTimestamp === undefined && surplus > 0) {
    const ranked = surplus === active.length ? active : rankForDeletion(active, { nowMs, related: related().filter(isActive) });
    actions.push({ kind: 'deletePods', pods: ranked.slice(0, Math.min(surplus, BURST)).map(podName) });
  }
  const lookAgainAfterMs = nextAvailableInMs(active, owner.spec.minReadySeconds ?? 0, nowMs);
  return { actions, ...(lookAgainAfterMs === undefined ? {} : { lookAgainAfterMs }) };
}

function statusOf({ owner, owned, failure, countsTerminating }: Replicas, active: readonly Pod[], nowMs: number): ReplicaSetStatus {
  const { spec, status, metadata } = owner;
  const template = fromMap(spec.template?.metadata.labels);
  const count = (is: (pod: Pod) => boolean, pods = active): number => pods.filter(is).length;
  const conditions = conditionsOf(status?.conditions ?? [], { failure, surplus: active.length - (spec.replicas ?? 1), nowMs });
  return {
    replicas: active.length,
    ...some(
      'fullyLabeledReplicas',
      count(({ metadata }) => matches(template, metadata.labels)),
    ),
    ...some('readyReplicas', count(isReady)),
    ...some(
      'availableReplicas',
      count((pod) => isAvailable(pod, spec.minReadySeconds ?? 0, nowMs)),
    ),
    ...(countsTerminating ? { terminatingReplicas: count(isTerminating, owned) } : {}),
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

/** Upstream leaves zeros out of what it writes. */
const some = <K extends string>(name: K, count: number): Partial<Record<K, number>> =>
  count === 0 ? {} : ({ [name]: count } as Record<K, number>);

interface Failing {
  readonly failure: string | undefined;
  readonly surplus: number;
  readonly nowMs: number;
}

function conditionsOf(old: readonly ReplicaSetCondition[], { failure, surplus, nowMs }: Failing): readonly ReplicaSetCondition[] {
  const others = old.filter(({ type }) => type !== 'ReplicaFailure');
  if (failure === undefined) return others;
  if (others.length < old.length) return old;
  const reason = surplus < 0 ? { reason: 'FailedCreate' } : surplus > 0 ? { reason: 'FailedDelete' } : {};
  return [...others, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: rfc3339(nowMs), ...reason, message: failure }];
}
