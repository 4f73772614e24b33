/**
 * The pods of a job: made from its template, told apart, timed. Pure.
 * Units: milliseconds since the Unix epoch.
 * Source: labels, annotations and names in the Kubernetes documentation of jobs.
 */
import type { Job } from '#api/kinds/batch/v1.ts';
import type { Pod, PodSpec } from '#api/kinds/core/pod.ts';
import { JOBS } from '../../component/kinds.ts';
import { timeMs } from '../workloads/pods.ts';
import { podFrom } from '../workloads/template.ts';

/** Keeps a pod that ended until it was counted. */
export const FINALIZER = 'batch.kubernetes.io/job-tracking';
const INDEX = 'batch.kubernetes.io/job-completion-index';
const FAILURES = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED = 'batch.kubernetes.io/job-index-ignored-failure-count';
const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX';
/** Longest generateName that leaves room for the five letters of the server. */
const LONGEST_PREFIX = 58;

/** One pod to be made. */
export interface Slot {
  readonly index?: number;
  /** How often the index failed before; only where indexes have limits of their own. */
  readonly failures?: number;
  readonly ignored?: number;
}

export const isTracked = ({ metadata }: Pod): boolean => metadata.finalizers?.includes(FINALIZER) === true;

/** undefined: it has none, or none that the job has. */
export function indexOf({ metadata }: Pod, { completions = 0 }: Job['spec']): number | undefined {
  const text = metadata.annotations?.[INDEX] ?? '';
  return /^\d{1,10}$/.test(text) && Number(text) < completions ? Number(text) : undefined;
}

const numberIn = ({ metadata }: Pod, annotation: string): number =>
  Number(/^\d{1,10}$/.exec(metadata.annotations?.[annotation] ?? '') ?? 0);
export const failuresBefore = (pod: Pod): number => numberIn(pod, FAILURES);
export const ignoredBefore = (pod: Pod): number => numberIn(pod, IGNORED);

export function jobPod(job: Job, slot: Slot): Pod {
  const pod = podFrom(job.spec.template, { type: JOBS, object: job });
  const finalizers = [...(pod.metadata.finalizers ?? []), FINALIZER];
  const { index } = slot;
  if (index === undefined) return { ...pod, metadata: { ...pod.metadata, finalizers } };
  const name = job.metadata.name ?? '';
  return {
    metadata: {
      ...pod.metadata,
      generateName: `${name.slice(0, LONGEST_PREFIX - String(index).length - 2)}-${index}-`,
      finalizers,
      labels: { ...pod.metadata.labels, [INDEX]: String(index) },
      annotations: {
        ...pod.metadata.annotations,
        [INDEX]: String(index),
        ...(slot.failures === undefined ? {} : { [FAILURES]: String(slot.failures) }),
        ...(slot.ignored === undefined || slot.ignored === 0 ? {} : { [IGNORED]: String(slot.ignored) }),
      },
    },
    spec: withIndex(pod.spec, `${name}-${index}`),
  };
}

function withIndex(spec: PodSpec, hostname: string): PodSpec {
  const variable = { name: INDEX_VARIABLE, valueFrom: { fieldRef: { fieldPath: `metadata.labels['${INDEX}']` } } };
  const told = <C extends PodSpec['containers'][number]>(container: C): C =>
    container.env?.some(({ name }) => name === INDEX_VARIABLE) === true
      ? container
      : { ...container, env: [...(container.env ?? []), variable] };
  return {
    ...spec,
    hostname,
    containers: spec.containers.map(told),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(told) }),
  };
}

/** When a pod that ended did so, as well as that can be told. */
export function endedMs({ status, metadata }: Pod): number {
  const ends = (status?.containerStatuses ?? []).map(({ state }) => timeMs(state?.terminated?.finishedAt));
  const last = Math.max(0, ...ends);
  if (last > 0) return last;
  if (metadata.deletionTimestamp !== undefined)
    return timeMs(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1_000;
  const changes = (status?.conditions ?? []).map(({ lastTransitionTime }) => timeMs(lastTransitionTime));
  return Math.max(timeMs(metadata.creationTimestamp), ...changes);
}

/** How often the containers of pods that restart them were started again. */
export function restartsOf(pods: readonly Pod[]): number {
  return pods
    .filter(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending')
    .flatMap(({ status }) => [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}
