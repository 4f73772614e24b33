/** "May I?": the SubjectAccessReview family and SelfSubjectReview. Nothing is stored; the answer is the object with its status. */
import type { KindDefinition } from '#api/scheme.ts';
import { parseAs } from '#api/parse.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type {
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '#api/kinds/authorization/v1.ts';
import { at } from '#api/fieldPath.ts';
import { Problems } from '#api/problem.ts';
import type { Answer, ApiCall, Handler, UserInfo } from '../call.ts';
import type { Attributes, Authorizer } from '../authz/authorizer.ts';
import { checkKindOf, readBodyValue } from '../registry/decode.ts';
import { rfc3339 } from '../registry/metadata.ts';
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
    check(review.spec, definition.kind, { whose, namespace });
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
  spec: SubjectAccessReviewSpec,
  kind: string,
  { whose, namespace }: { readonly whose: 'theirs' | 'mine'; readonly namespace: string },
): void {
  const problems = new Problems();
  const place = at('spec', 'resourceAttributes');
  const { resourceAttributes: resource, nonResourceAttributes: path, user = '', groups = [] } = spec;
  if (resource !== undefined && path !== undefined) {
    problems.invalid(at('spec', 'nonResourceAttributes'), 'non-resource', 'cannot be specified in combination with resourceAttributes');
  }
  if (resource === undefined && path === undefined) {
    problems.invalid(place, 'null', 'exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
  if (whose === 'theirs' && user === '' && groups.length === 0) {
    problems.invalid(at('spec', 'user'), user, 'at least one of user or group must be specified');
  }
  if (kind === 'LocalSubjectAccessReview') {
    if (path !== undefined) problems.invalid(at('spec', 'nonResourceAttributes'), '', 'disallowed on this kind of request');
    if (resource !== undefined && resource.namespace !== namespace) {
      throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
    }
  }
  if (problems.count > 0) throw invalid({ group: AUTHORIZATION, kind }, '', problems.found);
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
