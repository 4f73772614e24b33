/**
 * What can be done under which path, worked out from the endpoints; both dialects write the same operations down. Pure.
 * Source: the paths, operation ids and x-kubernetes-action values of the OpenAPI documents of Kubernetes 1.36.
 */
import { DELETE_OPTIONS, listId, PATCH, STATUS, type ApiEndpoint, type GroupVersionKind } from './catalog.ts';

export type Method = 'get' | 'put' | 'post' | 'delete' | 'patch' | 'options' | 'head';

export interface Parameter {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
}

export interface Operation {
  readonly path: string;
  /** "api/v1", "apis/apps/v1" */
  readonly document: string;
  readonly pathParameters: readonly Parameter[];
  readonly method: Method;
  readonly action: string;
  readonly id: string;
  readonly tag: string;
  readonly description: string;
  readonly kind: GroupVersionKind;
  readonly query: readonly Parameter[];
  /** Names of types. */
  readonly body: string | undefined;
  readonly consumes: readonly string[];
  /** undefined: not a kind; text or a stream. */
  readonly answer: string | undefined;
  readonly codes: readonly number[];
}

const text = (name: string, description: string): Parameter => ({ name, type: 'string', description });
const count = (name: string, description: string): Parameter => ({ name, type: 'integer', description });
const yes = (name: string, description: string): Parameter => ({ name, type: 'boolean', description });

const PRETTY = text('pretty', 'true: the answer is written for people');
const LIST: readonly Parameter[] = [
  yes('allowWatchBookmarks', 'A watch may send bookmarks'),
  text('continue', 'Where an earlier list stopped'),
  text('fieldSelector', 'Fields the objects must have'),
  text('labelSelector', 'Labels the objects must have'),
  count('limit', 'Most objects in one answer'),
  text('resourceVersion', 'Version the answer is about'),
  text('resourceVersionMatch', 'How resourceVersion is meant: Exact or NotOlderThan'),
  yes('sendInitialEvents', 'A watch starts with all objects there are'),
  count('timeoutSeconds', 'How long the request may take'),
  yes('watch', 'Go on with all changes'),
];
const WRITE: readonly Parameter[] = [
  text('dryRun', 'All: nothing is stored'),
  text('fieldManager', 'Who owns the fields that are written'),
  text('fieldValidation', 'What becomes of unknown fields: Ignore, Warn or Strict'),
];
const FORCE = yes('force', 'Takes over fields that others own; only for an apply');
const DELETE: readonly Parameter[] = [
  text('dryRun', 'All: nothing is stored'),
  count('gracePeriodSeconds', 'Time the object gets to end by itself'),
  yes('ignoreStoreReadErrorWithClusterBreakingPotential', 'Deletes what cannot be read, without any checks'),
  yes('orphanDependents', 'In place of propagationPolicy, in the old form'),
  text('propagationPolicy', 'What becomes of dependants: Orphan, Background or Foreground'),
];

const ANY = ['*/*'];
const PATCHES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

interface Verb {
  readonly method: Method;
  readonly action: string;
  readonly word: string;
  readonly on: 'collection' | 'object';
  readonly query: readonly Parameter[];
  readonly codes: readonly number[];
}

const VERBS: Readonly<Record<string, Verb>> = {
  list: { method: 'get', action: 'list', word: 'list', on: 'collection', query: LIST, codes: [200] },
  create: { method: 'post', action: 'post', word: 'create', on: 'collection', query: WRITE, codes: [200, 201, 202] },
  deletecollection: {
    method: 'delete',
    action: 'deletecollection',
    word: 'delete',
    on: 'collection',
    query: [...LIST.slice(1, -1), ...DELETE],
    codes: [200],
  },
  get: { method: 'get', action: 'get', word: 'read', on: 'object', query: [], codes: [200] },
  update: { method: 'put', action: 'put', word: 'replace', on: 'object', query: WRITE, codes: [200, 201] },
  patch: { method: 'patch', action: 'patch', word: 'patch', on: 'object', query: [...WRITE, FORCE], codes: [200, 201] },
  delete: { method: 'delete', action: 'delete', word: 'delete', on: 'object', query: DELETE, codes: [200, 202] },
};
/** Subresources that take the connection away from HTTP or hand it on. */
const CONNECTS = new Set(['attach', 'exec', 'portforward', 'proxy']);

export function operationsOf(
  endpoints: readonly ApiEndpoint[],
  typeOf: (kind: GroupVersionKind) => string | undefined,
): readonly Operation[] {
  return endpoints
    .flatMap((endpoint) => endpoint.verbs.flatMap((name) => operationsOfVerb(endpoint, name, typeOf)))
    .toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.method < b.method ? -1 : 1));
}

function operationsOfVerb(
  endpoint: ApiEndpoint,
  name: string,
  typeOf: (kind: GroupVersionKind) => string | undefined,
): readonly Operation[] {
  const verb = VERBS[name];
  if (verb === undefined) return []; // a watch is a list with a parameter
  const made = operationOf(endpoint, verb, { type: typeOf(endpoint.kind), scope: endpoint.namespaced ? 'namespace' : 'cluster' });
  const isListed = name === 'list' && endpoint.namespaced;
  return isListed ? [made, operationOf(endpoint, verb, { type: typeOf(endpoint.kind), scope: 'all' })] : [made];
}

interface Setting {
  readonly type: string | undefined;
  /** all: the collection of all namespaces. */
  readonly scope: 'namespace' | 'cluster' | 'all';
}

function operationOf(endpoint: ApiEndpoint, verb: Verb, { type, scope }: Setting): Operation {
  const { group, version, resource, subresource, kind } = endpoint;
  const document = group === '' ? `api/${version}` : `apis/${group}/${version}`;
  const isConnect = CONNECTS.has(subresource);
  const isObject = verb.on === 'object' || subresource !== '';
  const inNamespace = scope === 'namespace' ? '/namespaces/{namespace}' : '';
  const isDelete = verb.action === 'delete' || verb.action === 'deletecollection';
  const isStatus = isDelete && !(verb.action === 'delete' && resource === 'pods');
  return {
    path: `/${document}${inNamespace}/${resource}${isObject ? '/{name}' : ''}${subresource === '' ? '' : `/${subresource}`}`,
    document,
    pathParameters: [
      ...(isObject ? [text('name', `Name of the ${kind.kind}`)] : []),
      ...(scope === 'namespace' ? [text('namespace', 'Namespace of the object')] : []),
      PRETTY,
    ],
    method: verb.method,
    action: isConnect ? 'connect' : verb.action,
    id: idOf(endpoint, isConnect ? { ...verb, word: `connect${capital(verb.method)}` } : verb, scope),
    tag: `${group === '' ? 'core' : camel(group)}_${version}`,
    description: `${verb.word} ${verb.on === 'collection' && subresource === '' ? 'objects' : 'an object'} of the kind ${kind.kind}`,
    kind,
    query: verb.query,
    body: isDelete ? DELETE_OPTIONS : verb.action === 'patch' ? PATCH : verb.action === 'put' || verb.action === 'post' ? type : undefined,
    consumes: verb.action === 'patch' ? PATCHES : ANY,
    answer: isStatus ? STATUS : verb.action === 'list' && type !== undefined ? listId(type) : type,
    codes: verb.codes,
  };
}

/** "createAppsV1NamespacedDeployment" */
function idOf({ group, version, subresource, kind, resource }: ApiEndpoint, { word, action }: Verb, scope: Setting['scope']): string {
  const place = `${group === '' ? 'Core' : capital(camel(group))}${capital(version)}`;
  const collection = action === 'deletecollection' ? 'Collection' : '';
  const noun = subresource === '' ? kind.kind : singular(resource) + capital(subresource);
  return `${word}${place}${collection}${scope === 'namespace' ? 'Namespaced' : ''}${noun}${scope === 'all' ? 'ForAllNamespaces' : ''}`;
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
/** "rbac.authorization.k8s.io" -> "rbacAuthorization" */
const camel = (group: string): string =>
  group
    .replace(/\.k8s\.io$/, '')
    .split('.')
    .map((part, i) => (i === 0 ? part : capital(part)))
    .join('');
const singular = (resource: string): string => capital(resource.replace(/ies$/, 'y').replace(/s$/, ''));
