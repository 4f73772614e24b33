/** The table of HorizontalPodAutoscalers of both versions. Pure. Source: the columns of Kubernetes 1.36. */
import type { HorizontalPodAutoscaler as V1 } from '#api/kinds/autoscaling/v1.ts';
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '#api/kinds/autoscaling/v2.ts';
import { NONE, UNSET } from '#api/print/cells.ts';
import { age, name, text, type Column } from '#api/print/column.ts';

interface Common {
  readonly spec: {
    readonly scaleTargetRef: { readonly kind: string; readonly name: string };
    readonly minReplicas?: number;
    readonly maxReplicas: number;
  };
  readonly status?: { readonly currentReplicas?: number };
}

const reference: Column<Common> = text('Reference', 'What is scaled', ({ spec: { scaleTargetRef: to } }) => `${to.kind}/${to.name}`);
const rest: readonly Column<Common>[] = [
  text('MinPods', 'Least pods', ({ spec }) => (spec.minReplicas === undefined ? UNSET : String(spec.minReplicas))),
  text('MaxPods', 'Most pods', ({ spec }) => spec.maxReplicas),
  text('Replicas', 'Pods there are', ({ status }) => status?.currentReplicas ?? 0),
];
const TARGETS = 'Measured and wanted values';

export const autoscaler: readonly Column<HorizontalPodAutoscaler>[] = [
  name,
  reference,
  text('Targets', TARGETS, ({ spec, status }) => metricsText(spec.metrics ?? [], status?.currentMetrics ?? [])),
  ...rest,
  age,
];

export const autoscalerV1: readonly Column<V1>[] = [
  name,
  reference,
  text('Targets', TARGETS, ({ spec, status }) => {
    if (spec.targetCPUUtilizationPercentage === undefined) return NONE;
    const current = status?.currentCPUUtilizationPercentage;
    return `cpu: ${current === undefined ? UNKNOWN : `${current}%`}/${spec.targetCPUUtilizationPercentage}%`;
  }),
  ...rest,
  age,
];

const MOST = 2;
const UNKNOWN = '<unknown>';

function metricsText(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return NONE;
  const shown = specs.slice(0, MOST).map((spec, i) => metricText(spec, statuses[i]));
  return `${shown.join(', ')}${specs.length > MOST ? ` + ${specs.length - MOST} more...` : ''}`;
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'Resource':
      return spec.resource === undefined ? UNKNOWN : resourceText(spec.resource, status?.resource);
    case 'ContainerResource':
      return spec.containerResource === undefined ? UNKNOWN : resourceText(spec.containerResource, status?.containerResource);
    case 'Pods':
      return `${status?.pods?.current.averageValue ?? UNKNOWN}/${spec.pods?.target.averageValue ?? UNKNOWN}`;
    case 'Object':
      return valueText(spec.object, status?.object);
    case 'External':
      return valueText(spec.external, status?.external);
    default:
      return '<unknown type>';
  }
}

interface Wanted {
  readonly target: { readonly value?: string; readonly averageValue?: string; readonly averageUtilization?: number };
}
interface Measured {
  readonly current: { readonly value?: string; readonly averageValue?: string; readonly averageUtilization?: number };
}

function resourceText({ name: of, target }: Wanted & { readonly name: string }, measured: Measured | undefined): string {
  if (target.averageValue !== undefined) return `${of}: ${measured?.current.averageValue ?? UNKNOWN}/${target.averageValue}`;
  const percent = (value: number | undefined, otherwise: string): string => (value === undefined ? otherwise : `${value}%`);
  return `${of}: ${percent(measured?.current.averageUtilization, UNKNOWN)}/${percent(target.averageUtilization, '<auto>')}`;
}

function valueText(wanted: Wanted | undefined, measured: Measured | undefined): string {
  if (wanted?.target.averageValue !== undefined) return `${measured?.current.averageValue ?? UNKNOWN}/${wanted.target.averageValue} (avg)`;
  return `${measured?.current.value ?? UNKNOWN}/${wanted?.target.value ?? UNKNOWN}`;
}
