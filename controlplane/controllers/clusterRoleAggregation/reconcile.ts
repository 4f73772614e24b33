/** ClusterRoles that are made of others: their rules are those of all roles that their selectors choose, each once. */
import { isDeepStrictEqual } from 'node:util';
import type { ClusterRole, PolicyRule } from '#api/kinds/rbac/v1.ts';
import { fromLabelSelector, matches } from '#api/labels.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { CLUSTER_ROLES } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';

interface Action {
  readonly kind: 'writeRules';
  readonly rules: readonly PolicyRule[];
}

export function clusterRoleAggregationController(deps: ControllerDeps): Controller {
  const aggregated = ({ aggregationRule }: ClusterRole): readonly string[] => (aggregationRule === undefined ? [] : ['yes']);
  const roles = deps.informers.for(CLUSTER_ROLES, { indexes: { aggregated } });
  const client = deps.clientAs('clusterrole-aggregation-controller').resource(CLUSTER_ROLES);
  const expectations = new Expectations(deps.clock, [roles]);
  return loopController<ClusterRole, Action>({
    name: 'clusterrole-aggregation-controller',
    deps,
    expectations,
    sources: [source(roles, () => roles.by('aggregated', 'yes').map(({ metadata }) => metadata.name ?? ''))],
    desired: (key) => roles.get(key),
    plan: (role) => {
      const rules = role === undefined ? undefined : aggregate(role, [...roles.values()]);
      return { actions: rules === undefined ? [] : [{ kind: 'writeRules', rules }] };
    },
    act: async ({ rules }, name, signal) => {
      const role = roles.get(name);
      if (role !== undefined) expectations.written(name, roles, await client.update({ ...role, rules }, { signal }));
    },
  });
}

/** undefined: it has them. Pure. */
export function aggregate(
  { metadata, rules, aggregationRule }: ClusterRole,
  all: readonly ClusterRole[],
): readonly PolicyRule[] | undefined {
  if (aggregationRule === undefined) return undefined;
  const wanted: PolicyRule[] = [];
  for (const selector of aggregationRule.clusterRoleSelectors ?? []) {
    const chosen = all
      .filter((role) => role.metadata.name !== metadata.name && matches(fromLabelSelector(selector), role.metadata.labels))
      .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
    for (const role of chosen) for (const rule of role.rules ?? []) if (!wanted.some((other) => isSame(other, rule))) wanted.push(rule);
  }
  return isSame(rules ?? [], wanted) ? undefined : wanted;
}

const isSame = (a: unknown, b: unknown): boolean => isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
