import { StatefulSet } from '#api/kinds/apps/statefulSet.ts';
import { ControllerRevision, DaemonSet, Deployment, ReplicaSet } from '#api/kinds/apps/v1.ts';
import { HorizontalPodAutoscaler, Scale } from '#api/kinds/autoscaling/v1.ts';
import { HorizontalPodAutoscaler as HorizontalPodAutoscalerV2 } from '#api/kinds/autoscaling/v2.ts';
import { CronJob, Job } from '#api/kinds/batch/v1.ts';
import { Eviction, PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import { PriorityClass } from '#api/kinds/scheduling/v1.ts';
import { dns1123Subdomain } from '#api/names.ts';
import { defineKind } from '#api/scheme.ts';
import { metadataOnly } from '#api/validation/named.ts';
import {
  validateCronJob,
  validateDaemonSet,
  validateDeployment,
  validateJob,
  validateReplicaSet,
  validateStatefulSet,
} from '#api/validation/workloads.ts';
import { validateAutoscaler, validateAutoscalerV1 } from '#api/validation/autoscaling.ts';
import { validateControllerRevision, validateDisruptionBudget, validatePriorityClass } from '#api/validation/small.ts';

export const deploymentKind = defineKind({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  schema: Deployment,
  plural: 'deployments',
  namespaced: true,
  shortNames: ['deploy'],
  categories: ['all'],
  subresources: ['scale', 'status'],
  validate: validateDeployment,
});
export const replicaSetKind = defineKind({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  schema: ReplicaSet,
  plural: 'replicasets',
  namespaced: true,
  shortNames: ['rs'],
  categories: ['all'],
  subresources: ['scale', 'status'],
  validate: validateReplicaSet,
});
export const daemonSetKind = defineKind({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  schema: DaemonSet,
  plural: 'daemonsets',
  namespaced: true,
  shortNames: ['ds'],
  categories: ['all'],
  subresources: ['status'],
  validate: validateDaemonSet,
});
export const statefulSetKind = defineKind({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  schema: StatefulSet,
  plural: 'statefulsets',
  namespaced: true,
  shortNames: ['sts'],
  categories: ['all'],
  subresources: ['scale', 'status'],
  validate: validateStatefulSet,
});
export const controllerRevisionKind = defineKind({
  apiVersion: 'apps/v1',
  kind: 'ControllerRevision',
  schema: ControllerRevision,
  plural: 'controllerrevisions',
  namespaced: true,
  validate: validateControllerRevision,
});
export const jobKind = defineKind({
  apiVersion: 'batch/v1',
  kind: 'Job',
  schema: Job,
  plural: 'jobs',
  namespaced: true,
  categories: ['all'],
  subresources: ['status'],
  validate: validateJob,
});
export const cronJobKind = defineKind({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  schema: CronJob,
  plural: 'cronjobs',
  namespaced: true,
  shortNames: ['cj'],
  categories: ['all'],
  subresources: ['status'],
  validate: validateCronJob,
});
export const horizontalPodAutoscalerKind = defineKind({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  schema: HorizontalPodAutoscalerV2,
  plural: 'horizontalpodautoscalers',
  namespaced: true,
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: ['status'],
  validate: validateAutoscaler,
});
export const horizontalPodAutoscalerV1Kind = defineKind({
  apiVersion: 'autoscaling/v1',
  kind: 'HorizontalPodAutoscaler',
  schema: HorizontalPodAutoscaler,
  plural: 'horizontalpodautoscalers',
  namespaced: true,
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: ['status'],
  validate: validateAutoscalerV1,
});
export const scaleKind = defineKind({
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  schema: Scale,
  plural: 'scales',
  namespaced: true,
  onlySubresource: true,
  validate: metadataOnly({ namespaced: true, name: dns1123Subdomain }),
});
export const podDisruptionBudgetKind = defineKind({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  schema: PodDisruptionBudget,
  plural: 'poddisruptionbudgets',
  namespaced: true,
  shortNames: ['pdb'],
  subresources: ['status'],
  validate: validateDisruptionBudget,
});
export const evictionKind = defineKind({
  apiVersion: 'policy/v1',
  kind: 'Eviction',
  schema: Eviction,
  plural: 'evictions',
  namespaced: true,
  onlySubresource: true,
  validate: metadataOnly({ namespaced: true, name: dns1123Subdomain }),
});
export const priorityClassKind = defineKind({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  schema: PriorityClass,
  plural: 'priorityclasses',
  namespaced: false,
  shortNames: ['pc'],
  validate: validatePriorityClass,
});
