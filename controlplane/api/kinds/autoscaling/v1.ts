import { always, field, int32, int64, object, required, string, time, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const CrossVersionObjectReference = object(
  'io.k8s.api.autoscaling.v1.CrossVersionObjectReference',
  {
    kind: required(string('Kind of the object')),
    name: required(string('Name of the object')),
    apiVersion: string('Group and version of the schema, such as v1 or apps/v1'),
  },
  { mapType: 'atomic' },
);
export interface CrossVersionObjectReference extends Static<typeof CrossVersionObjectReference> {}

export const HorizontalPodAutoscalerSpec = object('io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec', {
  scaleTargetRef: required(field(CrossVersionObjectReference, 'What is scaled')),
  minReplicas: int32('Least pods', { default: 1 }),
  maxReplicas: required(int32('Most pods')),
  targetCPUUtilizationPercentage: int32('Wanted use of the requested CPU'),
});
export interface HorizontalPodAutoscalerSpec extends Static<typeof HorizontalPodAutoscalerSpec> {}

export const HorizontalPodAutoscalerStatus = object('io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerStatus', {
  observedGeneration: int64('The generation of the spec that this state belongs to'),
  lastScaleTime: time('When it last changed'),
  currentReplicas: always(int32('Pods there are')),
  desiredReplicas: always(int32('Pods there should be')),
  currentCPUUtilizationPercentage: int32('Use of the requested CPU'),
});
export interface HorizontalPodAutoscalerStatus extends Static<typeof HorizontalPodAutoscalerStatus> {}

export const HorizontalPodAutoscaler = kind(
  'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  {
    spec: always(field(HorizontalPodAutoscalerSpec, 'What is wanted')),
    status: field(HorizontalPodAutoscalerStatus, 'What was last seen of it; written by the system'),
  },
  'Changes the number of pods with the load.',
);
export interface HorizontalPodAutoscaler extends Static<typeof HorizontalPodAutoscaler> {}

export const ScaleSpec = object('io.k8s.api.autoscaling.v1.ScaleSpec', {
  replicas: int32('How many pods are wanted'),
});
export interface ScaleSpec extends Static<typeof ScaleSpec> {}

export const ScaleStatus = object('io.k8s.api.autoscaling.v1.ScaleStatus', {
  replicas: always(int32('How many pods are wanted')),
  selector: string('Labels of the pods, as a text'),
});
export interface ScaleStatus extends Static<typeof ScaleStatus> {}

export const Scale = kind(
  'io.k8s.api.autoscaling.v1.Scale',
  {
    spec: always(field(ScaleSpec, 'What is wanted')),
    status: field(ScaleStatus, 'What was last seen of it; written by the system'),
  },
  'The number of pods of anything that has one.',
);
export interface Scale extends Static<typeof Scale> {}
