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
  maxUnavailable: intOrString('Pods that may be missing, number or percentage'),
  maxSurge: intOrString('Pods that may be too many, number or percentage'),
});
export interface RollingUpdateDeployment extends Static<typeof RollingUpdateDeployment> {}

export const DeploymentStrategy = object('io.k8s.api.apps.v1.DeploymentStrategy', {
  type: field(DeploymentStrategyType, 'Replace little by little, or all at once', { default: 'RollingUpdate' }),
  rollingUpdate: field(RollingUpdateDeployment, 'How fast'),
});
export interface DeploymentStrategy extends Static<typeof DeploymentStrategy> {}

export const DeploymentSpec = object('io.k8s.api.apps.v1.DeploymentSpec', {
  replicas: int32('How many pods are wanted', { default: 1 }),
  selector: required(field(LabelSelector, 'Labels that the objects must have')),
  template: always(field(PodTemplateSpec, 'The pod that is made')),
  strategy: field(DeploymentStrategy, 'How old pods are replaced', { patchStrategy: 'retainKeys', default: {} }),
  minReadySeconds: int32('How long a new pod must be ready before it counts as available'),
  revisionHistoryLimit: int32('How many old versions are kept', { default: 10 }),
  paused: boolean('Changes wait'),
  progressDeadlineSeconds: int32('When a rollout counts as stuck', { default: 600 }),
});
export interface DeploymentSpec extends Static<typeof DeploymentSpec> {}

export const DeploymentConditionType = knownTexts(['Available', 'Progressing', 'ReplicaFailure']);
export type DeploymentConditionType = Static<typeof DeploymentConditionType>;

export const DeploymentCondition = object('io.k8s.api.apps.v1.DeploymentCondition', {
  type: always(field(DeploymentConditionType, 'Name of the aspect')),
  status: always(field(ConditionStatus, 'What was last seen of it; written by the system')),
  lastUpdateTime: time('When it was last written'),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface DeploymentCondition extends Static<typeof DeploymentCondition> {}

export const DeploymentStatus = object('io.k8s.api.apps.v1.DeploymentStatus', {
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  replicas: int32('How many pods are wanted'),
  updatedReplicas: int32('Pods of the newest version'),
  readyReplicas: int32('Pods that are ready'),
  availableReplicas: int32('Pods that have been ready long enough'),
  unavailableReplicas: int32('Pods that are missing'),
  terminatingReplicas: int32('Pods that are ending'),
  conditions: mapList(DeploymentCondition, ['type'], 'Newest state of each aspect'),
  collisionCount: int32('How often a generated name was taken already'),
});
export interface DeploymentStatus extends Static<typeof DeploymentStatus> {}

export const Deployment = kind(
  'io.k8s.api.apps.v1.Deployment',
  {
    spec: always(field(DeploymentSpec, 'What is wanted')),
    status: field(DeploymentStatus, 'What was last seen of it; written by the system'),
  },
  'Keeps pods running and rolls new versions out.',
);
export interface Deployment extends Static<typeof Deployment> {}

export const ReplicaSetSpec = object('io.k8s.api.apps.v1.ReplicaSetSpec', {
  replicas: int32('How many pods are wanted', { default: 1 }),
  minReadySeconds: int32('How long a new pod must be ready before it counts as available'),
  selector: required(field(LabelSelector, 'Labels that the objects must have')),
  template: always(field(PodTemplateSpec, 'The pod that is made')),
});
export interface ReplicaSetSpec extends Static<typeof ReplicaSetSpec> {}

export const ReplicaSetConditionType = knownTexts(['ReplicaFailure']);
export type ReplicaSetConditionType = Static<typeof ReplicaSetConditionType>;

export const ReplicaSetCondition = object('io.k8s.api.apps.v1.ReplicaSetCondition', {
  type: always(field(ReplicaSetConditionType, 'Name of the aspect')),
  status: always(field(ConditionStatus, 'What was last seen of it; written by the system')),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface ReplicaSetCondition extends Static<typeof ReplicaSetCondition> {}

export const ReplicaSetStatus = object('io.k8s.api.apps.v1.ReplicaSetStatus', {
  replicas: always(int32('How many pods are wanted')),
  fullyLabeledReplicas: int32('Pods with all labels of the template'),
  readyReplicas: int32('Pods that are ready'),
  availableReplicas: int32('Pods that have been ready long enough'),
  terminatingReplicas: int32('Pods that are ending'),
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  conditions: mapList(ReplicaSetCondition, ['type'], 'Newest state of each aspect'),
});
export interface ReplicaSetStatus extends Static<typeof ReplicaSetStatus> {}

export const ReplicaSet = kind(
  'io.k8s.api.apps.v1.ReplicaSet',
  {
    spec: always(field(ReplicaSetSpec, 'What is wanted')),
    status: field(ReplicaSetStatus, 'What was last seen of it; written by the system'),
  },
  'Keeps a number of pods running.',
);
export interface ReplicaSet extends Static<typeof ReplicaSet> {}

export const DaemonSetUpdateStrategyType = oneOf(['RollingUpdate', 'OnDelete']);
export type DaemonSetUpdateStrategyType = Static<typeof DaemonSetUpdateStrategyType>;

export const RollingUpdateDaemonSet = object('io.k8s.api.apps.v1.RollingUpdateDaemonSet', {
  maxUnavailable: intOrString('Nodes that may be without, number or percentage'),
  maxSurge: intOrString('Nodes that may have two, number or percentage'),
});
export interface RollingUpdateDaemonSet extends Static<typeof RollingUpdateDaemonSet> {}

export const DaemonSetUpdateStrategy = object('io.k8s.api.apps.v1.DaemonSetUpdateStrategy', {
  type: field(DaemonSetUpdateStrategyType, 'Little by little, or when pods are deleted', { default: 'RollingUpdate' }),
  rollingUpdate: field(RollingUpdateDaemonSet, 'How fast'),
});
export interface DaemonSetUpdateStrategy extends Static<typeof DaemonSetUpdateStrategy> {}

export const DaemonSetSpec = object('io.k8s.api.apps.v1.DaemonSetSpec', {
  selector: required(field(LabelSelector, 'Labels that the objects must have')),
  template: always(field(PodTemplateSpec, 'The pod that is made')),
  updateStrategy: field(DaemonSetUpdateStrategy, 'How old pods are replaced', { default: {} }),
  minReadySeconds: int32('How long a new pod must be ready before it counts as available'),
  revisionHistoryLimit: int32('How many old versions are kept', { default: 10 }),
});
export interface DaemonSetSpec extends Static<typeof DaemonSetSpec> {}

export const DaemonSetCondition = object('io.k8s.api.apps.v1.DaemonSetCondition', {
  type: always(string('Name of the aspect')),
  status: always(field(ConditionStatus, 'What was last seen of it; written by the system')),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface DaemonSetCondition extends Static<typeof DaemonSetCondition> {}

export const DaemonSetStatus = object('io.k8s.api.apps.v1.DaemonSetStatus', {
  currentNumberScheduled: always(int32('Nodes that have the pod and should')),
  numberMisscheduled: always(int32('Nodes that have the pod and should not')),
  desiredNumberScheduled: always(int32('Nodes that should have the pod')),
  numberReady: always(int32('Nodes whose pod is ready')),
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  updatedNumberScheduled: int32('Nodes with the newest version'),
  numberAvailable: int32('Nodes whose pod has been ready long enough'),
  numberUnavailable: int32('Nodes without an available pod'),
  collisionCount: int32('How often a generated name was taken already'),
  conditions: mapList(DaemonSetCondition, ['type'], 'Newest state of each aspect'),
});
export interface DaemonSetStatus extends Static<typeof DaemonSetStatus> {}

export const DaemonSet = kind(
  'io.k8s.api.apps.v1.DaemonSet',
  {
    spec: always(field(DaemonSetSpec, 'What is wanted')),
    status: field(DaemonSetStatus, 'What was last seen of it; written by the system'),
  },
  'Runs a pod on every node.',
);
export interface DaemonSet extends Static<typeof DaemonSet> {}

export const ControllerRevision = kind(
  'io.k8s.api.apps.v1.ControllerRevision',
  {
    data: anyObject('What it was'),
    revision: always(int64('Number of the version')),
  },
  'An old version of something, kept by its controller.',
);
export interface ControllerRevision extends Static<typeof ControllerRevision> {}

computeDefaults(DeploymentStrategy, (strategy) => {
  if (strategy.type === 'RollingUpdate') strategy.rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%', ...strategy.rollingUpdate };
});
computeDefaults(DaemonSetUpdateStrategy, (strategy) => {
  if (strategy.type === 'RollingUpdate') strategy.rollingUpdate = { maxUnavailable: 1, maxSurge: 0, ...strategy.rollingUpdate };
});
