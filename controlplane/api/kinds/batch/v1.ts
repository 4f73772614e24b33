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
  containerName: string(),
  operator: required(PodFailurePolicyOnExitCodesOperator),
  values: required(list(int32(), undefined, { listType: 'set' })),
});
export interface PodFailurePolicyOnExitCodesRequirement extends Static<typeof PodFailurePolicyOnExitCodesRequirement> {}

export const PodFailurePolicyOnPodConditionsPattern = object('io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern', {
  type: required(PodConditionType),
  status: field(ConditionStatus, undefined, { default: 'True' }),
});
export interface PodFailurePolicyOnPodConditionsPattern extends Static<typeof PodFailurePolicyOnPodConditionsPattern> {}

export const PodFailurePolicyRule = object('io.k8s.api.batch.v1.PodFailurePolicyRule', {
  action: required(PodFailurePolicyAction),
  onExitCodes: PodFailurePolicyOnExitCodesRequirement,
  onPodConditions: atomicList(PodFailurePolicyOnPodConditionsPattern),
});
export interface PodFailurePolicyRule extends Static<typeof PodFailurePolicyRule> {}

export const PodFailurePolicy = object('io.k8s.api.batch.v1.PodFailurePolicy', {
  rules: required(atomicList(PodFailurePolicyRule)),
});
export interface PodFailurePolicy extends Static<typeof PodFailurePolicy> {}

export const SuccessPolicyRule = object('io.k8s.api.batch.v1.SuccessPolicyRule', {
  succeededIndexes: string(),
  succeededCount: int32(),
});
export interface SuccessPolicyRule extends Static<typeof SuccessPolicyRule> {}

export const SuccessPolicy = object('io.k8s.api.batch.v1.SuccessPolicy', {
  rules: required(atomicList(SuccessPolicyRule)),
});
export interface SuccessPolicy extends Static<typeof SuccessPolicy> {}

export const CompletionMode = oneOf(['NonIndexed', 'Indexed']);
export type CompletionMode = Static<typeof CompletionMode>;

export const PodReplacementPolicy = oneOf(['TerminatingOrFailed', 'Failed']);
export type PodReplacementPolicy = Static<typeof PodReplacementPolicy>;

export const JobSpec = object('io.k8s.api.batch.v1.JobSpec', {
  parallelism: int32(),
  completions: int32(),
  activeDeadlineSeconds: int64(),
  podFailurePolicy: PodFailurePolicy,
  successPolicy: SuccessPolicy,
  backoffLimit: int32(),
  backoffLimitPerIndex: int32(),
  maxFailedIndexes: int32(),
  selector: LabelSelector,
  manualSelector: boolean(),
  template: always(PodTemplateSpec),
  ttlSecondsAfterFinished: int32(),
  completionMode: CompletionMode,
  suspend: boolean(),
  podReplacementPolicy: PodReplacementPolicy,
  managedBy: string(),
});
export interface JobSpec extends Static<typeof JobSpec> {}

export const JobConditionType = knownTexts(['Suspended', 'Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet']);
export type JobConditionType = Static<typeof JobConditionType>;

export const JobCondition = object('io.k8s.api.batch.v1.JobCondition', {
  type: always(JobConditionType),
  status: always(ConditionStatus),
  lastProbeTime: time(),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface JobCondition extends Static<typeof JobCondition> {}

export const UncountedTerminatedPods = object('io.k8s.api.batch.v1.UncountedTerminatedPods', {
  succeeded: list(string(), undefined, { listType: 'set' }),
  failed: list(string(), undefined, { listType: 'set' }),
});
export interface UncountedTerminatedPods extends Static<typeof UncountedTerminatedPods> {}

export const JobStatus = object('io.k8s.api.batch.v1.JobStatus', {
  conditions: list(JobCondition, undefined, { listType: 'atomic', patchMergeKey: 'type', patchStrategy: 'merge' }),
  startTime: time(),
  completionTime: time(),
  active: int32(),
  succeeded: int32(),
  failed: int32(),
  terminating: int32(),
  completedIndexes: string(),
  failedIndexes: string(),
  uncountedTerminatedPods: UncountedTerminatedPods,
  ready: int32(),
});
export interface JobStatus extends Static<typeof JobStatus> {}

export const Job = kind('io.k8s.api.batch.v1.Job', {
  spec: always(JobSpec),
  status: JobStatus,
});
export interface Job extends Static<typeof Job> {}

export const JobTemplateSpec = object('io.k8s.api.batch.v1.JobTemplateSpec', {
  metadata: ObjectMeta,
  spec: always(JobSpec),
});
export interface JobTemplateSpec extends Static<typeof JobTemplateSpec> {}

export const ConcurrencyPolicy = oneOf(['Allow', 'Forbid', 'Replace']);
export type ConcurrencyPolicy = Static<typeof ConcurrencyPolicy>;

export const CronJobSpec = object('io.k8s.api.batch.v1.CronJobSpec', {
  schedule: required(string()),
  timeZone: string(),
  startingDeadlineSeconds: int64(),
  concurrencyPolicy: field(ConcurrencyPolicy, undefined, { default: 'Allow' }),
  suspend: boolean(undefined, { default: false }),
  jobTemplate: always(JobTemplateSpec),
  successfulJobsHistoryLimit: int32(undefined, { default: 3 }),
  failedJobsHistoryLimit: int32(undefined, { default: 1 }),
});
export interface CronJobSpec extends Static<typeof CronJobSpec> {}

export const CronJobStatus = object('io.k8s.api.batch.v1.CronJobStatus', {
  active: atomicList(ObjectReference),
  lastScheduleTime: time(),
  lastSuccessfulTime: time(),
});
export interface CronJobStatus extends Static<typeof CronJobStatus> {}

export const CronJob = kind('io.k8s.api.batch.v1.CronJob', {
  spec: always(CronJobSpec),
  status: CronJobStatus,
});
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
