import {
  always,
  atomicList,
  field,
  int32,
  int64,
  knownTexts,
  mapList,
  object,
  oneOf,
  quantity,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const CrossVersionObjectReference = object('io.k8s.api.autoscaling.v2.CrossVersionObjectReference', {
  kind: required(string('Kind of the object')),
  name: required(string('Name of the object')),
  apiVersion: string('Group and version of the schema, such as v1 or apps/v1'),
});
export interface CrossVersionObjectReference extends Static<typeof CrossVersionObjectReference> {}

export const MetricSourceType = oneOf(['Object', 'Pods', 'Resource', 'ContainerResource', 'External']);
export type MetricSourceType = Static<typeof MetricSourceType>;

export const MetricTargetType = oneOf(['Utilization', 'Value', 'AverageValue']);
export type MetricTargetType = Static<typeof MetricTargetType>;

export const MetricIdentifier = object('io.k8s.api.autoscaling.v2.MetricIdentifier', {
  name: required(string('Name of the metric')),
  selector: field(LabelSelector, 'Labels that the objects must have'),
});
export interface MetricIdentifier extends Static<typeof MetricIdentifier> {}

export const MetricTarget = object('io.k8s.api.autoscaling.v2.MetricTarget', {
  type: required(field(MetricTargetType, 'How the number is meant')),
  value: quantity('Wanted value'),
  averageValue: quantity('Wanted value for each pod'),
  averageUtilization: int32('Wanted percentage of the request'),
});
export interface MetricTarget extends Static<typeof MetricTarget> {}

export const ObjectMetricSource = object('io.k8s.api.autoscaling.v2.ObjectMetricSource', {
  describedObject: required(field(CrossVersionObjectReference, 'Object that is measured')),
  target: required(field(MetricTarget, 'What is wanted')),
  metric: required(field(MetricIdentifier, 'Metric that is measured')),
});
export interface ObjectMetricSource extends Static<typeof ObjectMetricSource> {}

export const PodsMetricSource = object('io.k8s.api.autoscaling.v2.PodsMetricSource', {
  metric: required(field(MetricIdentifier, 'Metric that is measured')),
  target: required(field(MetricTarget, 'What is wanted')),
});
export interface PodsMetricSource extends Static<typeof PodsMetricSource> {}

export const ResourceMetricSource = object('io.k8s.api.autoscaling.v2.ResourceMetricSource', {
  name: required(string('Name of the resource')),
  target: required(field(MetricTarget, 'What is wanted')),
});
export interface ResourceMetricSource extends Static<typeof ResourceMetricSource> {}

export const ContainerResourceMetricSource = object('io.k8s.api.autoscaling.v2.ContainerResourceMetricSource', {
  name: required(string('Name of the resource')),
  target: required(field(MetricTarget, 'What is wanted')),
  container: required(string('Name of the container')),
});
export interface ContainerResourceMetricSource extends Static<typeof ContainerResourceMetricSource> {}

export const ExternalMetricSource = object('io.k8s.api.autoscaling.v2.ExternalMetricSource', {
  metric: required(field(MetricIdentifier, 'Metric that is measured')),
  target: required(field(MetricTarget, 'What is wanted')),
});
export interface ExternalMetricSource extends Static<typeof ExternalMetricSource> {}

export const MetricSpec = object('io.k8s.api.autoscaling.v2.MetricSpec', {
  type: required(field(MetricSourceType, 'Which of the others is meant')),
  object: field(ObjectMetricSource, 'A metric of one object'),
  pods: field(PodsMetricSource, 'A metric of the pods'),
  resource: field(ResourceMetricSource, 'A resource of the pods'),
  containerResource: field(ContainerResourceMetricSource, 'A resource of one container of the pods'),
  external: field(ExternalMetricSource, 'A metric from outside'),
});
export interface MetricSpec extends Static<typeof MetricSpec> {}

export const HPAScalingPolicyType = oneOf(['Pods', 'Percent']);
export type HPAScalingPolicyType = Static<typeof HPAScalingPolicyType>;

export const ScalingPolicySelect = oneOf(['Max', 'Min', 'Disabled']);
export type ScalingPolicySelect = Static<typeof ScalingPolicySelect>;

export const HPAScalingPolicy = object('io.k8s.api.autoscaling.v2.HPAScalingPolicy', {
  type: required(field(HPAScalingPolicyType, 'Pods or percent')),
  value: required(int32('How many')),
  periodSeconds: required(int32('In what time')),
});
export interface HPAScalingPolicy extends Static<typeof HPAScalingPolicy> {}

export const HPAScalingRules = object('io.k8s.api.autoscaling.v2.HPAScalingRules', {
  stabilizationWindowSeconds: int32('How long it looks back'),
  selectPolicy: field(ScalingPolicySelect, 'Which policy counts'),
  policies: atomicList(HPAScalingPolicy, 'How much at once'),
  tolerance: quantity('How far the metric may be off', { gate: 'HPAConfigurableTolerance' }),
});
export interface HPAScalingRules extends Static<typeof HPAScalingRules> {}

export const HorizontalPodAutoscalerBehavior = object('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior', {
  scaleUp: field(HPAScalingRules, 'Upwards'),
  scaleDown: field(HPAScalingRules, 'Downwards'),
});
export interface HorizontalPodAutoscalerBehavior extends Static<typeof HorizontalPodAutoscalerBehavior> {}

export const HorizontalPodAutoscalerSpec = object('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec', {
  scaleTargetRef: required(field(CrossVersionObjectReference, 'What is scaled')),
  minReplicas: int32('Least pods', { default: 1 }),
  maxReplicas: required(int32('Most pods')),
  metrics: atomicList(MetricSpec, 'What is measured'),
  behavior: field(HorizontalPodAutoscalerBehavior, 'How fast it goes up and down'),
});
export interface HorizontalPodAutoscalerSpec extends Static<typeof HorizontalPodAutoscalerSpec> {}

export const MetricValueStatus = object('io.k8s.api.autoscaling.v2.MetricValueStatus', {
  value: quantity('Value'),
  averageValue: quantity('Value for each pod'),
  averageUtilization: int32('Percentage of the request'),
});
export interface MetricValueStatus extends Static<typeof MetricValueStatus> {}

export const ObjectMetricStatus = object('io.k8s.api.autoscaling.v2.ObjectMetricStatus', {
  metric: always(field(MetricIdentifier, 'Metric that is measured')),
  current: always(field(MetricValueStatus, 'What was measured')),
  describedObject: always(field(CrossVersionObjectReference, 'Object that is measured')),
});
export interface ObjectMetricStatus extends Static<typeof ObjectMetricStatus> {}

export const PodsMetricStatus = object('io.k8s.api.autoscaling.v2.PodsMetricStatus', {
  metric: always(field(MetricIdentifier, 'Metric that is measured')),
  current: always(field(MetricValueStatus, 'What was measured')),
});
export interface PodsMetricStatus extends Static<typeof PodsMetricStatus> {}

export const ResourceMetricStatus = object('io.k8s.api.autoscaling.v2.ResourceMetricStatus', {
  name: always(string('Name of the resource')),
  current: always(field(MetricValueStatus, 'What was measured')),
});
export interface ResourceMetricStatus extends Static<typeof ResourceMetricStatus> {}

export const ContainerResourceMetricStatus = object('io.k8s.api.autoscaling.v2.ContainerResourceMetricStatus', {
  name: always(string('Name of the resource')),
  current: always(field(MetricValueStatus, 'What was measured')),
  container: always(string('Name of the container')),
});
export interface ContainerResourceMetricStatus extends Static<typeof ContainerResourceMetricStatus> {}

export const ExternalMetricStatus = object('io.k8s.api.autoscaling.v2.ExternalMetricStatus', {
  metric: always(field(MetricIdentifier, 'Metric that is measured')),
  current: always(field(MetricValueStatus, 'What was measured')),
});
export interface ExternalMetricStatus extends Static<typeof ExternalMetricStatus> {}

export const MetricStatus = object('io.k8s.api.autoscaling.v2.MetricStatus', {
  type: always(field(MetricSourceType, 'Which of the others is meant')),
  object: field(ObjectMetricStatus, 'A metric of one object'),
  pods: field(PodsMetricStatus, 'A metric of the pods'),
  resource: field(ResourceMetricStatus, 'A resource of the pods'),
  containerResource: field(ContainerResourceMetricStatus, 'A resource of one container of the pods'),
  external: field(ExternalMetricStatus, 'A metric from outside'),
});
export interface MetricStatus extends Static<typeof MetricStatus> {}

export const HorizontalPodAutoscalerConditionType = knownTexts(['ScalingActive', 'AbleToScale', 'ScalingLimited', 'ScaledToZero']);
export type HorizontalPodAutoscalerConditionType = Static<typeof HorizontalPodAutoscalerConditionType>;

export const HorizontalPodAutoscalerCondition = object('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerCondition', {
  type: always(field(HorizontalPodAutoscalerConditionType, 'Name of the aspect')),
  status: always(field(ConditionStatus, 'What was last seen of it; written by the system')),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface HorizontalPodAutoscalerCondition extends Static<typeof HorizontalPodAutoscalerCondition> {}

export const HorizontalPodAutoscalerStatus = object('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus', {
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  lastScaleTime: time('When it last changed'),
  currentReplicas: int32('Pods there are'),
  desiredReplicas: always(int32('Pods there should be')),
  currentMetrics: atomicList(MetricStatus, 'What was measured'),
  conditions: mapList(HorizontalPodAutoscalerCondition, ['type'], 'Newest state of each aspect'),
});
export interface HorizontalPodAutoscalerStatus extends Static<typeof HorizontalPodAutoscalerStatus> {}

export const HorizontalPodAutoscaler = kind(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  {
    spec: always(field(HorizontalPodAutoscalerSpec, 'What is wanted')),
    status: field(HorizontalPodAutoscalerStatus, 'What was last seen of it; written by the system'),
  },
  'Changes the number of pods with the load.',
);
export interface HorizontalPodAutoscaler extends Static<typeof HorizontalPodAutoscaler> {}

/** Percent of the requested CPU that a replica may use on average. */
const CPU_UTILIZATION = 80;

computeDefaults(HorizontalPodAutoscalerSpec, (spec) => {
  if ((spec.metrics ?? []).length > 0) return;
  spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: CPU_UTILIZATION } } }];
});
computeDefaults(HorizontalPodAutoscalerBehavior, (behavior) => {
  const all = { type: 'Percent', value: 100, periodSeconds: 15 } as const;
  const up = [{ type: 'Pods', value: 4, periodSeconds: 15 } as const, all];
  behavior.scaleUp = { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: up, ...behavior.scaleUp };
  behavior.scaleDown = { selectPolicy: 'Max', policies: [all], ...behavior.scaleDown };
});
