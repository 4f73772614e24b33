import {
  always,
  atomicList,
  field,
  int32,
  int64,
  intOrString,
  mapList,
  object,
  oneOf,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import { PodTemplateSpec } from '#api/kinds/core/pod.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const StatefulSetUpdateStrategyType = oneOf(['RollingUpdate', 'OnDelete']);
export type StatefulSetUpdateStrategyType = Static<typeof StatefulSetUpdateStrategyType>;

export const RollingUpdateStatefulSetStrategy = object('io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy', {
  partition: int32(),
  maxUnavailable: intOrString(undefined, { gate: 'MaxUnavailableStatefulSet' }),
});
export interface RollingUpdateStatefulSetStrategy extends Static<typeof RollingUpdateStatefulSetStrategy> {}

export const StatefulSetUpdateStrategy = object('io.k8s.api.apps.v1.StatefulSetUpdateStrategy', {
  type: field(StatefulSetUpdateStrategyType, undefined, { default: 'RollingUpdate' }),
  rollingUpdate: RollingUpdateStatefulSetStrategy,
});
export interface StatefulSetUpdateStrategy extends Static<typeof StatefulSetUpdateStrategy> {}

export const PodManagementPolicyType = oneOf(['OrderedReady', 'Parallel']);
export type PodManagementPolicyType = Static<typeof PodManagementPolicyType>;

export const PersistentVolumeClaimRetentionPolicyType = oneOf(['Retain', 'Delete']);
export type PersistentVolumeClaimRetentionPolicyType = Static<typeof PersistentVolumeClaimRetentionPolicyType>;

export const StatefulSetPersistentVolumeClaimRetentionPolicy = object(
  'io.k8s.api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy',
  {
    whenDeleted: field(PersistentVolumeClaimRetentionPolicyType, undefined, { default: 'Retain' }),
    whenScaled: field(PersistentVolumeClaimRetentionPolicyType, undefined, { default: 'Retain' }),
  },
);
export interface StatefulSetPersistentVolumeClaimRetentionPolicy extends Static<typeof StatefulSetPersistentVolumeClaimRetentionPolicy> {}

export const StatefulSetOrdinals = object('io.k8s.api.apps.v1.StatefulSetOrdinals', {
  start: int32(),
});
export interface StatefulSetOrdinals extends Static<typeof StatefulSetOrdinals> {}

export const StatefulSetSpec = object('io.k8s.api.apps.v1.StatefulSetSpec', {
  replicas: int32(undefined, { default: 1 }),
  selector: required(LabelSelector),
  template: always(PodTemplateSpec),
  volumeClaimTemplates: atomicList(PersistentVolumeClaim),
  serviceName: string(),
  podManagementPolicy: field(PodManagementPolicyType, undefined, { default: 'OrderedReady' }),
  updateStrategy: field(StatefulSetUpdateStrategy, undefined, { default: {} }),
  revisionHistoryLimit: int32(undefined, { default: 10 }),
  minReadySeconds: int32(),
  persistentVolumeClaimRetentionPolicy: field(StatefulSetPersistentVolumeClaimRetentionPolicy, undefined, { default: {} }),
  ordinals: StatefulSetOrdinals,
});
export interface StatefulSetSpec extends Static<typeof StatefulSetSpec> {}

export const StatefulSetCondition = object('io.k8s.api.apps.v1.StatefulSetCondition', {
  type: always(string()),
  status: always(ConditionStatus),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface StatefulSetCondition extends Static<typeof StatefulSetCondition> {}

export const StatefulSetStatus = object('io.k8s.api.apps.v1.StatefulSetStatus', {
  observedGeneration: int64(),
  replicas: always(int32()),
  readyReplicas: int32(),
  currentReplicas: int32(),
  updatedReplicas: int32(),
  currentRevision: string(),
  updateRevision: string(),
  collisionCount: int32(),
  conditions: mapList(StatefulSetCondition, ['type']),
  availableReplicas: int32(),
});
export interface StatefulSetStatus extends Static<typeof StatefulSetStatus> {}

export const StatefulSet = kind('io.k8s.api.apps.v1.StatefulSet', {
  spec: always(StatefulSetSpec),
  status: StatefulSetStatus,
});
export interface StatefulSet extends Static<typeof StatefulSet> {}

computeDefaults(StatefulSetUpdateStrategy, (strategy) => {
  if (strategy.type === 'RollingUpdate') strategy.rollingUpdate = { partition: 0, ...strategy.rollingUpdate };
});
