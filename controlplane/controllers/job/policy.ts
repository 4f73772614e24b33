/**
 * What the failures and successes of pods mean for their job. Pure.
 * Source: podFailurePolicy and successPolicy in the Kubernetes API, 1.36; the wording of messages is upstream's.
 */
import type { Job } from '#api/kinds/batch/v1.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { parseIndexes, type Indexes } from './indexes.ts';

type Rule = NonNullable<Job['spec']['podFailurePolicy']>['rules'][number];

export interface Meaning {
  readonly action: Rule['action'];
  /** Of a job that fails for it. */
  readonly message: string;
}

/** The first rule that fits a failed pod; none fits: it counts. */
export function meaningOf(pod: Pod, { podFailurePolicy }: Job['spec']): Meaning {
  for (const [i, rule] of (podFailurePolicy?.rules ?? []).entries()) {
    const why = rule.onExitCodes === undefined ? byCondition(pod, rule) : byExitCode(pod, rule.onExitCodes);
    if (why !== undefined) return { action: rule.action, message: `${why} matching ${rule.action} rule at index ${i}` };
  }
  return { action: 'Count', message: '' };
}

const nameOf = ({ metadata }: Pod): string => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;

function byExitCode(pod: Pod, { containerName, operator, values }: NonNullable<Rule['onExitCodes']>): string | undefined {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  for (const { name, state } of all) {
    const code = state?.terminated?.exitCode;
    if (code === undefined || code === 0 || (containerName !== undefined && containerName !== name)) continue;
    if (values.includes(code) === (operator === 'In')) return `Container ${name} for pod ${nameOf(pod)} failed with exit code ${code}`;
  }
  return undefined;
}

function byCondition(pod: Pod, { onPodConditions = [] }: Rule): string | undefined {
  const found = onPodConditions.find(({ type, status = 'True' }) =>
    pod.status?.conditions?.some((condition) => condition.type === type && condition.status === status),
  );
  return found === undefined ? undefined : `Pod ${nameOf(pod)} has condition ${found.type}`;
}

/** Why the job has succeeded before all its indexes have; undefined: it has not. */
export function earlySuccess({ successPolicy, completions = 0 }: Job['spec'], succeeded: Indexes): string | undefined {
  const at = (successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && succeeded.size >= succeededCount;
    const wanted = parseIndexes(succeededIndexes, completions);
    const met = [...wanted].filter((index) => succeeded.has(index)).length;
    return met >= (succeededCount ?? wanted.size);
  });
  return at < 0 ? undefined : `Matched rules at index ${at}`;
}
