/**
 * Which requests are recorded, and how much of each: the file behind --audit-policy-file. Pure.
 * Throws: AppError AUDIT_POLICY with every problem and its line.
 * Source: audit.k8s.io/v1 Policy, Kubernetes 1.36: the first rule that fits decides, without one nothing is recorded.
 * Differs: unknown fields are refused and not dropped, because a misspelt rule would record too much or too little.
 */
import { at, type FieldPath } from '#api/fieldPath.ts';
import { formatProblem, Problems, type Problem } from '#api/problem.ts';
import { anyObject, boolean, list, object, oneOf, string, type Static } from '#api/schema.ts';
import { compile } from '#api/validate.ts';
import { locateProblem, readDocuments } from '#api/yamlSource.ts';
import { AppError } from '#base/errors.ts';
import type { UserInfo } from '../call.ts';
import type { RequestInfo } from '../requestInfo.ts';

const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof LEVELS)[number];
const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof STAGES)[number];

const GroupResources = object('audit.GroupResources', {
  group: string(),
  resources: list(string()),
  resourceNames: list(string()),
});
const PolicyRule = object('audit.PolicyRule', {
  level: oneOf(LEVELS),
  users: list(string()),
  userGroups: list(string()),
  verbs: list(string()),
  resources: list(GroupResources),
  namespaces: list(string()),
  nonResourceURLs: list(string()),
  omitStages: list(oneOf(STAGES)),
  omitManagedFields: boolean(),
});
type PolicyRule = Static<typeof PolicyRule>;
const Policy = object('audit.Policy', {
  apiVersion: string(),
  kind: string(),
  metadata: anyObject(),
  rules: list(PolicyRule),
  omitStages: list(oneOf(STAGES)),
  omitManagedFields: boolean(),
});
export type Policy = Static<typeof Policy>;

export interface Choice {
  readonly level: Exclude<Level, 'None'>;
  readonly omitStages: ReadonlySet<Stage>;
  readonly omitManagedFields: boolean;
}

export function readPolicy(file: string, bytes: Uint8Array): Policy {
  const read = readDocuments(bytes);
  const problems: string[] = [];
  if (read.kind === 'problems') for (const p of read.problems) problems.push(`${file}:${p.line}:${p.column}: ${p.message}`);
  const documents = read.kind === 'documents' ? read.documents : [];
  const [document] = documents;
  if (read.kind === 'documents' && documents.length !== 1) problems.push(`${file}: want one Policy document, got ${documents.length}`);
  const policy = (document?.value ?? {}) as Policy;
  if (document !== undefined) {
    const structure = compile(Policy)(policy);
    for (const problem of structure.length > 0 ? structure : checkPolicy(policy)) {
      const { line, column } = locateProblem(document, problem);
      problems.push(`${file}:${line}:${column}: ${formatProblem(problem)}`);
    }
  }
  if (problems.length > 0) throw new AppError('AUDIT_POLICY', `Cannot use the audit policy: ${problems.join('; ')}`, { file });
  return policy;
}

function checkPolicy({ apiVersion = '', kind = '', rules }: Policy): readonly Problem[] {
  const problems = new Problems();
  if (apiVersion !== 'audit.k8s.io/v1') problems.notSupported(at('apiVersion'), apiVersion, ['audit.k8s.io/v1']);
  if (kind !== 'Policy') problems.notSupported(at('kind'), kind, ['Policy']);
  if (rules === undefined || rules.length === 0) problems.required(at('rules'), 'a policy without rules records nothing');
  rules?.forEach((rule, i) => checkRule(rule, at('rules').index(i), problems));
  return problems.found;
}

function checkRule(rule: PolicyRule, path: FieldPath, problems: Problems): void {
  if (rule.level === undefined) problems.required(path.field('level'), `one of ${LEVELS.join(', ')}`);
  if (hasAny(rule.nonResourceURLs)) {
    if (hasAny(rule.resources) || hasAny(rule.namespaces)) {
      problems.invalid(
        path.field('nonResourceURLs'),
        rule.nonResourceURLs,
        'rules cannot apply to both regular resources and non-resource URLs',
      );
    }
    rule.nonResourceURLs?.forEach((url, i) => {
      const where = path.field('nonResourceURLs').index(i);
      if (url === '*') return;
      if (!url.startsWith('/')) problems.invalid(where, url, "non-resource URL rules must begin with a '/' character");
      if (url.slice(0, -1).includes('*'))
        problems.invalid(where, url, "non-resource URL wildcards '*' must be the final character of the rule");
    });
  }
  rule.resources?.forEach(({ group = '', resources, resourceNames }, i) => {
    const where = path.field('resources').index(i);
    if (group.includes('/')) problems.invalid(where.field('group'), group, 'must be a group without a version, such as apps');
    if (hasAny(resourceNames) && !hasAny(resources)) {
      problems.invalid(where.field('resourceNames'), resourceNames, 'using resourceNames requires at least one resource');
    }
  });
}

const hasAny = (values: readonly unknown[] | undefined): boolean => values !== undefined && values.length > 0;

/** undefined: not recorded. user undefined: nobody knows who it is. */
export function choose(policy: Policy, info: RequestInfo, user: UserInfo | undefined): Choice | undefined {
  const rule = policy.rules?.find((candidate) => fits(candidate, info, user));
  if (rule?.level === undefined || rule.level === 'None') return undefined;
  return {
    level: rule.level,
    omitStages: new Set([...(policy.omitStages ?? []), ...(rule.omitStages ?? [])]),
    omitManagedFields: rule.omitManagedFields ?? policy.omitManagedFields ?? false,
  };
}

function fits(rule: PolicyRule, info: RequestInfo, user: UserInfo | undefined): boolean {
  const { users, userGroups, verbs, namespaces, resources, nonResourceURLs } = rule;
  if (hasAny(users) && (user === undefined || users?.includes(user.name) !== true)) return false;
  if (hasAny(userGroups) && user?.groups.some((group) => userGroups?.includes(group)) !== true) return false;
  if (hasAny(verbs) && verbs?.includes(info.verb) !== true) return false;
  if (hasAny(namespaces) || hasAny(resources)) return info.kind === 'resource' && fitsResource(rule, info);
  if (!hasAny(nonResourceURLs)) return true;
  return info.kind === 'path' && nonResourceURLs?.some((url) => fitsPath(url, info.path)) === true;
}

function fitsPath(url: string, path: string): boolean {
  return url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1)));
}

function fitsResource({ namespaces, resources }: PolicyRule, info: Extract<RequestInfo, { kind: 'resource' }>): boolean {
  if (hasAny(namespaces) && namespaces?.includes(info.namespace) !== true) return false;
  if (resources === undefined || resources.length === 0) return true;
  const { resource, subresource } = info;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  const fitsName = (text: string): boolean =>
    text === '*' || text === whole || text === `${resource}/*` || (subresource !== '' && text === `*/${subresource}`);
  return resources.some(
    ({ group = '', resources: names = [], resourceNames = [] }) =>
      group === info.group &&
      (names.length === 0 || ((resourceNames.length === 0 || resourceNames.includes(info.name)) && names.some(fitsName))),
  );
}
