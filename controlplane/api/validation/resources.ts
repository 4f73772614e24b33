/**
 * Rules for requests and limits. Pure.
 * Source: texts of the core validation of Kubernetes 1.36; huge pages: Linux hugetlb sizes.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type { ResourceRequirements } from '#api/kinds/core/compute.ts';
import { dns1123Label, qualifiedName } from '#api/names.ts';
import { amountOf, containersTotal } from '#api/podResources.ts';
import type { Problems } from '#api/problem.ts';
import { compareQuantities, isQuantity, parseQuantity } from '#api/quantity.ts';
import type { PodContext } from '#api/validation/context.ts';

const CONTAINER_RESOURCES = new Set(['cpu', 'memory', 'ephemeral-storage']);
const POD_RESOURCES = new Set(['cpu', 'memory']);
/** Things that are counted: half a pod is none. */
const WHOLE = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

const isHugePages = (name: string): boolean => name.startsWith('hugepages-');
/** Unprefixed names, and those of kubernetes.io. */
const isNative = (name: string): boolean =>
  !name.includes('/') || name.split('/')[0] === 'kubernetes.io' || /\.kubernetes\.io\//.test(name);
/** Devices and the like: node.example.com/gpu. */
const isExtended = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && qualifiedName(`requests.${name}`).length === 0;
const mayOvercommit = (name: string): boolean => isNative(name) && !isHugePages(name);

export type Scope = 'container' | 'pod';

export function validateResources(context: PodContext, resources: ResourceRequirements | undefined, at: FieldPath, scope: Scope): void {
  if (resources === undefined) return;
  const { limits = {}, requests = {} } = resources;
  const { problems } = context;
  for (const [name, amount] of Object.entries(limits)) validateAmount(problems, { name, amount, scope }, at.field('limits').key(name));
  for (const [name, amount] of Object.entries(requests)) {
    validateAmount(problems, { name, amount, scope }, at.field('requests').key(name));
    validateAgainstLimit(problems, { name, request: amount, limit: amountOf(limits, name) }, at);
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.some((name) => POD_RESOURCES.has(name))) problems.forbidden(at, 'HugePages require cpu or memory');
  validateClaims(context, resources.claims ?? [], at.field('claims'));
}

interface Amount {
  readonly name: string;
  readonly amount: string;
  readonly scope: Scope;
}

function validateAmount(problems: Problems, { name, amount, scope }: Amount, at: FieldPath): void {
  validateResourceName(problems, name, at, scope);
  validateQuantityOf(problems, name, amount, at);
  if (isHugePages(name) && !isMultiple(name, amount)) {
    problems.invalid(at, amount, `${amount} is not positive integer multiple of ${name}`);
  }
}

/** Not negative, and whole for what is counted in pieces. */
export function validateQuantityOf(problems: Problems, name: string, amount: string, at: FieldPath): void {
  const { nanos } = parseQuantity(amount);
  if (nanos < 0n) problems.invalid(at, amount, 'must be greater than or equal to 0');
  if ((WHOLE.has(name) || isExtended(name)) && nanos % 1_000_000_000n !== 0n) problems.invalid(at, amount, 'must be an integer');
}

function validateResourceName(problems: Problems, name: string, at: FieldPath, scope: Scope): void {
  const broken = qualifiedName(name);
  if (broken.length > 0) return problems.invalidAll(at, name, broken);
  if (!name.includes('/')) {
    const known = scope === 'pod' ? POD_RESOURCES : CONTAINER_RESOURCES;
    if (known.has(name) || isHugePages(name)) return;
    if (scope === 'pod') return problems.notSupported(at, name, [...POD_RESOURCES, 'hugepages-']);
    problems.invalid(at, name, 'must be a standard resource for containers');
  } else if (scope === 'pod' || (!isNative(name) && !isExtended(name))) {
    if (scope === 'pod') problems.notSupported(at, name, [...POD_RESOURCES, 'hugepages-']);
    else problems.invalid(at, name, "doesn't follow extended resource name standard");
  }
}

function isMultiple(name: string, amount: string): boolean {
  const size = name.slice('hugepages-'.length);
  if (!isQuantity(size)) return false;
  const page = parseQuantity(size).nanos;
  return page > 0n && parseQuantity(amount).nanos % page === 0n;
}

interface RequestAndLimit {
  readonly name: string;
  readonly request: string;
  readonly limit: string | undefined;
}

function validateAgainstLimit(problems: Problems, { name, request, limit }: RequestAndLimit, at: FieldPath): void {
  if (limit === undefined) {
    if (!mayOvercommit(name)) problems.required(at.field('limits'), 'Limit must be set for non overcommitable resources');
    return;
  }
  const order = compareQuantities(request, limit);
  if (order !== 0 && !mayOvercommit(name)) problems.invalid(at.field('requests'), request, `must be equal to ${name} limit of ${limit}`);
  else if (order > 0) problems.invalid(at.field('requests'), request, `must be less than or equal to ${name} limit of ${limit}`);
}

function validateClaims({ problems, claimNames }: PodContext, claims: NonNullable<ResourceRequirements['claims']>, at: FieldPath): void {
  const seen = new Set<string>();
  for (const [i, { name, request = '' }] of claims.entries()) {
    const place = at.index(i);
    if (name === '') {
      problems.required(place);
      continue;
    }
    if (request !== '') problems.invalidAll(place.field('request'), request, dns1123Label(request));
    const key = request === '' ? name : `${name}/${request}`;
    if (seen.has(name) || seen.has(key) || (request === '' && [...seen].some((k) => k.startsWith(`${name}/`))))
      problems.duplicate(place, key);
    seen.add(key);
    if (!claimNames.has(name)) problems.notFound(place, name);
  }
}

/** spec.resources: what the pod as a whole may use must have room for its containers. */
export function validatePodLevelResources(context: PodContext, at: FieldPath): void {
  const { problems, spec } = context;
  const { resources } = spec;
  if (resources === undefined) return;
  if (resources.claims !== undefined) problems.forbidden(at.field('claims'), 'claims cannot be set for Resources at pod-level');
  validateResources(context, { ...resources, claims: [] }, at, 'pod');
  for (const [name, together] of Object.entries(containersTotal(spec, 'requests'))) {
    const own = amountOf(resources.requests, name);
    if (POD_RESOURCES.has(name) && own !== undefined && compareQuantities(together, own) > 0) {
      problems.invalid(at.field('requests').key(name), own, `must be greater than or equal to aggregate container requests of ${together}`);
    }
  }
  for (const [i, container] of spec.containers.entries()) {
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const own = amountOf(resources.limits, name);
      if (own !== undefined && compareQuantities(limit, own) > 0) {
        const place = at.field('containers').index(i).key(name).field('limits');
        problems.invalid(place, limit, `must be less than or equal to pod limits of ${own}`);
      }
    }
  }
}
