/** Rules for quotas and limit ranges. Pure. The objects have their defaults. Source: texts of the core validation of Kubernetes 1.36. */
import { at, type FieldPath } from '#api/fieldPath.ts';
import type { LimitRange, LimitRangeItem, ResourceQuota, ResourceQuotaSpec } from '#api/kinds/core/quota.ts';
import { dns1123Subdomain, qualifiedName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { compareQuantities, parseQuantity } from '#api/quantity.ts';
import { validateMetadata, validateOperands } from '#api/validation/metadata.ts';
import { validateQuantityOf } from '#api/validation/resources.ts';

const SPEC = at('spec');

/** What a quota can count without a domain in its name. */
const QUOTA_RESOURCES = new Set(
  [
    'cpu memory ephemeral-storage requests.cpu requests.memory requests.storage requests.ephemeral-storage',
    'limits.cpu limits.memory limits.ephemeral-storage pods resourcequotas services replicationcontrollers secrets',
    'persistentvolumeclaims configmaps services.nodeports services.loadbalancers',
  ].flatMap((line) => line.split(' ')),
);
const COMPUTE = new Set(['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory', 'pods']);

export function validateResourceQuota({ metadata, spec }: ResourceQuota): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  for (const [name, amount] of Object.entries(spec.hard ?? {})) {
    const place = SPEC.field('hard').key(name);
    const broken = qualifiedName(name);
    problems.invalidAll(place, name, broken);
    if (broken.length === 0 && !name.includes('/') && !QUOTA_RESOURCES.has(name) && !/^(requests\.)?hugepages-/.test(name)) {
      problems.invalid(place, name, 'must be a standard resource for quota');
    }
    validateQuantityOf(problems, name, amount, place);
  }
  validateScopes(problems, spec);
  validateScopeSelector(problems, spec);
  return problems.found;
}

function validateScopes(problems: Problems, { scopes = [], hard = {} }: ResourceQuotaSpec): void {
  const place = SPEC.field('scopes');
  const has = new Set(scopes);
  // The others count any kind of resource; pods of the best effort have no requests to count.
  if (has.has('BestEffort') && Object.keys(hard).some((name) => name !== 'pods')) {
    problems.invalid(place, scopes, 'unsupported scope applied to resource');
  } else if (
    ['Terminating', 'NotTerminating', 'NotBestEffort'].some((s) => has.has(s as 'Terminating')) &&
    Object.keys(hard).some((n) => !COMPUTE.has(n))
  ) {
    problems.invalid(place, scopes, 'unsupported scope applied to resource');
  }
  const opposed = (a: string, b: string): boolean => has.has(a as 'BestEffort') && has.has(b as 'BestEffort');
  if (opposed('BestEffort', 'NotBestEffort') || opposed('Terminating', 'NotTerminating')) {
    problems.invalid(place, scopes, 'conflicting scopes');
  }
}

/** Only these compare values. */
const WITH_VALUES = new Set(['PriorityClass', 'VolumeAttributesClass']);

function validateScopeSelector(problems: Problems, { scopeSelector }: ResourceQuotaSpec): void {
  for (const [i, { scopeName, operator, values = [] }] of (scopeSelector?.matchExpressions ?? []).entries()) {
    const place = SPEC.field('scopeSelector').field('matchExpressions').index(i);
    if (!WITH_VALUES.has(scopeName) && operator !== 'Exists') {
      problems.invalid(
        place.field('operator'),
        operator,
        'must be `Exist` when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity',
      );
    }
    validateOperands(problems, operator, values.length, place);
  }
}

export function validateLimitRange({ metadata, spec }: LimitRange): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  const types = new Set<string>();
  for (const [i, item] of (spec?.limits ?? []).entries()) {
    const place = SPEC.field('limits').index(i);
    if (types.has(item.type)) problems.duplicate(place.field('type'), item.type);
    types.add(item.type);
    validateItem(problems, item, place);
  }
  return problems.found;
}

function validateItem(problems: Problems, item: LimitRangeItem, place: FieldPath): void {
  const { max = {}, min = {}, default: limit = {}, defaultRequest: request = {}, maxLimitRequestRatio: ratio = {} } = item;
  if (item.type === 'Pod') {
    if (Object.keys(limit).length > 0) problems.forbidden(place.field('default'), "may not be specified when `type` is 'Pod'");
    if (Object.keys(request).length > 0) problems.forbidden(place.field('defaultRequest'), "may not be specified when `type` is 'Pod'");
  }
  if (item.type === 'PersistentVolumeClaim' && min['storage'] === undefined && max['storage'] === undefined) {
    problems.required(place.field('limits'), 'either minimum or maximum storage value is required, but neither was provided');
  }
  const parts = { max, min, default: limit, defaultRequest: request, maxLimitRequestRatio: ratio };
  for (const [field, amounts] of Object.entries(parts)) {
    for (const [name, amount] of Object.entries(amounts)) {
      problems.invalidAll(place.field(field).key(name), name, qualifiedName(name));
      validateQuantityOf(problems, name, amount, place.field(field).key(name));
    }
  }
  const order = [
    ['min', min, 'max', max],
    ['min', min, 'defaultRequest', request, 'default request value'],
    ['defaultRequest', request, 'max', max, 'default request value'],
    ['defaultRequest', request, 'default', limit],
    ['default', limit, 'max', max],
  ] as const;
  for (const [low, lows, high, highs] of order) {
    for (const [name, amount] of Object.entries(lows)) {
      const other = highs[name];
      if (other === undefined || compareQuantities(amount, other) <= 0) continue;
      // The value that is to blame is the default request where there is one, and the lower one otherwise.
      const blamed = high === 'defaultRequest' ? high : low;
      problems.invalid(place.field(blamed).key(name), blamed === low ? amount : other, tooFar(low, high, { amount, other }));
    }
  }
  for (const [name, amount] of Object.entries(ratio)) validateRatio(problems, { name, amount, max, min }, place);
}

const WORDS = { min: 'min value', max: 'max value', default: 'default limit value', defaultRequest: 'default request value' } as const;

function tooFar(
  low: 'min' | 'default' | 'defaultRequest',
  high: 'max' | 'default' | 'defaultRequest',
  { amount, other }: { readonly amount: string; readonly other: string },
): string {
  if (high === 'defaultRequest') return `${WORDS.min} ${amount} is greater than ${WORDS.defaultRequest} ${other}`;
  return `${low === 'default' ? 'default value' : WORDS[low]} ${amount} is greater than ${WORDS[high]} ${other}`;
}

interface Ratio {
  readonly name: string;
  readonly amount: string;
  readonly max: Readonly<Record<string, string>>;
  readonly min: Readonly<Record<string, string>>;
}

function validateRatio(problems: Problems, { name, amount, max, min }: Ratio, place: FieldPath): void {
  const at = place.field('maxLimitRequestRatio').key(name);
  if (compareQuantities(amount, '1') < 0) problems.invalid(at, amount, `ratio ${amount} is less than 1`);
  const [most, least] = [max[name], min[name]];
  if (most === undefined || least === undefined || parseQuantity(least).nanos <= 0n) return;
  const possible = Number(parseQuantity(most).nanos) / Number(parseQuantity(least).nanos);
  if (Number(parseQuantity(amount).nanos) / 1e9 > possible) {
    problems.invalid(at, amount, `ratio ${amount} is greater than max/min = ${possible.toFixed(6)}`);
  }
}
