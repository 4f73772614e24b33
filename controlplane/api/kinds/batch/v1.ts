import {
  always,
  atomicList,
  boolean,
  field,
  int32,
  int64,
  knownTexts,
  list,
  object,
  oneOf,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { PodTemplateSpec } from '#api/kinds/core/pod.ts';
import { PodConditionType } from '#api/kinds/core/podStatus.ts';
import { ConditionStatus, ObjectReference } from '#api/kinds/core/references.ts';
import { ObjectMeta, kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const PodFailurePolicyAction = oneOf(['FailJob', 'FailIndex', 'Ignore', 'Count']);
export type PodFailurePolicyAction = Static<typeof PodFailurePolicyAction>;

export const PodFailurePolicyOnExitCodesOperator = oneOf(['In', 'NotIn']);
export type PodFailurePolicyOnExitCodesOperator = Static<typeof PodFailurePolicyOnExitCodesOperator>;

export const PodFailurePolicyOnExitCodesRequirement = object('io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement', {
  containerName: string('Container that is meant; all when left out'),
  operator: required(field(PodFailurePolicyOnExitCodesOperator, 'How the codes are compared')),
  values: required(list(int32(), 'Exit codes', { listType: 'set' })),
});
export interface PodFailurePolicyOnExitCodesRequirement extends Static<typeof PodFailurePolicyOnExitCodesRequirement> {}

export const PodFailurePolicyOnPodConditionsPattern = object('io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern', {
  type: required(field(PodConditionType, 'Condition')),
  status: field(ConditionStatus, 'Status it must have', { default: 'True' }),
});
export interface PodFailurePolicyOnPodConditionsPattern extends Static<typeof PodFailurePolicyOnPodConditionsPattern> {}

export const PodFailurePolicyRule = object('io.k8s.api.batch.v1.PodFailurePolicyRule', {
  action: required(field(PodFailurePolicyAction, 'What to do')),
  onExitCodes: field(PodFailurePolicyOnExitCodesRequirement, 'After these exits'),
  onPodConditions: atomicList(PodFailurePolicyOnPodConditionsPattern, 'With these conditions'),
});
export interface PodFailurePolicyRule extends Static<typeof PodFailurePolicyRule> {}

export const PodFailurePolicy = object('io.k8s.api.batch.v1.PodFailurePolicy', {
  rules: required(atomicList(PodFailurePolicyRule, 'The first that fits counts')),
});
export interface PodFailurePolicy extends Static<typeof PodFailurePolicy> {}

export const SuccessPolicyRule = object('io.k8s.api.batch.v1.SuccessPolicyRule', {
  succeededIndexes: string('Indexes that must succeed'),
  succeededCount: int32('How many must succeed'),
});
export interface SuccessPolicyRule extends Static<typeof SuccessPolicyRule> {}

export const SuccessPolicy = object('io.k8s.api.batch.v1.SuccessPolicy', {
  rules: required(atomicList(SuccessPolicyRule, 'Any one of these is enough')),
});
export interface SuccessPolicy extends Static<typeof SuccessPolicy> {}

export const CompletionMode = oneOf(['NonIndexed', 'Indexed']);
export type CompletionMode = Static<typeof CompletionMode>;

export const PodReplacementPolicy = oneOf(['TerminatingOrFailed', 'Failed']);
export type PodReplacementPolicy = Static<typeof PodReplacementPolicy>;

export const JobSpec = object('io.k8s.api.batch.v1.JobSpec', {
  parallelism: int32('Most pods at once'),
  completions: int32('Pods that must succeed'),
  activeDeadlineSeconds: int64('Longest time it may run'),
  podFailurePolicy: field(PodFailurePolicy, 'What failures mean'),
  successPolicy: field(SuccessPolicy, 'When it is done early'),
  backoffLimit: int32('Failures before it gives up'),
  backoffLimitPerIndex: int32('Failures of one index before that gives up'),
  maxFailedIndexes: int32('Failed indexes before all give up'),
  selector: field(LabelSelector, 'Labels that the objects must have'),
  manualSelector: boolean('Whether the selector was written by hand'),
  template: always(field(PodTemplateSpec, 'The pod that is made')),
  ttlSecondsAfterFinished: int32('When it is deleted after it ended'),
  completionMode: field(CompletionMode, 'Whether pods have an index'),
  suspend: boolean('No pods run'),
  podReplacementPolicy: field(PodReplacementPolicy, 'When a pod is replaced'),
  managedBy: string('Controller that looks after it'),
});
export interface JobSpec extends Static<typeof JobSpec> {}

export const JobConditionType = knownTexts(['Suspended', 'Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet']);
export type JobConditionType = Static<typeof JobConditionType>;

export const JobCondition = object('io.k8s.api.batch.v1.JobCondition', {
  type: always(field(JobConditionType, 'Name of the aspect')),
  status: always(field(ConditionStatus, 'What was last seen of it; written by the system')),
  lastProbeTime: time('When it was last looked at'),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
});
export interface JobCondition extends Static<typeof JobCondition> {}

export const UncountedTerminatedPods = object('io.k8s.api.batch.v1.UncountedTerminatedPods', {
  succeeded: list(string(), 'Pods that succeeded', { listType: 'set' }),
  failed: list(string(), 'Pods that failed', { listType: 'set' }),
});
export interface UncountedTerminatedPods extends Static<typeof UncountedTerminatedPods> {}

export const JobStatus = object('io.k8s.api.batch.v1.JobStatus', {
  conditions: list(JobCondition, 'Newest state of each aspect', { listType: 'atomic', patchMergeKey: 'type', patchStrategy: 'merge' }),
  startTime: time('When it began'),
  completionTime: time('When it succeeded'),
  active: int32('Pods that run'),
  succeeded: int32('Pods that succeeded'),
  failed: int32('Pods that failed'),
  terminating: int32('Pods that are ending'),
  completedIndexes: string('Indexes that succeeded, as 1,3-5'),
  failedIndexes: string('Indexes that failed'),
  uncountedTerminatedPods: field(UncountedTerminatedPods, 'Pods that ended and are not counted yet'),
  ready: int32('Pods that are ready'),
});
export interface JobStatus extends Static<typeof JobStatus> {}

export const Job = kind(
  'io.k8s.api.batch.v1.Job',
  {
    spec: always(field(JobSpec, 'What is wanted')),
    status: field(JobStatus, 'What was last seen of it; written by the system'),
  },
  'Runs pods until enough of them succeeded.',
);
export interface Job extends Static<typeof Job> {}

export const JobTemplateSpec = object('io.k8s.api.batch.v1.JobTemplateSpec', {
  metadata: field(ObjectMeta, 'Labels and annotations of the jobs'),
  spec: always(field(JobSpec, 'What is wanted')),
});
export interface JobTemplateSpec extends Static<typeof JobTemplateSpec> {}

export const ConcurrencyPolicy = oneOf(['Allow', 'Forbid', 'Replace']);
export type ConcurrencyPolicy = Static<typeof ConcurrencyPolicy>;

export const CronJobSpec = object('io.k8s.api.batch.v1.CronJobSpec', {
  schedule: required(string('When, in the form of cron')),
  timeZone: string('Time zone of the schedule'),
  startingDeadlineSeconds: int64('How late it may start'),
  concurrencyPolicy: field(ConcurrencyPolicy, 'What happens when the last one still runs', { default: 'Allow' }),
  suspend: boolean('No jobs are made', { default: false }),
  jobTemplate: always(field(JobTemplateSpec, 'The job that is made')),
  successfulJobsHistoryLimit: int32('Jobs kept that succeeded', { default: 3 }),
  failedJobsHistoryLimit: int32('Jobs kept that failed', { default: 1 }),
});
export interface CronJobSpec extends Static<typeof CronJobSpec> {}

export const CronJobStatus = object('io.k8s.api.batch.v1.CronJobStatus', {
  active: atomicList(ObjectReference, 'Jobs that run'),
  lastScheduleTime: time('When one was last made'),
  lastSuccessfulTime: time('When one last succeeded'),
});
export interface CronJobStatus extends Static<typeof CronJobStatus> {}

export const CronJob = kind(
  'io.k8s.api.batch.v1.CronJob',
  {
    spec: always(field(CronJobSpec, 'What is wanted')),
    status: field(CronJobStatus, 'What was last seen of it; written by the system'),
  },
  'Makes jobs at certain times.',
);
export interface CronJob extends Static<typeof CronJob> {}

const LARGEST_INT32 = 2_147_483_647;

// A job only: the template in a cron job stays as it was written.
computeDefaults(Job, ({ metadata, spec }) => {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : LARGEST_INT32;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed';
  const { labels } = spec.template.metadata;
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
});
