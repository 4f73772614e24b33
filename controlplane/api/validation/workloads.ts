/**
 * Rules for the kinds that make pods from a template. Pure. The objects have their defaults.
 * Source: texts of the apps and batch validation of Kubernetes 1.36.
 */
import { at, type FieldPath } from '#api/fieldPath.ts';
import { isDuration } from '#api/formats.ts';
import { percentOf } from '#api/intOrString.ts';
import type { DaemonSet, Deployment, ReplicaSet } from '#api/kinds/apps/v1.ts';
import type { StatefulSet } from '#api/kinds/apps/statefulSet.ts';
import type { CronJob, Job, JobSpec } from '#api/kinds/batch/v1.ts';
import type { PodTemplateSpec } from '#api/kinds/core/pod.ts';
import type { ReplicationController } from '#api/kinds/core/replicationController.ts';
import type { LabelSelector } from '#api/kinds/meta/selectors.ts';
import { fromLabelSelector, fromMap, matches } from '#api/labels.ts';
import { dns1123Subdomain, percentText } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { scheduleProblem } from '#api/validation/cron.ts';
import { validateLabelSelector, validateMetadata } from '#api/validation/metadata.ts';
import { validateNonNegative, validatePresent } from '#api/validation/paths.ts';
import { validatePodTemplate } from '#api/validation/pod.ts';

const SPEC = at('spec');
const TEMPLATE = SPEC.field('template');
const NAMED = { namespaced: true, name: dns1123Subdomain } as const;
/** A job gets eleven characters behind the name of its cron job. */
const LONGEST_CRON_JOB_NAME = 52;

function begin(object: { readonly metadata: Deployment['metadata'] }): Problems {
  const problems = new Problems();
  validateMetadata(problems, object.metadata, at('metadata'), NAMED);
  return problems;
}

interface Selecting {
  readonly selector?: LabelSelector;
  readonly template: PodTemplateSpec;
  readonly kind: string;
}

/** The selector must say something, and what the template makes must be found by it. */
function validateSelection(problems: Problems, { selector, template, kind }: Selecting): void {
  const place = SPEC.field('selector');
  if (selector === undefined) return problems.required(place);
  validateLabelSelector(problems, selector, place);
  const count = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length;
  if (count === 0) return problems.invalid(place, selector, `empty selector is invalid for ${kind}`);
  if (!matchesTemplate(selector, template)) {
    problems.invalid(
      TEMPLATE.field('metadata').field('labels'),
      template.metadata.labels ?? null,
      '`selector` does not match template `labels`',
    );
  }
  return undefined;
}

/** A selector with an operator nobody knows was reported as such. */
function matchesTemplate(selector: LabelSelector, template: PodTemplateSpec): boolean {
  const known = (selector.matchExpressions ?? []).every((e) => ['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(e.operator));
  return !known || matches(fromLabelSelector(selector), template.metadata.labels);
}

/** What runs for ever restarts always. */
function validateEndless(problems: Problems, template: PodTemplateSpec): void {
  validatePodTemplate(problems, template, TEMPLATE);
  const { restartPolicy, activeDeadlineSeconds } = template.spec;
  if (restartPolicy !== undefined && restartPolicy !== 'Always') {
    problems.notSupported(TEMPLATE.field('spec').field('restartPolicy'), restartPolicy, ['Always']);
  }
  if (activeDeadlineSeconds !== undefined) {
    problems.forbidden(TEMPLATE.field('spec').field('activeDeadlineSeconds'), 'activeDeadlineSeconds in ReplicaSet is not Supported');
  }
}

function validateCounts(problems: Problems, spec: object, place: FieldPath, ...names: readonly string[]): void {
  for (const name of names) validateNonNegative(problems, (spec as Readonly<Record<string, number | undefined>>)[name], place.field(name));
}

/** A number of pods, or a percentage. */
function validateAmount(problems: Problems, amount: number | string | undefined, place: FieldPath): void {
  if (typeof amount === 'number') validateNonNegative(problems, amount, place);
  else if (amount !== undefined) problems.invalidAll(place, amount, percentText(amount));
}

/** A number of pods, or a part of them. */
export function validateShare(problems: Problems, share: number | string | undefined, place: FieldPath): void {
  validateAmount(problems, share, place);
  if (typeof share === 'string' && (percentOf(share) ?? 0) > 100) problems.invalid(place, share, 'must not be greater than 100%');
}

const isZero = (share: number | string | undefined): boolean => share === 0 || percentOf(share ?? 1) === 0;

export function validateDeployment(deployment: Deployment): readonly Problem[] {
  const problems = begin(deployment);
  const { spec } = deployment;
  validateSelection(problems, { selector: spec.selector, template: spec.template, kind: 'deployment' });
  validateEndless(problems, spec.template);
  validateCounts(problems, spec, SPEC, 'replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds');
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
    problems.invalid(SPEC.field('progressDeadlineSeconds'), deadline, 'must be greater than minReadySeconds');
  }
  const place = SPEC.field('strategy').field('rollingUpdate');
  const rolling = spec.strategy?.rollingUpdate;
  if (spec.strategy?.type === 'Recreate') {
    if (rolling !== undefined) problems.forbidden(place, "may not be specified when strategy `type` is 'Recreate'");
    return problems.found;
  }
  validateShare(problems, rolling?.maxUnavailable, place.field('maxUnavailable'));
  validateAmount(problems, rolling?.maxSurge, place.field('maxSurge'));
  if (isZero(rolling?.maxUnavailable) && isZero(rolling?.maxSurge)) {
    problems.invalid(place.field('maxUnavailable'), rolling?.maxUnavailable, 'may not be 0 when `maxSurge` is 0');
  }
  return problems.found;
}

export function validateReplicaSet(set: ReplicaSet): readonly Problem[] {
  const problems = begin(set);
  validateSelection(problems, { selector: set.spec.selector, template: set.spec.template, kind: 'deployment' });
  validateEndless(problems, set.spec.template);
  validateCounts(problems, set.spec, SPEC, 'replicas', 'minReadySeconds');
  return problems.found;
}

export function validateDaemonSet(set: DaemonSet): readonly Problem[] {
  const problems = begin(set);
  const { spec } = set;
  validateSelection(problems, { selector: spec.selector, template: spec.template, kind: 'daemonset' });
  validateEndless(problems, spec.template);
  validateCounts(problems, spec, SPEC, 'minReadySeconds', 'revisionHistoryLimit');
  const place = SPEC.field('updateStrategy').field('rollingUpdate');
  const rolling = spec.updateStrategy?.rollingUpdate;
  if (spec.updateStrategy?.type !== 'RollingUpdate') return problems.found;
  validateShare(problems, rolling?.maxUnavailable, place.field('maxUnavailable'));
  validateShare(problems, rolling?.maxSurge, place.field('maxSurge'));
  if (isZero(rolling?.maxUnavailable) && isZero(rolling?.maxSurge)) {
    problems.required(place.field('maxUnavailable'), 'cannot be 0 when maxSurge is 0');
  }
  if (!isZero(rolling?.maxUnavailable) && !isZero(rolling?.maxSurge)) {
    problems.invalid(place.field('maxSurge'), rolling?.maxSurge, 'may not be set when maxUnavailable is non-zero');
  }
  return problems.found;
}

export function validateStatefulSet(set: StatefulSet): readonly Problem[] {
  const problems = begin(set);
  const { spec } = set;
  validateSelection(problems, { selector: spec.selector, template: spec.template, kind: 'statefulset' });
  validateEndless(problems, withClaims(spec));
  validateCounts(problems, spec, SPEC, 'replicas', 'minReadySeconds', 'revisionHistoryLimit');
  validateNonNegative(problems, spec.ordinals?.start, SPEC.field('ordinals').field('start'));
  const place = SPEC.field('updateStrategy').field('rollingUpdate');
  const rolling = spec.updateStrategy?.rollingUpdate;
  if (spec.updateStrategy?.type === 'OnDelete') {
    if (rolling !== undefined) problems.invalid(place, rolling, "only allowed for updateStrategy 'RollingUpdate'");
    return problems.found;
  }
  validateNonNegative(problems, rolling?.partition, place.field('partition'));
  validateShare(problems, rolling?.maxUnavailable, place.field('maxUnavailable'));
  return problems.found;
}

/** Its pods get a volume for every claim, which containers may mount by the claim's name. Those of the template keep their places. */
function withClaims({ template, volumeClaimTemplates = [] }: StatefulSet['spec']): PodTemplateSpec {
  const volumes = template.spec.volumes ?? [];
  const claims = volumeClaimTemplates.flatMap(({ metadata: { name } }) =>
    name === undefined || volumes.some((volume) => volume.name === name) ? [] : [{ name, persistentVolumeClaim: { claimName: name } }],
  );
  return claims.length === 0 ? template : { ...template, spec: { ...template.spec, volumes: [...volumes, ...claims] } };
}

export function validateReplicationController(controller: ReplicationController): readonly Problem[] {
  const problems = begin(controller);
  const { selector = {}, template } = controller.spec;
  validateCounts(problems, controller.spec, SPEC, 'replicas', 'minReadySeconds');
  if (Object.keys(selector).length === 0) problems.required(SPEC.field('selector'));
  if (template === undefined) {
    problems.required(TEMPLATE);
    return problems.found;
  }
  if (!matches(fromMap(selector), template.metadata.labels)) {
    problems.invalid(
      TEMPLATE.field('metadata').field('labels'),
      template.metadata.labels ?? null,
      '`selector` does not match template `labels`',
    );
  }
  validateEndless(problems, template);
  return problems.found;
}

export function validateJob(job: Job): readonly Problem[] {
  const problems = begin(job);
  validateJobSpec(problems, job.spec, SPEC);
  const { selector, manualSelector, template } = job.spec;
  if (selector === undefined && manualSelector === true) problems.required(SPEC.field('selector'));
  if (selector !== undefined && !matchesTemplate(selector, template)) {
    const place = TEMPLATE.field('metadata').field('labels');
    problems.invalid(place, template.metadata.labels ?? null, '`selector` does not match template `labels`');
  }
  return problems.found;
}

const JOB_COUNTS = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
  'ttlSecondsAfterFinished',
];
/** So that the lists of finished and failed indexes stay texts of bearable size. */
const MOST_INDEXES = 100_000;

function validateJobSpec(problems: Problems, spec: JobSpec, place: FieldPath): void {
  validateCounts(problems, spec, place, ...JOB_COUNTS);
  validateLabelSelector(problems, spec.selector, place.field('selector'));
  validatePodTemplate(problems, spec.template, place.field('template'));
  const { restartPolicy } = spec.template.spec;
  if (restartPolicy === undefined || restartPolicy === 'Always') {
    problems.required(place.field('template').field('spec').field('restartPolicy'), 'valid values: "OnFailure", "Never"');
  }
  if (spec.completionMode === 'Indexed') {
    if (spec.completions === undefined) problems.required(place.field('completions'), 'when completion mode is Indexed');
    if ((spec.parallelism ?? 0) > MOST_INDEXES) {
      problems.invalid(
        place.field('parallelism'),
        spec.parallelism,
        `must be less than or equal to ${MOST_INDEXES} when completion mode is Indexed`,
      );
    }
    validateFailedIndexes(problems, spec, place.field('maxFailedIndexes'));
  } else {
    for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[name] !== undefined) problems.invalid(place.field(name), spec[name], 'requires indexed completion mode');
    }
  }
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    problems.required(place.field('backoffLimitPerIndex'), 'when maxFailedIndexes is specified');
  }
  validateFailurePolicy(problems, spec, place.field('podFailurePolicy'));
}

function validateFailedIndexes(problems: Problems, { maxFailedIndexes, completions }: JobSpec, place: FieldPath): void {
  if (maxFailedIndexes === undefined) return;
  if (completions !== undefined && maxFailedIndexes > completions) {
    problems.invalid(place, maxFailedIndexes, 'must be less than or equal to completions');
  }
  if (maxFailedIndexes > MOST_INDEXES) problems.invalid(place, maxFailedIndexes, `must be less than or equal to ${MOST_INDEXES}`);
}

function validateFailurePolicy(problems: Problems, { podFailurePolicy, template }: JobSpec, place: FieldPath): void {
  if (podFailurePolicy === undefined) return;
  if (template.spec.restartPolicy !== 'Never') {
    problems.invalid(
      place,
      podFailurePolicy,
      'only "Never" is supported as the restart policy of the pods when a pod failure policy is used',
    );
  }
  for (const [i, { onExitCodes, onPodConditions = [] }] of podFailurePolicy.rules.entries()) {
    const rule = place.field('rules').index(i);
    const both = onExitCodes !== undefined && onPodConditions.length > 0;
    if (both) problems.invalid(rule, '', 'specifying both OnExitCodes and OnPodConditions is not supported');
    if (onExitCodes === undefined && onPodConditions.length === 0) {
      problems.invalid(rule, '', 'specifying one of OnExitCodes and OnPodConditions is required');
    }
    if (onExitCodes?.values.length === 0) problems.invalid(rule.field('onExitCodes').field('values'), [], 'at least one value is required');
    if (onExitCodes?.operator === 'In' && onExitCodes.values.includes(0)) {
      problems.invalid(rule.field('onExitCodes').field('values'), 0, 'must not be 0 for the In operator');
    }
  }
}

export function validateCronJob(cronJob: CronJob): readonly Problem[] {
  const problems = begin(cronJob);
  const { spec, metadata } = cronJob;
  if ((metadata.name ?? '').length > LONGEST_CRON_JOB_NAME) {
    problems.invalid(at('metadata').field('name'), metadata.name, `must be no more than ${LONGEST_CRON_JOB_NAME} characters`);
  }
  const schedule = SPEC.field('schedule');
  if (validatePresent(problems, spec.schedule, schedule)) {
    if (spec.schedule.includes('TZ'))
      problems.invalid(schedule, spec.schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
    else problems.invalidAll(schedule, spec.schedule, [scheduleProblem(spec.schedule, isDuration) ?? []].flat());
  }
  validateCounts(problems, spec, SPEC, 'startingDeadlineSeconds', 'successfulJobsHistoryLimit', 'failedJobsHistoryLimit');
  validateTimeZone(problems, spec.timeZone, SPEC.field('timeZone'));
  const job = SPEC.field('jobTemplate').field('spec');
  validateJobSpec(problems, spec.jobTemplate.spec, job);
  const { selector, manualSelector } = spec.jobTemplate.spec;
  if (selector !== undefined) problems.forbidden(job.field('selector'), '`selector` will be auto-generated');
  if (manualSelector === true) problems.notSupported(job.field('manualSelector'), true, ['nil', 'false']);
  return problems.found;
}

function validateTimeZone(problems: Problems, zone: string | undefined, place: FieldPath): void {
  if (zone === undefined) return;
  if (zone === '') return problems.invalid(place, zone, 'timeZone must be nil or non-empty string');
  if (zone.toLowerCase() === 'local') {
    return problems.invalid(place, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones');
  }
  if (!isTimeZone(zone)) problems.invalid(place, zone, `unknown time zone ${zone}`);
  return undefined;
}

/** The platform also takes offsets such as +01:00, which are no zones. */
function isTimeZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
