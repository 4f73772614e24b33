import { always, int32, int64, object, required, string, time, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const CrossVersionObjectReference = object(
  'io.k8s.api.autoscaling.v1.CrossVersionObjectReference',
  {
    kind: required(string()),
    name: required(string()),
    apiVersion: string(),
  },
  { mapType: 'atomic' },
);
export interface CrossVersionObjectReference extends Static<typeof CrossVersionObjectReference> {}

export const HorizontalPodAutoscalerSpec = object('io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec', {
  scaleTargetRef: required(CrossVersionObjectReference),
  minReplicas: int32(undefined, { default: 1 }),
  maxReplicas: required(int32()),
  targetCPUUtilizationPercentage: int32(),
});
export interface HorizontalPodAutoscalerSpec extends Static<typeof HorizontalPodAutoscalerSpec> {}

export const HorizontalPodAutoscalerStatus = object('io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerStatus', {
  observedGeneration: int64(),
  lastScaleTime: time(),
  currentReplicas: always(int32()),
  desiredReplicas: always(int32()),
  currentCPUUtilizationPercentage: int32(),
});
export interface HorizontalPodAutoscalerStatus extends Static<typeof HorizontalPodAutoscalerStatus> {}

export const HorizontalPodAutoscaler = kind('io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler', {
  spec: always(HorizontalPodAutoscalerSpec),
  status: HorizontalPodAutoscalerStatus,
});
export interface HorizontalPodAutoscaler extends Static<typeof HorizontalPodAutoscaler> {}

export const ScaleSpec = object('io.k8s.api.autoscaling.v1.ScaleSpec', {
  replicas: int32(),
});
export interface ScaleSpec extends Static<typeof ScaleSpec> {}

export const ScaleStatus = object('io.k8s.api.autoscaling.v1.ScaleStatus', {
  replicas: always(int32()),
  selector: string(),
});
export interface ScaleStatus extends Static<typeof ScaleStatus> {}

export const Scale = kind('io.k8s.api.autoscaling.v1.Scale', {
  spec: always(ScaleSpec),
  status: ScaleStatus,
});
export interface Scale extends Static<typeof Scale> {}
