/**
 * Nobody gives away more than he has: who writes a role needs its permissions himself or the verb escalate, who binds one needs them or
 * the verb bind. Part of the API, not a plugin that can be switched off. Source: the RBAC storage of Kubernetes 1.36, and its texts.
 */
import type { ClusterRole, PolicyRule, RoleBinding } from '#api/kinds/rbac/v1.ts';
import { MASTERS } from '../authz/authorizer.ts';
import { uncovered } from '../authz/rules.ts';
import { deepEqual } from '../registry/deepEqual.ts';
import { notFound } from '../status.ts';
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts';
import { refuse } from './refuse.ts';
import type { PluginParts } from './plugins.ts';

const GROUP = 'rbac.authorization.k8s.io';
const ROLES = new Set(['Role', 'ClusterRole']);

export function rbacEscalation({ authorizer, rbac }: PluginParts): AdmissionPlugin {
  const may = ({ user, namespace }: AdmissionRequest, verb: 'escalate' | 'bind', resource: string, name: string): boolean =>
    authorizer.authorize({ user, verb, isResource: true, group: GROUP, version: '*', resource, subresource: '', namespace, name, path: '' })
      .decision === 'allow';
  const check = (request: AdmissionRequest, wanted: readonly PolicyRule[]): void => {
    const { user, namespace } = request;
    const lacking = uncovered(rbac.policyRules(user, namespace), wanted);
    if (lacking.length === 0) return;
    const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
    const rules = [...new Set(compacted(lacking).map(ruleText))].toSorted().join('\n');
    throw refuse(
      request,
      `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${rules}`,
    );
  };
  return {
    name: 'RBACEscalation',
    handles: ({ operation, resource, user }) => resource.group === GROUP && operation !== 'DELETE' && !user.groups.includes(MASTERS),
    validate(request) {
      const { resource, name, object, old } = request;
      if (ROLES.has(resource.definition.kind)) {
        const { rules, aggregationRule } = object as unknown as ClusterRole;
        if (
          old !== undefined &&
          deepEqual(rules, (old as unknown as ClusterRole).rules) &&
          deepEqual(aggregationRule, (old as unknown as ClusterRole).aggregationRule)
        )
          return;
        if (may(request, 'escalate', resource.about.resource, name)) return;
        check(
          request,
          aggregationRule === undefined
            ? rules
            : [
                { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
                { verbs: ['*'], nonResourceURLs: ['*'] },
              ],
        );
        return;
      }
      const { roleRef, subjects } = object as unknown as RoleBinding;
      const was = old as unknown as RoleBinding | undefined;
      if (was !== undefined && deepEqual(roleRef, was.roleRef) && deepEqual(subjects, was.subjects)) return;
      if (may(request, 'bind', roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles', roleRef.name)) return;
      const rules = rbac.rulesOf(roleRef, request.namespace);
      if (rules === undefined)
        throw notFound({ group: GROUP, resource: roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles' }, roleRef.name);
      check(request, rules);
    },
  };
}

/** Rules that differ in their verbs alone become one. */
function compacted(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const byRest = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const { verbs, ...rest } = rule;
    const key = JSON.stringify(rest);
    const known = byRest.get(key);
    byRest.set(key, known === undefined ? rule : { ...known, verbs: [...known.verbs, ...verbs] });
  }
  return [...byRest.values()];
}

/** As Go prints a rule. */
function ruleText(rule: PolicyRule): string {
  const list = (name: string, values: readonly string[] | undefined): string =>
    (values ?? []).length === 0 ? '' : `${name}:[${(values ?? []).map((value) => JSON.stringify(value)).join(' ')}]`;
  const parts = [
    list('APIGroups', rule.apiGroups),
    list('Resources', rule.resources),
    list('ResourceNames', rule.resourceNames),
    list('NonResourceURLs', rule.nonResourceURLs),
    list('Verbs', rule.verbs),
  ];
  return `{${parts.filter((part) => part !== '').join(', ')}}`;
}
