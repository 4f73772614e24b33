/** Rules for autoscalers, autoscaling/v2 being the stored form. Pure. Source: texts of the autoscaling validation of Kubernetes 1.36. */
import { at, type FieldPath } from '#api/fieldPath.ts';
import type { HorizontalPodAutoscaler as AutoscalerV1 } from '#api/kinds/autoscaling/v1.ts';
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '#api/kinds/autoscaling/v2.ts';
import { dns1123Subdomain, pathSegmentName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { compareQuantities } from '#api/quantity.ts';
import { validateLabelSelector, validateMetadata } from '#api/validation/metadata.ts';
import { validatePresent } from '#api/validation/paths.ts';

const SPEC = at('spec');
const LONGEST_WINDOW_SECONDS = 3_600;
const LONGEST_PERIOD_SECONDS = 1_800;

export function validateAutoscaler({ metadata, spec }: HorizontalPodAutoscaler): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  if (spec === undefined) return problems.found;
  validateRange(problems, spec);
  for (const [i, metric] of (spec.metrics ?? []).entries()) validateMetric(problems, metric, SPEC.field('metrics').index(i));
  const behavior = SPEC.field('behavior');
  if (spec.behavior?.scaleUp !== undefined) validateRules(problems, spec.behavior.scaleUp, behavior.field('scaleUp'));
  if (spec.behavior?.scaleDown !== undefined) validateRules(problems, spec.behavior.scaleDown, behavior.field('scaleDown'));
  return problems.found;
}

export function validateAutoscalerV1({ metadata, spec }: AutoscalerV1): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  if (spec === undefined) return problems.found;
  validateRange(problems, spec);
  const use = spec.targetCPUUtilizationPercentage;
  if (use !== undefined && use < 1) problems.invalid(SPEC.field('targetCPUUtilizationPercentage'), use, 'must be greater than 0');
  return problems.found;
}

interface Range {
  readonly minReplicas?: number;
  readonly maxReplicas: number;
  readonly scaleTargetRef: CrossVersionObjectReference;
}

function validateRange(problems: Problems, { minReplicas, maxReplicas, scaleTargetRef }: Range): void {
  if (minReplicas !== undefined && minReplicas < 1) {
    problems.invalid(SPEC.field('minReplicas'), minReplicas, 'must be greater than or equal to 1');
  }
  if (maxReplicas < 1) problems.invalid(SPEC.field('maxReplicas'), maxReplicas, 'must be greater than 0');
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    problems.invalid(SPEC.field('maxReplicas'), maxReplicas, 'must be greater than or equal to `minReplicas`');
  }
  validateReference(problems, scaleTargetRef, SPEC.field('scaleTargetRef'));
}

function validateReference(problems: Problems, { kind, name }: CrossVersionObjectReference, place: FieldPath): void {
  if (validatePresent(problems, kind, place.field('kind'))) problems.invalidAll(place.field('kind'), kind, pathSegmentName(kind));
  if (validatePresent(problems, name, place.field('name'))) problems.invalidAll(place.field('name'), name, pathSegmentName(name));
}

const SOURCES = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
  External: 'external',
} as const;

function validateMetric(problems: Problems, metric: MetricSpec, place: FieldPath): void {
  const wanted = SOURCES[metric.type];
  if (wanted === undefined) return; // the structure has refused it
  for (const name of Object.values(SOURCES)) {
    if (name !== wanted && metric[name] !== undefined) problems.forbidden(place.field(name), 'must populate the given metric source only');
  }
  if (metric[wanted] === undefined) return problems.required(place.field(wanted), 'must populate information for the given metric source');
  const { object, pods, resource, containerResource, external } = metric;
  const source = place.field(wanted);
  if (wanted === 'object' && object !== undefined) {
    validateReference(problems, object.describedObject, source.field('describedObject'));
    validateIdentifier(problems, object.metric, source.field('metric'));
    validateValues(problems, object.target, source.field('target'), ['value', 'averageValue']);
  } else if (wanted === 'pods' && pods !== undefined) {
    validateIdentifier(problems, pods.metric, source.field('metric'));
    validateValues(problems, pods.target, source.field('target'), ['averageValue']);
  } else if (wanted === 'external' && external !== undefined) {
    validateIdentifier(problems, external.metric, source.field('metric'));
    validateValues(problems, external.target, source.field('target'), ['value', 'averageValue']);
  } else {
    const found = wanted === 'resource' ? resource : containerResource;
    if (found === undefined) return undefined;
    validatePresent(problems, found.name, source.field('name'), 'must specify a resource name');
    if (wanted === 'containerResource')
      validatePresent(problems, containerResource?.container, source.field('container'), 'must specify a container');
    validateResourceTarget(problems, found.target, source.field('target'));
  }
  return undefined;
}

function validateIdentifier(problems: Problems, { name, selector }: MetricIdentifier, place: FieldPath): void {
  if (validatePresent(problems, name, place.field('name'), 'must specify a metric name'))
    problems.invalidAll(place.field('name'), name, pathSegmentName(name));
  validateLabelSelector(problems, selector, place.field('selector'));
}

/** A target is a number of one kind, and more than nothing. */
function validateValues(problems: Problems, target: MetricTarget, place: FieldPath, names: readonly ('value' | 'averageValue')[]): void {
  const given = names.filter((name) => target[name] !== undefined);
  const phrase =
    names.length === 2 ? 'must set either a target value for metric or a per-pod target' : 'must specify a positive target averageValue';
  if (given.length === 0) problems.required(place.field('averageValue'), phrase);
  if (given.length === 2) problems.forbidden(place.field('value'), 'may not set both a target value for metric and a per-pod target');
  for (const name of given) validatePositive(problems, target[name], place.field(name));
}

function validateResourceTarget(problems: Problems, target: MetricTarget, place: FieldPath): void {
  const { averageUtilization, averageValue } = target;
  if (averageUtilization !== undefined && averageUtilization < 1) {
    problems.invalid(place.field('averageUtilization'), averageUtilization, 'must be greater than 0');
  }
  if (averageUtilization === undefined && averageValue === undefined) {
    problems.required(place.field('averageUtilization'), 'must set either a target raw value or a target utilization');
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    problems.forbidden(place.field('averageValue'), 'may not set both a target raw value and a target utilization');
  }
  if (averageValue !== undefined) validatePositive(problems, averageValue, place.field('averageValue'));
}

function validatePositive(problems: Problems, amount: string | number | undefined, place: FieldPath): void {
  if (amount !== undefined && compareQuantities(String(amount), '0') <= 0) problems.invalid(place, amount, 'must be positive');
}

function validateRules(problems: Problems, rules: HPAScalingRules, place: FieldPath): void {
  const { stabilizationWindowSeconds: window, policies = [] } = rules;
  const where = place.field('stabilizationWindowSeconds');
  if (window !== undefined && window < 0) problems.invalid(where, window, 'must be greater than or equal to zero');
  if (window !== undefined && window > LONGEST_WINDOW_SECONDS)
    problems.invalid(where, window, `must be less than or equal to ${LONGEST_WINDOW_SECONDS}`);
  if (policies.length === 0) problems.required(place.field('policies'), 'must specify at least one Policy');
  for (const [i, { value, periodSeconds }] of policies.entries()) {
    const policy = place.field('policies').index(i);
    if (value <= 0) problems.invalid(policy.field('value'), value, 'must be greater than zero');
    if (periodSeconds <= 0) problems.invalid(policy.field('periodSeconds'), periodSeconds, 'must be greater than zero');
    if (periodSeconds > LONGEST_PERIOD_SECONDS)
      problems.invalid(policy.field('periodSeconds'), periodSeconds, `must be less than or equal to ${LONGEST_PERIOD_SECONDS}`);
  }
}
