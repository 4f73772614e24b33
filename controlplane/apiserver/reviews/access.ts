/** "May I?": the SubjectAccessReview family and SelfSubjectReview. Nothing is stored; the answer is the object with its status. */
import type { KindDefinition } from '#api/scheme.ts';
import { parseAs } from '#api/parse.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '#api/kinds/authorization/v1.ts';
import { at, type FieldPath } from '#api/fieldPath.ts';
import { Problems } from '#api/problem.ts';
import type { Answer, ApiCall, Handler, UserInfo } from '../call.ts';
import type { FieldSelector } from '../cache/fieldSelector.ts';
import type { Attributes, Authorizer } from '../authz/authorizer.ts';
import { checkKindOf, readBodyValue } from '../registry/decode.ts';
import { rfc3339 } from '#api/formats.ts';
import type { ResourceRequest } from '../requestInfo.ts';
import { badRequest, invalid } from '../status.ts';

const AUTHORIZATION = 'authorization.k8s.io';

export async function readReview<T extends KubeObject>(call: ApiCall, definition: KindDefinition): Promise<T> {
  const { value } = await readBodyValue(call, definition.kind);
  const parsed = parseAs<T>(definition as never, checkKindOf(value, definition), { unknownFields: 'drop', check: 'structure' });
  if (parsed.kind === 'object') return parsed.object;
  const [group = ''] = definition.apiVersion.split('/');
  throw invalid({ group, kind: definition.kind }, '', parsed.problems);
}

export const created = (value: unknown): Answer => ({ kind: 'value', code: 201, value });

/** whose: the user in the spec, or the one who asks. */
export function accessReview(authorizer: Authorizer, definition: KindDefinition, whose: 'theirs' | 'mine'): Handler {
  return async (call) => {
    const review = await readReview<SubjectAccessReview>(call, definition);
    const { namespace } = call.info as ResourceRequest;
    check(review, definition.kind, { whose, namespace });
    const user = whose === 'mine' ? call.user : userOf(review.spec);
    const { decision, reason } = authorizer.authorize(attributesOf(user, review.spec));
    const status = {
      allowed: decision === 'allow',
      ...(decision === 'deny' ? { denied: true } : {}),
      ...(reason === '' ? {} : { reason }),
    };
    return created({ ...review, status });
  };
}

function check(
  { metadata, spec }: SubjectAccessReview,
  kind: string,
  { whose, namespace }: { readonly whose: 'theirs' | 'mine'; readonly namespace: string },
): void {
  const problems = new Problems();
  const place = at('spec', 'resourceAttributes');
  const isLocal = kind === 'LocalSubjectAccessReview';
  const { resourceAttributes: resource, nonResourceAttributes: path, user = '', groups = [] } = spec;
  if (resource !== undefined && path !== undefined) {
    problems.invalid(at('spec', 'nonResourceAttributes'), path, 'cannot be specified in combination with resourceAttributes');
  }
  if (resource === undefined && path === undefined) {
    problems.invalid(place, null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
  for (const name of ['fieldSelector', 'labelSelector'] as const) checkSelector(resource?.[name], place.field(name), problems);
  if (whose === 'theirs' && user === '' && groups.length === 0) {
    problems.invalid(at('spec', 'user'), user, 'at least one of user or group must be specified');
  }
  const { namespace: own = namespace, managedFields: _, ...more } = metadata;
  if (isLocal && own !== namespace) throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
  const isEmpty = Object.keys(more).length === 0 && (isLocal || metadata.namespace === undefined);
  if (!isEmpty) problems.invalid(at('metadata'), metadata, isLocal ? 'must be empty except for namespace' : 'must be empty');
  if (isLocal && resource !== undefined && (resource.namespace ?? '') !== namespace) {
    problems.invalid(place.field('namespace'), resource.namespace ?? '', 'must match metadata.namespace');
  }
  if (isLocal && path !== undefined) problems.invalid(at('spec', 'nonResourceAttributes'), path, 'disallowed on this kind of request');
  if (problems.count > 0) throw invalid({ group: AUTHORIZATION, kind }, '', problems.found);
}

/** Differs: upstream lets operators through that it does not know; the schema refuses them here. */
function checkSelector(selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined, path: FieldPath, problems: Problems): void {
  if (selector === undefined) return;
  const { rawSelector = '', requirements = [] } = selector;
  if (rawSelector !== '' && requirements.length > 0) {
    problems.invalid(path.field('rawSelector'), rawSelector, 'may not specified at the same time as requirements');
  }
  if (rawSelector === '' && requirements.length === 0) {
    problems.required(path.field('requirements'), `when ${path.toString()} is specified, requirements or rawSelector is required`);
  }
  requirements.forEach(({ key, operator, values = [] }, i) => {
    const where = path.field('requirements').index(i);
    if (key === '') problems.required(where.field('key'), 'must be specified');
    const listed = operator === 'In' || operator === 'NotIn';
    if (listed && values.length === 0) problems.required(where.field('values'), "must be specified when `operator` is 'In' or 'NotIn'");
    if (/^(Exists|DoesNotExist)$/.test(operator) && values.length > 0) {
      problems.forbidden(where.field('values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    }
  });
}

/**
 * What a list is limited to, as far as one value is asked for. A raw selector is not read: whoever asks might understand it otherwise.
 */
function fieldsOf(selector: FieldSelectorAttributes | undefined): FieldSelector {
  return (selector?.requirements ?? []).flatMap(({ key, operator, values: [value, ...more] = [] }) =>
    value !== undefined && more.length === 0 && (operator === 'In' || operator === 'NotIn')
      ? [{ field: key, value, equal: operator === 'In' }]
      : [],
  );
}

function userOf({ user = '', groups = [], extra, uid }: SubjectAccessReviewSpec): UserInfo {
  return { name: user, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
}

function attributesOf(
  user: UserInfo,
  spec: { readonly resourceAttributes?: ResourceAttributes; readonly nonResourceAttributes?: NonResourceAttributes },
): Attributes {
  const { resourceAttributes: r, nonResourceAttributes: n } = spec;
  return {
    user,
    verb: r?.verb ?? n?.verb ?? '',
    isResource: r !== undefined,
    group: r?.group ?? '',
    version: r?.version ?? '',
    resource: r?.resource ?? '',
    subresource: r?.subresource ?? '',
    namespace: r?.namespace ?? '',
    name: r?.name ?? '',
    path: n?.path ?? '',
    ...(r?.fieldSelector === undefined ? {} : { fields: () => fieldsOf(r.fieldSelector) }),
  };
}

export function rulesReview(authorizer: Authorizer, definition: KindDefinition): Handler {
  return async (call) => {
    const review = await readReview<KubeObject & { readonly spec: { readonly namespace?: string } }>(call, definition);
    const namespace = review.spec.namespace ?? '';
    if (namespace === '') throw badRequest('no namespace on request');
    const { rules, incomplete, problem } = authorizer.rulesFor(call.user, namespace);
    const resourceRules = rules.filter((rule) => (rule.nonResourceURLs ?? []).length === 0);
    const nonResourceRules = rules.filter((rule) => (rule.nonResourceURLs ?? []).length > 0);
    return created({
      ...review,
      status: { resourceRules, nonResourceRules, incomplete, ...(problem === undefined ? {} : { evaluationError: problem }) },
    });
  };
}

/** kubectl auth whoami */
export function selfReview(definition: KindDefinition): Handler {
  return async (call) => {
    const review = await readReview(call, definition);
    const { name, uid, groups, extra } = call.user;
    const userInfo = { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra === undefined ? {} : { extra }) };
    const metadata = { ...review.metadata, creationTimestamp: rfc3339(call.startedAtMs) };
    return created({ ...review, metadata, status: { userInfo } });
  };
}
