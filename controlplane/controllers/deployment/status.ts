/**
 * What a deployment says of its rollout. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: conditions, reasons and messages of upstream's deployment controller, Kubernetes 1.36; kubectl rollout status and wait read them.
 */
import { rfc3339 } from '#api/formats.ts';
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '#api/kinds/apps/v1.ts';
import { timeMs } from '../workloads/pods.ts';
import { limitsOf } from './sizes.ts';

type Type = DeploymentCondition['type'];
type Conditions = readonly DeploymentCondition[];

/** So far in the future that it never comes: no deadline. */
const NEVER = 2_147_483_647;

export const conditionOf = (conditions: Conditions | undefined, type: Type): DeploymentCondition | undefined =>
  conditions?.find((condition) => condition.type === type);

export function hasDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== NEVER;
}

export interface Said {
  readonly type: Type;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** The same status and reason change nothing; the same status keeps the time of its beginning. */
export function withCondition(conditions: Conditions, said: Said, nowMs: number): Conditions {
  const old = conditionOf(conditions, said.type);
  if (old?.status === said.status && old.reason === said.reason) return conditions;
  const now = rfc3339(nowMs);
  const lastTransitionTime = old?.status === said.status ? (old.lastTransitionTime ?? now) : now;
  return [...without(conditions, said.type), { ...said, lastUpdateTime: now, lastTransitionTime }];
}

export const without = (conditions: Conditions, type: Type): Conditions => conditions.filter((condition) => condition.type !== type);

export const progressing = (status: Said['status'], reason: string, message: string): Said => ({
  type: 'Progressing',
  status,
  reason,
  message,
});

export interface Rollout {
  readonly deployment: Deployment;
  readonly newest: ReplicaSet | undefined;
  readonly all: readonly ReplicaSet[];
}

/** Numbers, and whether enough pods are available. Conditions begin with those given. */
export function countsOf({ deployment, newest, all }: Rollout, conditions: Conditions, nowMs: number): DeploymentStatus {
  const sum = (of: (status: NonNullable<ReplicaSet['status']>) => number | undefined): number =>
    all.reduce((n, { status }) => n + (status === undefined ? 0 : (of(status) ?? 0)), 0);
  const replicas = sum((s) => s.replicas);
  const available = sum((s) => s.availableReplicas);
  const { wanted, maxUnavailable } = limitsOf(deployment);
  const isEnough = available >= wanted - maxUnavailable;
  const text = isEnough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.';
  const reason = isEnough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable';
  const said: Said = { type: 'Available', status: isEnough ? 'True' : 'False', reason, message: text };
  const { collisionCount } = deployment.status ?? {};
  const { generation } = deployment.metadata;
  const counts = {
    replicas,
    updatedReplicas: newest?.status?.replicas ?? 0,
    readyReplicas: sum((s) => s.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, replicas - available),
  };
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    ...Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0)),
    ...(all.every(({ status }) => status?.terminatingReplicas !== undefined)
      ? { terminatingReplicas: sum((s) => s.terminatingReplicas) }
      : {}),
    conditions: withCondition(conditions, said, nowMs),
    ...(collisionCount === undefined ? {} : { collisionCount }),
  };
}

/** Counts, and how the rollout gets on. */
export function rolloutStatus(rollout: Rollout, conditions: Conditions, nowMs: number): DeploymentStatus {
  const { deployment, newest, all } = rollout;
  const status = countsOf(rollout, conditions, nowMs);
  let said = status.conditions ?? [];
  const current = conditionOf(conditions, 'Progressing');
  const isOver = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (!hasDeadline(deployment)) said = without(said, 'Progressing');
  else if (!isOver) said = progressed({ deployment, status, newest, nowMs }, said);
  const failure = failureOf(newest, all);
  said = failure === undefined ? without(said, 'ReplicaFailure') : withFailure(said, failure);
  return { ...status, conditions: said };
}

interface Progress {
  readonly deployment: Deployment;
  readonly status: DeploymentStatus;
  readonly newest: ReplicaSet | undefined;
  readonly nowMs: number;
}

function progressed({ deployment, status, newest, nowMs }: Progress, conditions: Conditions): Conditions {
  const current = conditionOf(conditions, 'Progressing');
  const what =
    newest === undefined
      ? `Deployment ${JSON.stringify(deployment.metadata.name ?? '')}`
      : `ReplicaSet ${JSON.stringify(newest.metadata.name ?? '')}`;
  if (isComplete(deployment, status)) {
    return withCondition(conditions, progressing('True', 'NewReplicaSetAvailable', `${what} has successfully progressed.`), nowMs);
  }
  if (isFurther(deployment.status ?? {}, status)) {
    const now = rfc3339(nowMs);
    const said = progressing('True', 'ReplicaSetUpdated', `${what} is progressing.`);
    const lastTransitionTime = current?.status === 'True' ? (current.lastTransitionTime ?? now) : now;
    return [...without(conditions, 'Progressing'), { ...said, lastUpdateTime: now, lastTransitionTime }];
  }
  const dueMs = deadlineMs(deployment, conditions);
  if (dueMs === undefined || dueMs >= nowMs) return conditions;
  return withCondition(conditions, progressing('False', 'ProgressDeadlineExceeded', `${what} has timed out progressing.`), nowMs);
}

export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const wanted = spec.replicas ?? 1;
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0, observedGeneration = 0 } = status;
  return [updatedReplicas, replicas, availableReplicas].every((n) => n === wanted) && observedGeneration >= (metadata.generation ?? 0);
}

function isFurther(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus): number => replicas - updatedReplicas;
  const more = (of: 'updatedReplicas' | 'readyReplicas' | 'availableReplicas'): boolean => (after[of] ?? 0) > (before[of] ?? 0);
  return more('updatedReplicas') || old(after) < old(before) || more('readyReplicas') || more('availableReplicas');
}

/** When the rollout counts as stuck; undefined: never, or it does already. */
export function deadlineMs(deployment: Deployment, conditions: Conditions | undefined): number | undefined {
  const current = conditionOf(conditions, 'Progressing');
  const isOut = current?.reason === 'NewReplicaSetAvailable' || current?.reason === 'ProgressDeadlineExceeded';
  if (current === undefined || isOut || !hasDeadline(deployment)) return undefined;
  return timeMs(current.lastUpdateTime) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1_000;
}

/** Of the newest version, or of any. */
function failureOf(newest: ReplicaSet | undefined, all: readonly ReplicaSet[]): DeploymentCondition | undefined {
  const of = (set: ReplicaSet | undefined): DeploymentCondition | undefined => {
    const found = set?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
    return found?.lastTransitionTime === undefined ? found : { ...found, lastUpdateTime: found.lastTransitionTime };
  };
  return of(newest) ?? all.map(of).find((condition) => condition !== undefined);
}

function withFailure(conditions: Conditions, failure: DeploymentCondition): Conditions {
  const old = conditionOf(conditions, 'ReplicaFailure');
  if (old?.status === failure.status && old.reason === failure.reason) return conditions;
  return [...without(conditions, 'ReplicaFailure'), failure];
}
