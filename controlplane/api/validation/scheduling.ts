/**
 * Rules for where a pod may run: affinity, tolerations, spreading. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type {
  Affinity,
  NodeSelector,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '#api/kinds/core/scheduling.ts';
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from '#api/names.ts';
import type { Problems } from '#api/problem.ts';
import { validateLabelSelector, validateOperands } from '#api/validation/metadata.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

export function validateAffinity(problems: Problems, affinity: Affinity | undefined, at: FieldPath): void {
  const node = affinity?.nodeAffinity;
  if (node?.[REQUIRED] !== undefined) validateNodeSelector(problems, node[REQUIRED], at.field('nodeAffinity').field(REQUIRED));
  for (const [i, { weight, preference }] of (node?.[PREFERRED] ?? []).entries()) {
    const place = at.field('nodeAffinity').field(PREFERRED).index(i);
    validateWeight(problems, weight, place);
    validateNodeTerm(problems, preference, place.field('preference'));
  }
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    const pods = affinity?.[name];
    if (pods !== undefined) validatePodAffinity(problems, pods, at.field(name));
  }
}

function validateWeight(problems: Problems, weight: number, at: FieldPath): void {
  if (weight < 1 || weight > 100) problems.invalid(at.field('weight'), weight, 'must be in the range 1-100');
}

export function validateNodeSelector(problems: Problems, selector: NodeSelector, at: FieldPath): void {
  const terms = at.field('nodeSelectorTerms');
  if (selector.nodeSelectorTerms.length === 0) problems.required(terms, 'must have at least one node selector term');
  for (const [i, term] of selector.nodeSelectorTerms.entries()) validateNodeTerm(problems, term, terms.index(i));
}

function validateNodeTerm(problems: Problems, { matchExpressions = [], matchFields = [] }: NodeSelectorTerm, at: FieldPath): void {
  for (const [i, { key, operator, values = [] }] of matchExpressions.entries()) {
    const place = at.field('matchExpressions').index(i);
    validateOperands(problems, operator, values.length, place);
    if ((operator === 'Gt' || operator === 'Lt') && values.length !== 1) {
      problems.required(place.field('values'), "must be specified single value when `operator` is 'Lt' or 'Gt'");
    }
    problems.invalidAll(place.field('key'), key, qualifiedName(key));
    for (const [j, value] of values.entries()) problems.invalidAll(place.field('values').index(j), value, labelValue(value));
  }
  for (const [i, { key, operator, values = [] }] of matchFields.entries()) {
    const place = at.field('matchFields').index(i);
    if (operator !== 'In' && operator !== 'NotIn') problems.invalid(place.field('operator'), operator, 'not a valid selector operator');
    else if (values.length !== 1) {
      problems.required(place.field('values'), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
    }
    if (key !== 'metadata.name') problems.invalid(place.field('key'), key, 'not a valid field selector key');
    else for (const [j, value] of values.entries()) problems.invalidAll(place.field('values').index(j), value, dns1123Subdomain(value));
  }
}

function validatePodAffinity(problems: Problems, affinity: PodAffinity, at: FieldPath): void {
  for (const [i, term] of (affinity[REQUIRED] ?? []).entries()) validatePodTerm(problems, term, at.field(REQUIRED).index(i));
  for (const [i, { weight, podAffinityTerm }] of (affinity[PREFERRED] ?? []).entries()) {
    const place = at.field(PREFERRED).index(i);
    validateWeight(problems, weight, place);
    validatePodTerm(problems, podAffinityTerm, place.field('podAffinityTerm'));
  }
}

function validatePodTerm(problems: Problems, term: PodAffinityTerm, at: FieldPath): void {
  validateLabelSelector(problems, term.labelSelector, at.field('labelSelector'));
  validateLabelSelector(problems, term.namespaceSelector, at.field('namespaceSelector'));
  for (const name of term.namespaces ?? []) problems.invalidAll(at.field('namespace'), name, dns1123Label(name));
  validateMatchKeys(problems, term, at);
  if (term.topologyKey === '') problems.required(at.field('topologyKey'), 'can not be empty');
  problems.invalidAll(at.field('topologyKey'), term.topologyKey, qualifiedName(term.topologyKey));
}

function validateMatchKeys(problems: Problems, term: PodAffinityTerm, at: FieldPath): void {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  for (const [name, keys] of [
    ['matchLabelKeys', matchLabelKeys],
    ['mismatchLabelKeys', mismatchLabelKeys],
  ] as const) {
    if (keys.length > 0 && labelSelector === undefined)
      problems.forbidden(at.field(name), 'must not be specified when labelSelector is not set');
    else for (const [i, key] of keys.entries()) problems.invalidAll(at.field(name).index(i), key, qualifiedName(key));
  }
  for (const [i, key] of matchLabelKeys.entries()) {
    if (mismatchLabelKeys.includes(key)) {
      problems.invalid(at.field('matchLabelKeys').index(i), key, 'exists in both matchLabelKeys and mismatchLabelKeys');
    }
  }
}

export function validateTolerations(problems: Problems, tolerations: readonly Toleration[], at: FieldPath): void {
  for (const [i, { key = '', operator = 'Equal', value = '', effect = '', tolerationSeconds }] of tolerations.entries()) {
    const place = at.index(i);
    if (key !== '') problems.invalidAll(place.field('key'), key, qualifiedName(key));
    else if (operator !== 'Exists') {
      const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      problems.invalid(place.field('operator'), operator, detail);
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      problems.invalid(place.field('effect'), effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (operator === 'Exists') {
      if (value !== '') problems.invalid(place.field('operator'), value, "value must be empty when `operator` is 'Exists'");
    } else if (operator === 'Equal') {
      const broken = labelValue(value);
      if (broken.length > 0) problems.invalid(place.field('operator'), value, broken.join(';'));
    } else if ((operator === 'Lt' || operator === 'Gt') && !/^-?(0|[1-9]\d*)$/.test(value)) {
      problems.invalid(place.field('value'), value, 'must be an integer when `operator` is Lt or Gt');
    }
  }
}

export function validateSpread(problems: Problems, constraints: readonly TopologySpreadConstraint[], at: FieldPath): void {
  for (const [i, constraint] of constraints.entries()) {
    const place = at.index(i);
    const { maxSkew, minDomains, topologyKey, whenUnsatisfiable, labelSelector } = constraint;
    if (maxSkew <= 0) problems.invalid(place.field('maxSkew'), maxSkew, 'must be greater than zero');
    if (topologyKey === '') problems.required(place.field('topologyKey'), 'can not be empty');
    if (constraints.slice(i + 1).some((c) => c.topologyKey === topologyKey && c.whenUnsatisfiable === whenUnsatisfiable)) {
      problems.duplicate(place.field('{topologyKey, whenUnsatisfiable}'), `{${topologyKey}, ${whenUnsatisfiable}}`);
    }
    if (minDomains !== undefined) {
      if (minDomains <= 0) problems.invalid(place.field('minDomains'), minDomains, 'must be greater than zero');
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
        problems.invalid(place.field('minDomains'), minDomains, detail);
      }
    }
    validateSpreadKeys(problems, constraint, place.field('matchLabelKeys'));
    validateLabelSelector(problems, labelSelector, place.field('labelSelector'));
  }
}

function validateSpreadKeys(problems: Problems, { matchLabelKeys = [], labelSelector }: TopologySpreadConstraint, at: FieldPath): void {
  if (matchLabelKeys.length === 0) return;
  if (labelSelector === undefined) problems.forbidden(at, 'must not be specified when labelSelector is not set');
  const selected = new Set([
    ...Object.keys(labelSelector?.matchLabels ?? {}),
    ...(labelSelector?.matchExpressions ?? []).map((e) => e.key),
  ]);
  for (const [i, key] of matchLabelKeys.entries()) {
    problems.invalidAll(at.index(i), key, qualifiedName(key));
    if (selected.has(key)) problems.invalid(at.index(i), key, 'exists in both matchLabelKeys and labelSelector');
  }
}
