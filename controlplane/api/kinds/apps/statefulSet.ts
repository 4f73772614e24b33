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
  partition: int32('Pods with a smaller number keep the old version'),
  maxUnavailable: intOrString('Pods that may be missing, number or percentage', { gate: 'MaxUnavailableStatefulSet' }),
});
export interface RollingUpdateStatefulSetStrategy extends Static<typeof RollingUpdateStatefulSetStrategy> {}

export const StatefulSetUpdateStrategy = object('io.k8s.api.apps.v1.StatefulSetUpdateStrategy', {
  type: field(StatefulSetUpdateStrategyType, 'Little by little, or when pods are deleted', { default: 'RollingUpdate' }),
  rollingUpdate: field(RollingUpdateStatefulSetStrategy, 'How'),
});
export interface StatefulSetUpdateStrategy extends Static<typeof StatefulSetUpdateStrategy> {}

export const PodManagementPolicyType = oneOf(['OrderedReady', 'Parallel']);
export type PodManagementPolicyType = Static<typeof PodManagementPolicyType>;

export const PersistentVolumeClaimRetentionPolicyType = oneOf(['Retain', 'Delete']);
export type PersistentVolumeClaimRetentionPolicyType = Static<typeof PersistentVolumeClaimRetentionPolicyType>;

export const StatefulSetPersistentVolumeClaimRetentionPolicy = object(
  'io.k8s.api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy',
  {
    whenDeleted: field(PersistentVolumeClaimRetentionPolicyType, 'When the set is deleted', { default: 'Retain' }),
    whenScaled: field(PersistentVolumeClaimRetentionPolicyType, 'When it shrinks', { default: 'Retain' }),
  },
);
export interface StatefulSetPersistentVolumeClaimRetentionPolicy extends Static<typeof StatefulSetPersistentVolumeClaimRetentionPolicy> {}

export const StatefulSetOrdinals = object('io.k8s.api.apps.v1.StatefulSetOrdinals', {
  start: int32('Number of the first pod'),
});
export interface StatefulSetOrdinals extends Static<typeof StatefulSetOrdinals> {}

export const StatefulSetSpec = object('io.k8s.api.apps.v1.StatefulSetSpec', {
  replicas: int32('How many pods are wanted', { default: 1 }),
  selector: required(field(LabelSelector, 'Labels that the objects must have')),
  template: always(field(PodTemplateSpec, 'The pod that is made')),
  volumeClaimTemplates: atomicList(PersistentVolumeClaim, 'Claims that every pod gets'),
  serviceName: string('Headless service that names the pods'),
  podManagementPolicy: field(PodManagementPolicyType, 'One after the other, or all at once', { default: 'OrderedReady' }),
  updateStrategy: field(StatefulSetUpdateStrategy, 'How old pods are replaced', { default: {} }),
  revisionHistoryLimit: int32('How many old versions are kept', { default: 10 }),
  minReadySeconds: int32('How long a new pod must be ready before it counts as available'),
  persistentVolumeClaimRetentionPolicy: field(StatefulSetPersistentVolumeClaimRetentionPolicy, 'What becomes of the claims', {
    default: {},
  }),
  ordinals: field(StatefulSetOrdinals, 'How pods are numbered'),
});
export interface StatefulSetSpec extends Static<typeof StatefulSetSpec> {}

export const StatefulSetCondition = object('io.k8s.api.apps.v1.StatefulSetCondition', {
  type: always(string('Name of the aspect')),
  status: always(field(ConditionStatus, 'What was last seen of it; written by the system')),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface StatefulSetCondition extends Static<typeof StatefulSetCondition> {}

export const StatefulSetStatus = object('io.k8s.api.apps.v1.StatefulSetStatus', {
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  replicas: always(int32('How many pods are wanted')),
  readyReplicas: int32('Pods that are ready'),
  currentReplicas: int32('Pods of the current version'),
  updatedReplicas: int32('Pods of the newest version'),
  currentRevision: string('Name of the current version'),
  updateRevision: string('Name of the newest version'),
  collisionCount: int32('How often a generated name was taken already'),
  conditions: mapList(StatefulSetCondition, ['type'], 'Newest state of each aspect'),
  availableReplicas: int32('Pods that have been ready long enough'),
});
export interface StatefulSetStatus extends Static<typeof StatefulSetStatus> {}

export const StatefulSet = kind(
  'io.k8s.api.apps.v1.StatefulSet',
  {
    spec: always(field(StatefulSetSpec, 'What is wanted')),
    status: field(StatefulSetStatus, 'What was last seen of it; written by the system'),
  },
  'Pods with names and storage that stay.',
);
export interface StatefulSet extends Static<typeof StatefulSet> {}

computeDefaults(StatefulSetUpdateStrategy, (strategy) => {
  if (strategy.type === 'RollingUpdate') strategy.rollingUpdate = { partition: 0, ...strategy.rollingUpdate };
});
