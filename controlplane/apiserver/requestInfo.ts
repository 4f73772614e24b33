/**
 * What a request is about, read from its method and path: the verb, the resource, the object. Pure.
 * Source: the URL layout of the Kubernetes API (/api/v1/..., /apis/<group>/<version>/...), Kubernetes 1.36.
 * Authorization, audit and routing all use this one reading, so they can never disagree about what a URL means.
 */
import type { Query } from './query.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

export interface ResourceRequest {
  readonly kind: 'resource';
  readonly verb: Verb;
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** "" when there is none. */
  readonly subresource: string;
  /** "" for the whole cluster. */
  readonly namespace: string;
  /** "" for a collection. */
  readonly name: string;
  /** What stands behind a name and a subresource: the path a proxy passes on. */
  readonly rest: readonly string[];
}

export interface PathRequest {
  readonly kind: 'path';
  /** The method in small letters. */
  readonly verb: string;
  readonly path: string;
}

export type RequestInfo = ResourceRequest | PathRequest;

const VERBS: Readonly<Record<string, Verb>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
/** Below one namespace these are parts of the Namespace itself, not resources in it. */
const NAMESPACE_PARTS = new Set(['status', 'finalize', 'history']);

/** query is asked only for what changes the verb: watch, and a field selector that names one object. */
export function requestInfo(method: string, path: string, query: Query): RequestInfo {
  const parts = splitPath(path);
  const root = parts?.[0];
  const other: PathRequest = { kind: 'path', verb: method.toLowerCase(), path };
  if (parts === undefined || (root !== 'api' && root !== 'apis')) return other;
  const at = root === 'api' ? 1 : 2;
  const version = parts[at];
  const first = parts[at + 1];
  const verb = VERBS[method];
  if (version === undefined || first === undefined || verb === undefined) return other;
  const group = root === 'api' ? '' : (parts[1] ?? '');
  const isOldWatch = first === 'watch' && parts.length > at + 2;
  const place = placeOf(parts, isOldWatch ? at + 2 : at + 1);
  return { kind: 'resource', verb: verbOf(verb, { place, query, isOldWatch }), group, version, ...named(place, verb, query) };
}

type Place = Pick<ResourceRequest, 'resource' | 'subresource' | 'namespace' | 'name' | 'rest'>;

function placeOf(parts: readonly string[], from: number): Place {
  let at = from;
  let namespace = '';
  if (parts[at] === 'namespaces' && parts[at + 1] !== undefined) {
    namespace = parts[at + 1] ?? '';
    const inside = parts[at + 2];
    if (inside !== undefined && !NAMESPACE_PARTS.has(inside)) at += 2;
  }
  const [resource = '', name = '', subresource = ''] = parts.slice(at, at + 3);
  return { resource, name, subresource, namespace, rest: parts.slice(at + 3) };
}

function verbOf(verb: Verb, { place, query, isOldWatch }: { place: Place; query: Query; isOldWatch: boolean }): Verb {
  if (verb === 'delete' && place.name === '') return 'deletecollection';
  if (verb !== 'get') return verb;
  const watches = isOldWatch || isTrue(query.get('watch'));
  if (place.name === '') return watches ? 'watch' : 'list';
  return isOldWatch ? 'watch' : 'get';
}

/** A list of the one object with this name is allowed to who may list that name. */
function named(place: Place, verb: Verb, query: Query): Place {
  if (place.name !== '' || verb !== 'get') return place;
  const name = /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(query.get('fieldSelector') ?? '')?.[1];
  return name === undefined ? place : { ...place, name };
}

export function isTrue(value: string | undefined): boolean {
  return value !== undefined && value !== '0' && value.toLowerCase() !== 'false';
}

/** undefined: not a path the API has (bad escapes). Empty segments are left out, as a trailing slash makes no difference. */
function splitPath(path: string): readonly string[] | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  if (!path.includes('%')) return parts;
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** "pods", "deployments.apps", "pods/status": how messages name a resource. */
export function resourceText(info: { readonly group: string; readonly resource: string }): string {
  return info.group === '' ? info.resource : `${info.resource}.${info.group}`;
}

export const apiVersionOf = (info: { readonly group: string; readonly version: string }): string =>
  info.group === '' ? info.version : `${info.group}/${info.version}`;
