/** The tables of apps, batch, autoscaling and policy. Pure. Source: the columns of Kubernetes 1.36. */
import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet } from '#api/kinds/apps/v1.ts';
import type { StatefulSet } from '#api/kinds/apps/statefulSet.ts';
import type { Scale } from '#api/kinds/autoscaling/v1.ts';
import type { CronJob, Job } from '#api/kinds/batch/v1.ts';
import type { ReplicationController } from '#api/kinds/core/replicationController.ts';
import type { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import type { PriorityClass } from '#api/kinds/scheduling/v1.ts';
import { humanDuration } from '#api/print/age.ts';
import { boolText, containerColumns, labelsText, NONE, selectorColumn, selectorText } from '#api/print/cells.ts';
import { age, bool, integer, name, since, text, wide, type Column } from '#api/print/column.ts';

export const deployment: readonly Column<Deployment>[] = [
  name,
  text('Ready', 'Pods that are ready, of those wanted', (d) => `${d.status?.readyReplicas ?? 0}/${d.spec.replicas ?? 0}`),
  text('Up-to-date', 'Pods of the newest template', (d) => d.status?.updatedReplicas ?? 0),
  text('Available', 'Pods that have been ready long enough', (d) => d.status?.availableReplicas ?? 0),
  age,
  ...containerColumns<Deployment>((d) => d.spec.template.spec?.containers),
  wide(text('Selector', 'Labels of the pods it counts as its own', (d) => selectorText(d.spec.selector))),
];

interface Replicated {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number; readonly readyReplicas?: number };
}

const replicaColumns: readonly Column<Replicated>[] = [
  integer('Desired', 'Pods wanted', (o) => o.spec?.replicas ?? 0),
  integer('Current', 'Pods there are', (o) => o.status?.replicas ?? 0),
  integer('Ready', 'Pods that are ready', (o) => o.status?.readyReplicas ?? 0),
];

export const replicaSet: readonly Column<ReplicaSet>[] = [
  name,
  ...replicaColumns,
  age,
  ...containerColumns<ReplicaSet>((r) => r.spec.template?.spec?.containers),
  selectorColumn<ReplicaSet>((r) => r.spec.selector),
];

export const replicationController: readonly Column<ReplicationController>[] = [
  name,
  ...replicaColumns,
  age,
  ...containerColumns<ReplicationController>((r) => r.spec.template?.spec?.containers),
  wide(text('Selector', 'Labels of the pods it counts as its own', (r) => labelsText(r.spec.selector))),
];

export const statefulSet: readonly Column<StatefulSet>[] = [
  name,
  text('Ready', 'Pods that are ready, of those wanted', (s) => `${s.status?.readyReplicas ?? 0}/${s.spec.replicas ?? 0}`),
  age,
  ...containerColumns<StatefulSet>((s) => s.spec.template.spec?.containers),
];

export const daemonSet: readonly Column<DaemonSet>[] = [
  name,
  integer('Desired', 'Nodes that shall run the pod', (d) => d.status?.desiredNumberScheduled ?? 0),
  integer('Current', 'Nodes that shall run it and do', (d) => d.status?.currentNumberScheduled ?? 0),
  integer('Ready', 'Nodes whose pod is ready', (d) => d.status?.numberReady ?? 0),
  integer('Up-to-date', 'Nodes whose pod is of the newest template', (d) => d.status?.updatedNumberScheduled ?? 0),
  integer('Available', 'Nodes whose pod has been ready long enough', (d) => d.status?.numberAvailable ?? 0),
  text('Node Selector', 'Labels a node must have', (d) => labelsText(d.spec.template.spec?.nodeSelector)),
  age,
  ...containerColumns<DaemonSet>((d) => d.spec.template.spec?.containers),
  selectorColumn<DaemonSet>((d) => d.spec.selector),
];

export const job: readonly Column<Job>[] = [
  name,
  text('Status', 'What has become of the job', jobStatus),
  text('Completions', 'Pods that succeeded, of those wanted', completions),
  text('Duration', 'How long it took, or has taken so far', jobDuration),
  age,
  ...containerColumns<Job>((j) => j.spec.template.spec?.containers),
  selectorColumn<Job>((j) => j.spec.selector),
];

function jobStatus({ metadata, status }: Job): string {
  const is = (type: string): boolean => status?.conditions?.find((c) => c.type === type)?.status === 'True';
  if (is('Complete')) return 'Complete';
  if (is('Failed')) return 'Failed';
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (is('Suspended')) return 'Suspended';
  return is('FailureTarget') ? 'FailureTarget' : 'Running';
}

function completions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobDuration({ status }: Job, nowMs: number): string {
  const from = Date.parse(status?.startTime ?? '');
  const to = Date.parse(status?.completionTime ?? '');
  return Number.isNaN(from) ? '' : humanDuration((Number.isNaN(to) ? nowMs : to) - from);
}

export const cronJob: readonly Column<CronJob>[] = [
  name,
  text('Schedule', 'When it runs, in the form of cron', (c) => c.spec.schedule),
  text('Timezone', 'Time zone of the schedule', (c) => c.spec.timeZone ?? NONE),
  bool('Suspend', 'Whether it is stopped', (c) => boolText(c.spec.suspend)),
  integer('Active', 'Jobs that run now', (c) => c.status?.active?.length ?? 0),
  text('Last Schedule', 'Time since it last started a job', (c, now) =>
    c.status?.lastScheduleTime === undefined ? NONE : since(c.status.lastScheduleTime, now),
  ),
  age,
  ...containerColumns<CronJob>((c) => c.spec.jobTemplate.spec?.template.spec?.containers),
  selectorColumn<CronJob>((c) => c.spec.jobTemplate.spec?.selector),
];

export const controllerRevision: readonly Column<ControllerRevision>[] = [
  name,
  text('Controller', 'Who keeps the revision', ({ metadata }) => {
    const owner = metadata.ownerReferences?.find((o) => o.controller === true);
    if (owner === undefined) return NONE;
    const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
    return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
  }),
  text('Revision', 'Number of the revision', (r) => r.revision),
  age,
];

export const podDisruptionBudget: readonly Column<PodDisruptionBudget>[] = [
  name,
  text('Min Available', 'Pods that must stay', (p) => String(p.spec?.minAvailable ?? 'N/A')),
  text('Max Unavailable', 'Pods that may be gone', (p) => String(p.spec?.maxUnavailable ?? 'N/A')),
  integer('Allowed Disruptions', 'Pods that may be taken away now', (p) => p.status?.disruptionsAllowed ?? 0),
  age,
];

export const scale: readonly Column<Scale>[] = [
  name,
  integer('Desired', 'Pods wanted', (s) => s.spec?.replicas ?? 0),
  integer('Available', 'Pods there are', (s) => s.status?.replicas ?? 0),
  age,
];

export const priorityClass: readonly Column<PriorityClass>[] = [
  name,
  integer('Value', 'Priority of the pods', (p) => p.value ?? 0),
  bool('Global-Default', 'Whether pods without a class get it', (p) => p.globalDefault ?? false),
  age,
  text('PreemptionPolicy', 'Whether such pods push others out', (p) => p.preemptionPolicy ?? ''),
];
