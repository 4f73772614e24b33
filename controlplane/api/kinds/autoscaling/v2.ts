import {
  always,
  atomicList,
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
  kind: required(string()),
  name: required(string()),
  apiVersion: string(),
});
export interface CrossVersionObjectReference extends Static<typeof CrossVersionObjectReference> {}

export const MetricSourceType = oneOf(['Object', 'Pods', 'Resource', 'ContainerResource', 'External']);
export type MetricSourceType = Static<typeof MetricSourceType>;

export const MetricTargetType = oneOf(['Utilization', 'Value', 'AverageValue']);
export type MetricTargetType = Static<typeof MetricTargetType>;

export const MetricIdentifier = object('io.k8s.api.autoscaling.v2.MetricIdentifier', {
  name: required(string()),
  selector: LabelSelector,
});
export interface MetricIdentifier extends Static<typeof MetricIdentifier> {}

export const MetricTarget = object('io.k8s.api.autoscaling.v2.MetricTarget', {
  type: required(MetricTargetType),
  value: quantity(),
  averageValue: quantity(),
  averageUtilization: int32(),
});
export interface MetricTarget extends Static<typeof MetricTarget> {}

export const ObjectMetricSource = object('io.k8s.api.autoscaling.v2.ObjectMetricSource', {
  describedObject: required(CrossVersionObjectReference),
  target: required(MetricTarget),
  metric: required(MetricIdentifier),
});
export interface ObjectMetricSource extends Static<typeof ObjectMetricSource> {}

export const PodsMetricSource = object('io.k8s.api.autoscaling.v2.PodsMetricSource', {
  metric: required(MetricIdentifier),
  target: required(MetricTarget),
});
export interface PodsMetricSource extends Static<typeof PodsMetricSource> {}

export const ResourceMetricSource = object('io.k8s.api.autoscaling.v2.ResourceMetricSource', {
  name: required(string()),
  target: required(MetricTarget),
});
export interface ResourceMetricSource extends Static<typeof ResourceMetricSource> {}

export const ContainerResourceMetricSource = object('io.k8s.api.autoscaling.v2.ContainerResourceMetricSource', {
  name: required(string()),
  target: required(MetricTarget),
  container: required(string()),
});
export interface ContainerResourceMetricSource extends Static<typeof ContainerResourceMetricSource> {}

export const ExternalMetricSource = object('io.k8s.api.autoscaling.v2.ExternalMetricSource', {
  metric: required(MetricIdentifier),
  target: required(MetricTarget),
});
export interface ExternalMetricSource extends Static<typeof ExternalMetricSource> {}

export const MetricSpec = object('io.k8s.api.autoscaling.v2.MetricSpec', {
  type: required(MetricSourceType),
  object: ObjectMetricSource,
  pods: PodsMetricSource,
  resource: ResourceMetricSource,
  containerResource: ContainerResourceMetricSource,
  external: ExternalMetricSource,
});
export interface MetricSpec extends Static<typeof MetricSpec> {}

export const HPAScalingPolicyType = oneOf(['Pods', 'Percent']);
export type HPAScalingPolicyType = Static<typeof HPAScalingPolicyType>;

export const ScalingPolicySelect = oneOf(['Max', 'Min', 'Disabled']);
export type ScalingPolicySelect = Static<typeof ScalingPolicySelect>;

export const HPAScalingPolicy = object('io.k8s.api.autoscaling.v2.HPAScalingPolicy', {
  type: required(HPAScalingPolicyType),
  value: required(int32()),
  periodSeconds: required(int32()),
});
export interface HPAScalingPolicy extends Static<typeof HPAScalingPolicy> {}

export const HPAScalingRules = object('io.k8s.api.autoscaling.v2.HPAScalingRules', {
  stabilizationWindowSeconds: int32(),
  selectPolicy: ScalingPolicySelect,
  policies: atomicList(HPAScalingPolicy),
  tolerance: quantity(undefined, { gate: 'HPAConfigurableTolerance' }),
});
export interface HPAScalingRules extends Static<typeof HPAScalingRules> {}

export const HorizontalPodAutoscalerBehavior = object('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior', {
  scaleUp: HPAScalingRules,
  scaleDown: HPAScalingRules,
});
export interface HorizontalPodAutoscalerBehavior extends Static<typeof HorizontalPodAutoscalerBehavior> {}

export const HorizontalPodAutoscalerSpec = object('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec', {
  scaleTargetRef: required(CrossVersionObjectReference),
  minReplicas: int32(undefined, { default: 1 }),
  maxReplicas: required(int32()),
  metrics: atomicList(MetricSpec),
  behavior: HorizontalPodAutoscalerBehavior,
});
export interface HorizontalPodAutoscalerSpec extends Static<typeof HorizontalPodAutoscalerSpec> {}

export const MetricValueStatus = object('io.k8s.api.autoscaling.v2.MetricValueStatus', {
  value: quantity(),
  averageValue: quantity(),
  averageUtilization: int32(),
});
export interface MetricValueStatus extends Static<typeof MetricValueStatus> {}

export const ObjectMetricStatus = object('io.k8s.api.autoscaling.v2.ObjectMetricStatus', {
  metric: always(MetricIdentifier),
  current: always(MetricValueStatus),
  describedObject: always(CrossVersionObjectReference),
});
export interface ObjectMetricStatus extends Static<typeof ObjectMetricStatus> {}

export const PodsMetricStatus = object('io.k8s.api.autoscaling.v2.PodsMetricStatus', {
  metric: always(MetricIdentifier),
  current: always(MetricValueStatus),
});
export interface PodsMetricStatus extends Static<typeof PodsMetricStatus> {}

export const ResourceMetricStatus = object('io.k8s.api.autoscaling.v2.ResourceMetricStatus', {
  name: always(string()),
  current: always(MetricValueStatus),
});
export interface ResourceMetricStatus extends Static<typeof ResourceMetricStatus> {}

export const ContainerResourceMetricStatus = object('io.k8s.api.autoscaling.v2.ContainerResourceMetricStatus', {
  name: always(string()),
  current: always(MetricValueStatus),
  container: always(string()),
});
export interface ContainerResourceMetricStatus extends Static<typeof ContainerResourceMetricStatus> {}

export const ExternalMetricStatus = object('io.k8s.api.autoscaling.v2.ExternalMetricStatus', {
  metric: always(MetricIdentifier),
  current: always(MetricValueStatus),
});
export interface ExternalMetricStatus extends Static<typeof ExternalMetricStatus> {}

export const MetricStatus = object('io.k8s.api.autoscaling.v2.MetricStatus', {
  type: always(MetricSourceType),
  object: ObjectMetricStatus,
  pods: PodsMetricStatus,
  resource: ResourceMetricStatus,
  containerResource: ContainerResourceMetricStatus,
  external: ExternalMetricStatus,
});
export interface MetricStatus extends Static<typeof MetricStatus> {}

export const HorizontalPodAutoscalerConditionType = knownTexts(['ScalingActive', 'AbleToScale', 'ScalingLimited', 'ScaledToZero']);
export type HorizontalPodAutoscalerConditionType = Static<typeof HorizontalPodAutoscalerConditionType>;

export const HorizontalPodAutoscalerCondition = object('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerCondition', {
  type: always(HorizontalPodAutoscalerConditionType),
  status: always(ConditionStatus),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface HorizontalPodAutoscalerCondition extends Static<typeof HorizontalPodAutoscalerCondition> {}

export const HorizontalPodAutoscalerStatus = object('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus', {
  observedGeneration: int64(),
  lastScaleTime: time(),
  currentReplicas: int32(),
  desiredReplicas: always(int32()),
  currentMetrics: atomicList(MetricStatus),
  conditions: mapList(HorizontalPodAutoscalerCondition, ['type']),
});
export interface HorizontalPodAutoscalerStatus extends Static<typeof HorizontalPodAutoscalerStatus> {}

export const HorizontalPodAutoscaler = kind('io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler', {
  spec: always(HorizontalPodAutoscalerSpec),
  status: HorizontalPodAutoscalerStatus,
});
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
