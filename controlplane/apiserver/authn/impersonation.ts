/**
 * kubectl --as: a user who may impersonate acts as somebody else. Pure. Throws: Forbidden, BadRequest.
 * Source: the Impersonate-* headers of Kubernetes 1.36 and what must be allowed for each.
 */
import type { ApiCall, UserInfo } from '../call.ts';
import type { Attributes, Authorizer } from '../authz/authorizer.ts';
import { forbiddenText } from '../authz/messages.ts';
import { badRequest, forbidden } from '../status.ts';
import { ANONYMOUS, AUTHENTICATED } from './authenticator.ts';

const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const EXTRA = 'impersonate-extra-';

/** undefined: the request does not ask for it. */
export function impersonate(call: ApiCall, authorizer: Authorizer): UserInfo | undefined {
  const { headers } = call;
  const name = first(headers['impersonate-user']);
  const groups = call.headerValues('impersonate-group');
  const uid = first(headers['impersonate-uid']);
  if (name === undefined && groups.length === 0 && uid === undefined && !hasExtra(headers)) return undefined;
  const extra = extraOf(call);
  if (name === undefined || name === '') {
    throw badRequest(
      `requested ${JSON.stringify([...groups, uid, ...extra.keys()].filter((v) => v !== undefined))} impersonation without impersonating a user`,
    );
  }
  const asked = { name, groups, uid, extra };
  for (const attributes of needed(call.user, asked)) {
    const { decision, reason } = authorizer.authorize(attributes);
    if (decision !== 'allow') throw forbidden(attributes, attributes.name, forbiddenText(attributes, reason));
  }
  return userOf(asked);
}

interface Asked {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid: string | undefined;
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

function* needed(user: UserInfo, { name, groups, uid, extra }: Asked): Iterable<Attributes> {
  const base = { user, verb: 'impersonate', isResource: true, group: '', version: 'v1', subresource: '', namespace: '', path: '' };
  const account = SERVICE_ACCOUNT.exec(name);
  if (account === null) yield { ...base, resource: 'users', name };
  else yield { ...base, resource: 'serviceaccounts', namespace: account[1] ?? '', name: account[2] ?? '' };
  for (const group of groups) yield { ...base, resource: 'groups', name: group };
  const authentication = { ...base, group: 'authentication.k8s.io' };
  if (uid !== undefined) yield { ...authentication, resource: 'uids', name: uid };
  for (const [key, values] of extra) {
    for (const value of values) yield { ...authentication, resource: 'userextras', subresource: key, name: value };
  }
}

function userOf({ name, groups, uid, extra }: Asked): UserInfo {
  const account = SERVICE_ACCOUNT.exec(name);
  const implied = account === null || groups.length > 0 ? [] : ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`];
  const all = [...groups, ...implied];
  if (name === ANONYMOUS.name) {
    if (!all.includes('system:unauthenticated')) all.push('system:unauthenticated');
  } else if (!all.includes(AUTHENTICATED) && !all.includes('system:unauthenticated')) {
    all.push(AUTHENTICATED);
  }
  return { name, groups: all, ...(uid === undefined ? {} : { uid }), ...(extra.size === 0 ? {} : { extra: Object.fromEntries(extra) }) };
}

function hasExtra(headers: ApiCall['headers']): boolean {
  for (const name in headers) if (name.startsWith(EXTRA)) return true;
  return false;
}

function extraOf(call: ApiCall): ReadonlyMap<string, readonly string[]> {
  const out = new Map<string, readonly string[]>();
  for (const name in call.headers) {
    if (!name.startsWith(EXTRA)) continue;
    out.set(unescaped(name.slice(EXTRA.length)), call.headerValues(name));
  }
  return out;
}

/** Keys are percent-encoded, because headers cannot hold every character. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

const first = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' || value === undefined ? value : value[0];
