import {
  always,
  anyObject,
  boolean,
  field,
  int32,
  int64,
  intOrString,
  knownTexts,
  mapList,
  object,
  oneOf,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { PodTemplateSpec } from '#api/kinds/core/pod.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const DeploymentStrategyType = oneOf(['Recreate', 'RollingUpdate']);
export type DeploymentStrategyType = Static<typeof DeploymentStrategyType>;

export const RollingUpdateDeployment = object('io.k8s.api.apps.v1.RollingUpdateDeployment', {
  maxUnavailable: intOrString(),
  maxSurge: intOrString(),
});
export interface RollingUpdateDeployment extends Static<typeof RollingUpdateDeployment> {}

export const DeploymentStrategy = object('io.k8s.api.apps.v1.DeploymentStrategy', {
  type: field(DeploymentStrategyType, undefined, { default: 'RollingUpdate' }),
  rollingUpdate: RollingUpdateDeployment,
});
export interface DeploymentStrategy extends Static<typeof DeploymentStrategy> {}

export const DeploymentSpec = object('io.k8s.api.apps.v1.DeploymentSpec', {
  replicas: int32(undefined, { default: 1 }),
  selector: required(LabelSelector),
  template: always(PodTemplateSpec),
  strategy: field(DeploymentStrategy, undefined, { patchStrategy: 'retainKeys', default: {} }),
  minReadySeconds: int32(),
  revisionHistoryLimit: int32(undefined, { default: 10 }),
  paused: boolean(),
  progressDeadlineSeconds: int32(undefined, { default: 600 }),
});
export interface DeploymentSpec extends Static<typeof DeploymentSpec> {}

export const DeploymentConditionType = knownTexts(['Available', 'Progressing', 'ReplicaFailure']);
export type DeploymentConditionType = Static<typeof DeploymentConditionType>;

export const DeploymentCondition = object('io.k8s.api.apps.v1.DeploymentCondition', {
  type: always(DeploymentConditionType),
  status: always(ConditionStatus),
  lastUpdateTime: time(),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface DeploymentCondition extends Static<typeof DeploymentCondition> {}

export const DeploymentStatus = object('io.k8s.api.apps.v1.DeploymentStatus', {
  observedGeneration: int64(),
  replicas: int32(),
  updatedReplicas: int32(),
  readyReplicas: int32(),
  availableReplicas: int32(),
  unavailableReplicas: int32(),
  terminatingReplicas: int32(),
  conditions: mapList(DeploymentCondition, ['type']),
  collisionCount: int32(),
});
export interface DeploymentStatus extends Static<typeof DeploymentStatus> {}

export const Deployment = kind('io.k8s.api.apps.v1.Deployment', {
  spec: always(DeploymentSpec),
  status: DeploymentStatus,
});
export interface Deployment extends Static<typeof Deployment> {}

export const ReplicaSetSpec = object('io.k8s.api.apps.v1.ReplicaSetSpec', {
  replicas: int32(undefined, { default: 1 }),
  minReadySeconds: int32(),
  selector: required(LabelSelector),
  template: always(PodTemplateSpec),
});
export interface ReplicaSetSpec extends Static<typeof ReplicaSetSpec> {}

export const ReplicaSetConditionType = knownTexts(['ReplicaFailure']);
export type ReplicaSetConditionType = Static<typeof ReplicaSetConditionType>;

export const ReplicaSetCondition = object('io.k8s.api.apps.v1.ReplicaSetCondition', {
  type: always(ReplicaSetConditionType),
  status: always(ConditionStatus),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface ReplicaSetCondition extends Static<typeof ReplicaSetCondition> {}

export const ReplicaSetStatus = object('io.k8s.api.apps.v1.ReplicaSetStatus', {
  replicas: always(int32()),
  fullyLabeledReplicas: int32(),
  readyReplicas: int32(),
  availableReplicas: int32(),
  terminatingReplicas: int32(),
  observedGeneration: int64(),
  conditions: mapList(ReplicaSetCondition, ['type']),
});
export interface ReplicaSetStatus extends Static<typeof ReplicaSetStatus> {}

export const ReplicaSet = kind('io.k8s.api.apps.v1.ReplicaSet', {
  spec: always(ReplicaSetSpec),
  status: ReplicaSetStatus,
});
export interface ReplicaSet extends Static<typeof ReplicaSet> {}

export const DaemonSetUpdateStrategyType = oneOf(['RollingUpdate', 'OnDelete']);
export type DaemonSetUpdateStrategyType = Static<typeof DaemonSetUpdateStrategyType>;

export const RollingUpdateDaemonSet = object('io.k8s.api.apps.v1.RollingUpdateDaemonSet', {
  maxUnavailable: intOrString(),
  maxSurge: intOrString(),
});
export interface RollingUpdateDaemonSet extends Static<typeof RollingUpdateDaemonSet> {}

export const DaemonSetUpdateStrategy = object('io.k8s.api.apps.v1.DaemonSetUpdateStrategy', {
  type: field(DaemonSetUpdateStrategyType, undefined, { default: 'RollingUpdate' }),
  rollingUpdate: RollingUpdateDaemonSet,
});
export interface DaemonSetUpdateStrategy extends Static<typeof DaemonSetUpdateStrategy> {}

export const DaemonSetSpec = object('io.k8s.api.apps.v1.DaemonSetSpec', {
  selector: required(LabelSelector),
  template: always(PodTemplateSpec),
  updateStrategy: field(DaemonSetUpdateStrategy, undefined, { default: {} }),
  minReadySeconds: int32(),
  revisionHistoryLimit: int32(undefined, { default: 10 }),
});
export interface DaemonSetSpec extends Static<typeof DaemonSetSpec> {}

export const DaemonSetCondition = object('io.k8s.api.apps.v1.DaemonSetCondition', {
  type: always(string()),
  status: always(ConditionStatus),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface DaemonSetCondition extends Static<typeof DaemonSetCondition> {}

export const DaemonSetStatus = object('io.k8s.api.apps.v1.DaemonSetStatus', {
  currentNumberScheduled: always(int32()),
  numberMisscheduled: always(int32()),
  desiredNumberScheduled: always(int32()),
  numberReady: always(int32()),
  observedGeneration: int64(),
  updatedNumberScheduled: int32(),
  numberAvailable: int32(),
  numberUnavailable: int32(),
  collisionCount: int32(),
  conditions: mapList(DaemonSetCondition, ['type']),
});
export interface DaemonSetStatus extends Static<typeof DaemonSetStatus> {}

export const DaemonSet = kind('io.k8s.api.apps.v1.DaemonSet', {
  spec: always(DaemonSetSpec),
  status: DaemonSetStatus,
});
export interface DaemonSet extends Static<typeof DaemonSet> {}

export const ControllerRevision = kind('io.k8s.api.apps.v1.ControllerRevision', {
  data: anyObject(),
  revision: always(int64()),
});
export interface ControllerRevision extends Static<typeof ControllerRevision> {}

computeDefaults(DeploymentStrategy, (strategy) => {
  if (strategy.type === 'RollingUpdate') strategy.rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%', ...strategy.rollingUpdate };
});
computeDefaults(DaemonSetUpdateStrategy, (strategy) => {
  if (strategy.type === 'RollingUpdate') strategy.rollingUpdate = { maxUnavailable: 1, maxSurge: 0, ...strategy.rollingUpdate };
});
