/** When a rule of RBAC covers a request. Pure. Source: the rule matching of rbac/v1, Kubernetes 1.36. */
import type { PolicyRule } from '#api/kinds/rbac/v1.ts';
import type { Attributes } from './authorizer.ts';

/** A rule made ready for looking things up. */
export interface CompiledRule {
  readonly rule: PolicyRule;
  readonly verbs: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly resources: ReadonlySet<string>;
  readonly names: ReadonlySet<string>;
  readonly paths: readonly string[];
}

export function compileRule(rule: PolicyRule): CompiledRule {
  return {
    rule,
    verbs: new Set(rule.verbs),
    groups: new Set(rule.apiGroups),
    resources: new Set(rule.resources),
    names: new Set(rule.resourceNames),
    paths: rule.nonResourceURLs ?? [],
  };
}

export function covers(rule: CompiledRule, request: Attributes): boolean {
  if (!rule.verbs.has(request.verb) && !rule.verbs.has('*')) return false;
  if (!request.isResource) return rule.paths.some((pattern) => pathMatches(pattern, request.path));
  if (!rule.groups.has(request.group) && !rule.groups.has('*')) return false;
  if (!resourceMatches(rule.resources, request)) return false;
  return rule.names.size === 0 || rule.names.has(request.name);
}

function resourceMatches(resources: ReadonlySet<string>, { resource, subresource }: Attributes): boolean {
  if (resources.has('*')) return true;
  if (subresource === '') return resources.has(resource);
  return resources.has(`${resource}/${subresource}`) || resources.has(`*/${subresource}`);
}

function pathMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1));
}

/** Whether the owners' rules together allow everything that the wanted rule does; what is left over otherwise. */
export function uncovered(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap((rule) => [...singles(rule)]).filter((single) => !owned.some((rule) => ruleCovers(rule, single)));
}

/** A rule taken apart into rules of one verb, group and resource. */
function* singles(rule: PolicyRule): Iterable<PolicyRule> {
  const names = (rule.resourceNames ?? []).map((name) => [name]);
  for (const verb of rule.verbs) {
    for (const path of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [path] };
    for (const group of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const base = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (names.length === 0) yield base;
        for (const resourceNames of names) yield { ...base, resourceNames };
      }
    }
  }
}

function ruleCovers(rule: PolicyRule, single: PolicyRule): boolean {
  const any = (have: readonly string[] | undefined, want: readonly string[] | undefined): boolean =>
    (have ?? []).includes('*') || (want ?? []).every((text) => (have ?? []).includes(text));
  if (!any(rule.verbs, single.verbs)) return false;
  const [path] = single.nonResourceURLs ?? [];
  if (path !== undefined) return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, path));
  if (!any(rule.apiGroups, single.apiGroups)) return false;
  const [resource = ''] = single.resources ?? [];
  const slash = resource.indexOf('/');
  const wild = slash < 0 ? undefined : `*${resource.slice(slash)}`;
  const resources = rule.resources ?? [];
  if (!resources.includes('*') && !resources.includes(resource) && (wild === undefined || !resources.includes(wild))) return false;
  const names = rule.resourceNames ?? [];
  if (names.length === 0) return true;
  const wanted = single.resourceNames ?? [];
  return wanted.length > 0 && wanted.every((name) => names.includes(name));
}
