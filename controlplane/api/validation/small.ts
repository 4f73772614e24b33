/**
 * Rules for kinds with few of them: disruption budgets, priority classes, leases, runtime classes, revisions. Pure.
 * Source: texts of the validation of Kubernetes 1.36.
 */
import { at } from '#api/fieldPath.ts';
import type { ControllerRevision } from '#api/kinds/apps/v1.ts';
import type { Lease } from '#api/kinds/coordination/v1.ts';
import type { RuntimeClass } from '#api/kinds/node/v1.ts';
import type { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import type { PriorityClass } from '#api/kinds/scheduling/v1.ts';
import { dns1123Label, dns1123Subdomain } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateLabels, validateLabelSelector, validateMetadata } from '#api/validation/metadata.ts';
import { validateNonNegative } from '#api/validation/paths.ts';
import { validateTolerations } from '#api/validation/scheduling.ts';
import { validateShare } from '#api/validation/workloads.ts';

const SPEC = at('spec');

export function validateDisruptionBudget({ metadata, spec }: PodDisruptionBudget): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  const { minAvailable, maxUnavailable, selector } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    problems.invalid(SPEC, spec, 'minAvailable and maxUnavailable cannot be both set');
  }
  validateShare(problems, minAvailable, SPEC.field('minAvailable'));
  validateShare(problems, maxUnavailable, SPEC.field('maxUnavailable'));
  validateLabelSelector(problems, selector, SPEC.field('selector'));
  return problems.found;
}

/** More is for the system. */
const HIGHEST_OF_USERS = 1_000_000_000;
const SYSTEM_CLASSES: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

export function validatePriorityClass(priority: PriorityClass): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, priority.metadata, at('metadata'), { namespaced: false, name: dns1123Subdomain });
  const { name = '' } = priority.metadata;
  const { value = 0, globalDefault = false } = priority;
  if (!name.startsWith('system-')) {
    if (value > HIGHEST_OF_USERS)
      problems.forbidden(at('value'), `maximum allowed value of a user defined priority is ${HIGHEST_OF_USERS}`);
    return problems.found;
  }
  const wanted = SYSTEM_CLASSES[name];
  const reserved = "priority class names with 'system-' prefix are reserved for system use only. error: ";
  const say = (error: string): void => problems.forbidden(at('metadata', 'name'), reserved + error);
  if (wanted === undefined) say(`${name} is not a known system priority class`);
  else if (value !== wanted) say(`value of ${name} PriorityClass must be ${wanted}`);
  else if (globalDefault) say(`globalDefault of ${name} PriorityClass must be false`);
  return problems.found;
}

export function validateLease({ metadata, spec }: Lease): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  const { leaseDurationSeconds, leaseTransitions } = spec;
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    problems.invalid(SPEC.field('leaseDurationSeconds'), leaseDurationSeconds, 'must be greater than 0');
  }
  validateNonNegative(problems, leaseTransitions, SPEC.field('leaseTransitions'));
  return problems.found;
}

export function validateRuntimeClass({ metadata, handler, scheduling, overhead }: RuntimeClass): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: false, name: dns1123Subdomain });
  problems.invalidAll(at('handler'), handler, dns1123Label(handler));
  for (const [name, amount] of Object.entries(overhead?.podFixed ?? {})) {
    if (amount.startsWith('-')) {
      problems.invalid(at('overhead', 'podFixed').key(name), amount, 'must be greater than or equal to 0');
    }
  }
  validateLabels(problems, scheduling?.nodeSelector, at('scheduling', 'nodeSelector'));
  validateTolerations(problems, scheduling?.tolerations ?? [], at('scheduling', 'tolerations'));
  return problems.found;
}

export function validateControllerRevision({ metadata, data, revision }: ControllerRevision): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  if (data === undefined || data === null) problems.required(at('data'), 'data is mandatory');
  validateNonNegative(problems, revision, at('revision'));
  return problems.found;
}
