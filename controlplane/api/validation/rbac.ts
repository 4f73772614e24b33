/** Rules for roles and role bindings. Pure. Source: texts of the rbac validation of Kubernetes 1.36. */
import { at, type FieldPath } from '#api/fieldPath.ts';
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject } from '#api/kinds/rbac/v1.ts';
import { dns1123Subdomain, pathSegmentName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateLabelSelector, validateMetadata } from '#api/validation/metadata.ts';
import { validatePresent } from '#api/validation/paths.ts';

const GROUP = 'rbac.authorization.k8s.io';
type Scope = 'namespaced' | 'cluster';

export function validateRole(role: Role): readonly Problem[] {
  return roleProblems(role, 'namespaced').found;
}

export function validateClusterRole(role: ClusterRole): readonly Problem[] {
  const problems = roleProblems(role, 'cluster');
  if (role.aggregationRule === undefined) return problems.found;
  const place = at('aggregationRule', 'clusterRoleSelectors');
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) problems.required(place, 'at least one clusterRoleSelector required if aggregationRule is non-nil');
  for (const [i, selector] of selectors.entries()) validateLabelSelector(problems, selector, place.index(i));
  return problems.found;
}

function roleProblems({ metadata, rules }: Role | ClusterRole, scope: Scope): Problems {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: scope === 'namespaced', name: pathSegmentName });
  for (const [i, rule] of (rules ?? []).entries()) validateRule(problems, rule, { place: at('rules').index(i), scope });
  return problems;
}

function validateRule(problems: Problems, rule: PolicyRule, { place, scope }: { readonly place: FieldPath; readonly scope: Scope }): void {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (verbs.length === 0) problems.required(place.field('verbs'), 'verbs must contain at least one value');
  if (nonResourceURLs.length > 0) {
    const url = place.field('nonResourceURLs');
    if (scope === 'namespaced') problems.invalid(url, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0) {
      problems.invalid(url, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs');
    }
    return;
  }
  if (apiGroups.length === 0) problems.required(place.field('apiGroups'), 'resource rules must supply at least one api group');
  if (resources.length === 0) problems.required(place.field('resources'), 'resource rules must supply at least one resource');
}

export const validateRoleBinding = (binding: RoleBinding): readonly Problem[] => bindingProblems(binding, 'namespaced');
export const validateClusterRoleBinding = (binding: ClusterRoleBinding): readonly Problem[] => bindingProblems(binding, 'cluster');

function bindingProblems({ metadata, roleRef, subjects }: RoleBinding | ClusterRoleBinding, scope: Scope): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: scope === 'namespaced', name: pathSegmentName });
  validateRoleRef(problems, roleRef, scope);
  for (const [i, subject] of (subjects ?? []).entries()) validateSubject(problems, subject, { place: at('subjects').index(i), scope });
  return problems.found;
}

function validateRoleRef(problems: Problems, { apiGroup = '', kind, name }: RoleRef, scope: Scope): void {
  const place = at('roleRef');
  if (apiGroup !== GROUP) problems.notSupported(place.field('apiGroup'), apiGroup, [GROUP]);
  const kinds = scope === 'namespaced' ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(kind)) problems.notSupported(place.field('kind'), kind, kinds);
  if (validatePresent(problems, name, place.field('name'))) problems.invalidAll(place.field('name'), name, pathSegmentName(name));
}

function validateSubject(
  problems: Problems,
  subject: Subject,
  { place, scope }: { readonly place: FieldPath; readonly scope: Scope },
): void {
  const { kind, name, apiGroup = '', namespace = '' } = subject;
  validatePresent(problems, name, place.field('name'));
  if (kind === 'ServiceAccount') {
    if (name !== '') problems.invalidAll(place.field('name'), name, dns1123Subdomain(name));
    if (apiGroup !== '') problems.notSupported(place.field('apiGroup'), apiGroup, ['']);
    if (scope === 'cluster' && namespace === '') problems.required(place.field('namespace'));
  } else if (kind === 'User' || kind === 'Group') {
    if (apiGroup !== GROUP) problems.notSupported(place.field('apiGroup'), apiGroup, [GROUP]);
  } else {
    problems.notSupported(place.field('kind'), kind, ['ServiceAccount', 'User', 'Group']);
  }
}
