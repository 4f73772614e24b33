/**
 * Kinds that exist in two versions but are stored once: events (core and events.k8s.io) and autoscalers (autoscaling/v1 and v2). Pure.
 * Source: the conversions of Kubernetes 1.36; what one version cannot say is kept in annotations, under upstream's names.
 */
import type { HorizontalPodAutoscaler as V1 } from '#api/kinds/autoscaling/v1.ts';
import type { HorizontalPodAutoscaler as V2 } from '#api/kinds/autoscaling/v2.ts';
import type { Event as CoreEvent } from '#api/kinds/core/event.ts';
import type { Event } from '#api/kinds/events/v1.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Conversion } from './types.ts';

/** Leaves out what is undefined. */
function compact<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

/** events.k8s.io/v1 over the stored core/v1. */
export const eventConversion: Conversion = {
  fromStored(object) {
    const e = object as unknown as CoreEvent;
    return compact({
      kind: 'Event',
      apiVersion: 'events.k8s.io/v1',
      metadata: e.metadata,
      eventTime: e.eventTime ?? null,
      series: e.series,
      reportingController: e.reportingComponent,
      reportingInstance: e.reportingInstance,
      action: e.action,
      reason: e.reason,
      regarding: e.involvedObject,
      related: e.related,
      note: e.message,
      type: e.type,
      deprecatedSource: e.source,
      deprecatedFirstTimestamp: e.firstTimestamp,
      deprecatedLastTimestamp: e.lastTimestamp,
      deprecatedCount: e.count,
    });
  },
  toStored(object) {
    const e = object as unknown as Event;
    return compact({
      kind: 'Event',
      apiVersion: 'v1',
      metadata: e.metadata,
      involvedObject: e.regarding ?? {},
      reason: e.reason,
      message: e.note,
      source: e.deprecatedSource,
      firstTimestamp: e.deprecatedFirstTimestamp,
      lastTimestamp: e.deprecatedLastTimestamp,
      count: e.deprecatedCount,
      type: e.type,
      eventTime: e.eventTime,
      series: e.series,
      action: e.action,
      related: e.related,
      reportingComponent: e.reportingController,
      reportingInstance: e.reportingInstance,
    });
  },
};

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const CURRENT_METRICS = 'autoscaling.alpha.kubernetes.io/current-metrics';
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';

type Metric = NonNullable<V2['spec']['metrics']>[number];

const isCpu = (metric: Metric): boolean =>
  metric.type === 'Resource' && metric.resource?.name === 'cpu' && metric.resource.target.averageUtilization !== undefined;

/** autoscaling/v1 over the stored v2. */
export const autoscalerConversion: Conversion = {
  fromStored(object) {
    const { metadata, spec, status } = object as unknown as V2;
    const cpu = spec.metrics?.find(isCpu);
    const others = (spec.metrics ?? []).filter((metric) => metric !== cpu);
    const cpuNow = status?.currentMetrics?.find((metric) => metric.type === 'Resource' && metric.resource?.name === 'cpu');
    const annotations = compact({
      ...metadata.annotations,
      [METRICS]: others.length === 0 ? undefined : JSON.stringify(others),
      [BEHAVIOR]: spec.behavior === undefined ? undefined : JSON.stringify(spec.behavior),
      [CURRENT_METRICS]: status?.currentMetrics === undefined ? undefined : JSON.stringify(status.currentMetrics),
      [CONDITIONS]: status?.conditions === undefined ? undefined : JSON.stringify(status.conditions),
    });
    return {
      kind: 'HorizontalPodAutoscaler',
      apiVersion: 'autoscaling/v1',
      metadata: { ...metadata, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
      spec: compact({
        scaleTargetRef: spec.scaleTargetRef,
        minReplicas: spec.minReplicas,
        maxReplicas: spec.maxReplicas,
        targetCPUUtilizationPercentage: cpu?.resource?.target.averageUtilization,
      }),
      status: compact({
        observedGeneration: status?.observedGeneration,
        lastScaleTime: status?.lastScaleTime,
        currentReplicas: status?.currentReplicas ?? 0,
        desiredReplicas: status?.desiredReplicas ?? 0,
        currentCPUUtilizationPercentage: cpuNow?.resource?.current.averageUtilization,
      }),
    } as unknown as KubeObject;
  },
  toStored(object) {
    const { metadata, spec, status } = object as unknown as V1;
    const {
      [METRICS]: metrics,
      [BEHAVIOR]: behavior,
      [CURRENT_METRICS]: current,
      [CONDITIONS]: conditions,
      ...annotations
    } = metadata.annotations ?? {};
    const percent = spec.targetCPUUtilizationPercentage;
    const cpu =
      percent === undefined
        ? []
        : [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } } }];
    const all = [...((parsed(metrics) as Metric[] | undefined) ?? []), ...cpu];
    const { annotations: _, ...rest } = metadata;
    return {
      kind: 'HorizontalPodAutoscaler',
      apiVersion: 'autoscaling/v2',
      metadata: { ...rest, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) },
      spec: compact({
        scaleTargetRef: spec.scaleTargetRef,
        minReplicas: spec.minReplicas,
        maxReplicas: spec.maxReplicas,
        metrics: all.length === 0 ? undefined : all,
        behavior: parsed(behavior),
      }),
      ...(status === undefined
        ? {}
        : {
            status: compact({
              observedGeneration: status.observedGeneration,
              lastScaleTime: status.lastScaleTime,
              currentReplicas: status.currentReplicas,
              desiredReplicas: status.desiredReplicas,
              currentMetrics: parsed(current),
              conditions: parsed(conditions),
            }),
          }),
    } as unknown as KubeObject;
  },
};

/** Annotations are the user's to write: what is no JSON says nothing. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
