/** Random requests to an API server, from a seed: right ones, nearly right ones, and nonsense, of every kind and every way to patch. */
import fc from 'fast-check';
import { arbitraryOf } from '#api/test/arbitrary.ts';
import { builtinKinds } from '#api/definitions/all.ts';
import { splitApiVersion, type KindDefinition } from '#api/scheme.ts';
import { chance } from '#client/testing/kit.ts';

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly type: string;
  readonly body?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

const DOCUMENTS_PER_KIND = 6;
const NAMES = ['a', 'b', 'c'];
const NAMESPACES = ['default', 'default', 'default', 'kube-system', 'nowhere'];
const JUNK_TEXTS = [
  '',
  ' ',
  '..',
  '%2e%2e',
  '%',
  '%00',
  '%ff',
  '__proto__',
  'constructor',
  'a'.repeat(300),
  '💥',
  'A_B',
  '*',
  '-',
  '%2F',
  ';',
  'a%0d%0aX: y',
];
const DEEP = (() => {
  let value: unknown = 'end';
  for (let i = 0; i < 300; i++) value = i % 2 === 0 ? [value] : { d: value };
  return value;
})();
const JUNK: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  2 ** 53,
  '',
  'x'.repeat(1_000),
  '\u0000',
  '\ud800',
  '💥',
  [],
  {},
  [null],
  [[]],
  { $patch: 'delete' },
  { $patch: 'replace' },
  { $patch: 'nonsense' },
  { $retainKeys: ['a'] },
  '2026-13-45T99:00:00Z',
  '10Xi',
  '__proto__',
  DEEP,
];
const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  '$patch',
  '$setElementOrder/x',
  '$deleteFromPrimitiveList/finalizers',
  '',
  'length',
  'metadata',
];
const SELECTORS = [
  'a=b',
  'a!=b,c',
  '!a',
  'a in (b,c)',
  'a notin ()',
  'a in',
  '(((',
  'a==b==c',
  'metadata.name=a',
  'spec.nodeName=x',
  'status.phase!=Running',
  'nothing.here=1',
  ',',
  'a=\\,b',
  'x'.repeat(5_000),
  `${'a=b,'.repeat(500)}a=b`,
  'a in (' + 'b,'.repeat(2_000) + 'b)',
  '\u0000',
];
const QUERIES: readonly (readonly [string, readonly string[]])[] = [
  ['labelSelector', SELECTORS],
  ['fieldSelector', SELECTORS],
  ['resourceVersion', ['0', '1', '99999999999999999999', '-1', 'abc', '']],
  ['resourceVersionMatch', ['Exact', 'NotOlderThan', 'x']],
  ['limit', ['1', '0', '-1', '1e9', 'x', '99999999999999']],
  ['continue', ['x', 'e30', Buffer.from('{"v":"meta.k8s.io/v1","rv":1,"start":"a\\u0000"}').toString('base64url')]],
  ['dryRun', ['All', 'All', 'x', '']],
  ['fieldManager', ['me', '', 'x'.repeat(200), '\u0001']],
  ['fieldValidation', ['Strict', 'Warn', 'Ignore', 'x']],
  ['force', ['true', 'false', '1', 'x']],
  ['pretty', ['true', 'x']],
  ['gracePeriodSeconds', ['0', '-1', '1e99', 'x']],
  ['propagationPolicy', ['Foreground', 'Orphan', 'x']],
  ['orphanDependents', ['true', 'x']],
  ['timeoutSeconds', ['1', '-1', 'x']],
  ['includeObject', ['None', 'Object', 'x']],
  ['container', ['x']],
];
const PATCHES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const TYPES = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'text/plain',
  'application/json;a=b;',
  ';;;',
  'x',
];
const ACCEPTS = [
  '*/*',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'application/vnd.kubernetes.protobuf,application/json',
  'application/yaml',
  'text/html',
  'application/json;as=Nonsense',
  ';q=',
];
const SUBRESOURCES = [
  'status',
  'scale',
  'finalize',
  'approval',
  'binding',
  'eviction',
  'token',
  'ephemeralcontainers',
  'resize',
  'history',
  'log',
  'x',
];
const PATHS = [
  '/',
  '/api',
  '/apis',
  '/apis/apps',
  '/apis/apps/v1',
  '/version',
  '/openapi/v2',
  '/openapi/v3',
  '/healthz',
  '/readyz/etcd',
  '/livez?verbose',
  '/metrics',
  '/openid/v1/jwks',
  '/.well-known/openid-configuration',
  '/apis/nothing/v1/x',
  '//api//v1',
  '/api/v1/watch/pods/x?timeoutSeconds=1',
  '/api/v1/namespaces/a/b/c/d/e/f',
];

export class Requests {
  readonly #random: () => number;
  readonly #documents = new Map<string, readonly unknown[]>();
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = chance(seed);
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 10; i++) this.#random();
  }

  next(): FuzzRequest {
    if (this.#is(0.05)) return this.#nonsense();
    const definition = this.#pick(builtinKinds);
    const { group } = splitApiVersion(definition.apiVersion);
    const root = group === '' ? `/api/${definition.apiVersion}` : `/apis/${definition.apiVersion}`;
    const namespace = definition.namespaced && this.#is(0.9) ? `/namespaces/${this.#word(NAMESPACES)}` : '';
    const collection = `${root}${namespace}/${definition.plural}`;
    const name = this.#word(NAMES);
    const known = definition.subresources.filter((s) => !['exec', 'attach', 'portforward', 'proxy'].includes(s));
    const part = this.#is(0.3) ? `/${this.#pick(known.length > 0 && this.#is(0.8) ? known : SUBRESOURCES)}` : '';
    switch (
      this.#pick(['create', 'create', 'create', 'update', 'update', 'patch', 'patch', 'patch', 'get', 'list', 'delete', 'collection'])
    ) {
      case 'create':
        return this.#request('POST', part === '' ? collection : `${collection}/${name}${part}`, this.#document(definition, name));
      case 'update':
        return this.#request('PUT', `${collection}/${name}${part}`, this.#document(definition, name));
      case 'patch':
        return this.#patch(`${collection}/${name}${part}`, definition, name);
      case 'get':
        return this.#request(this.#pick(['GET', 'HEAD', 'OPTIONS']), `${collection}/${name}${part}`);
      case 'list':
        return this.#request('GET', collection);
      case 'delete':
        return this.#request(
          'DELETE',
          `${collection}/${name}`,
          this.#is(0.3) ? this.#mangled({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: {} }) : undefined,
        );
      default:
        return this.#request('DELETE', collection);
    }
  }

  #is(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)] as T;
  }

  #word(usual: readonly string[]): string {
    return this.#is(0.03) ? this.#pick(JUNK_TEXTS) : this.#pick(usual);
  }

  #nonsense(): FuzzRequest {
    const method = this.#pick(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);
    const depth = Math.floor(this.#random() * 6);
    const path = this.#is(0.5)
      ? this.#pick(PATHS)
      : `/${Array.from({ length: depth }, () => this.#pick([...JUNK_TEXTS, 'api', 'apis', 'v1', 'pods'])).join('/')}`;
    return this.#request(method, encodePath(path), method === 'GET' || method === 'HEAD' ? undefined : this.#pick(JUNK));
  }

  #request(method: string, path: string, body?: unknown): FuzzRequest {
    const query = QUERIES.filter(() => this.#is(0.06)).map(
      ([key, values]) => `${key}=${encodeURIComponent(toWellFormed(this.#pick(values)))}`,
    );
    const type = this.#is(0.9) ? 'application/json' : this.#pick(TYPES);
    return {
      method,
      path: encodePath(path) + (query.length === 0 ? '' : `${path.includes('?') ? '&' : '?'}${query.join('&')}`),
      type,
      body: body === undefined ? undefined : this.#broken(JSON.stringify(body)),
      headers: this.#is(0.3) ? { Accept: this.#pick(ACCEPTS) } : {},
    };
  }

  #patch(path: string, definition: KindDefinition, name: string): FuzzRequest {
    const type = this.#is(0.97) ? this.#pick(PATCHES) : this.#pick(TYPES);
    const document = this.#document(definition, name);
    const body = type === PATCHES[0] ? this.#operations(document) : document;
    const made = this.#request('PATCH', path, body);
    const manager =
      made.path.includes('fieldManager') || this.#is(0.1) ? '' : `${made.path.includes('?') ? '&' : '?'}fieldManager=m${this.#pick(NAMES)}`;
    return { ...made, path: made.path + manager, type };
  }

  #operations(document: unknown): unknown {
    if (this.#is(0.05)) return structuredClone(this.#pick(JUNK));
    const pointers = [...pointersOf(document, '')].slice(0, 200);
    const pointer = (): string =>
      this.#is(0.9) && pointers.length > 0
        ? this.#pick(pointers)
        : this.#pick(['', '/', '/-', '/metadata/labels/~1', '/a/0/-1', '/__proto__/x', '~2', '/spec/containers/-']);
    return Array.from({ length: 1 + Math.floor(this.#random() * 4) }, () => ({
      op: this.#pick(['add', 'remove', 'replace', 'move', 'copy', 'test', 'x']),
      path: pointer(),
      ...(this.#is(0.5) ? { from: pointer() } : {}),
      ...(this.#is(0.8) ? { value: this.#pick(JUNK) } : {}),
    }));
  }

  /** A document of the kind with this name, as often as not with something wrong in it. */
  #document(definition: KindDefinition, name: string): unknown {
    const key = `${definition.apiVersion} ${definition.kind}`;
    let known = this.#documents.get(key);
    if (known === undefined) {
      known = fc.sample(arbitraryOf(definition.schema, { depth: 6 }), { numRuns: DOCUMENTS_PER_KIND, seed: this.#seed });
      this.#documents.set(key, known);
    }
    const document = structuredClone(this.#pick(known)) as Record<string, unknown>;
    document['apiVersion'] = definition.apiVersion;
    document['kind'] = definition.kind;
    document['metadata'] = this.#is(0.9)
      ? { name, ...(this.#is(0.2) ? Object(document['metadata']) : {}), ...(this.#is(0.9) ? { name } : {}) }
      : document['metadata'];
    return this.#is(0.5) ? this.#mangled(document) : document;
  }

  #mangled(document: unknown): unknown {
    let result = structuredClone(document);
    for (let times = 1 + Math.floor(this.#random() * 3); times > 0; times--) {
      const places = [...placesOf(result)];
      if (places.length === 0 || this.#is(0.02)) return structuredClone(this.#pick(JUNK));
      const { parent, key } = this.#pick(places);
      const junk = structuredClone(this.#pick(JUNK));
      if (Array.isArray(parent)) parent[key as number] = junk;
      else if (this.#is(0.3)) delete parent[key as string];
      else define(parent, this.#is(0.15) ? this.#pick(KEYS) : (key as string), junk);
      result = this.#is(0.01) ? [result] : result;
    }
    return result;
  }

  #broken(text: string): string {
    if (this.#is(0.96)) return text;
    const at = Math.floor(this.#random() * text.length);
    return this.#pick([
      text.slice(0, at),
      `${text.slice(0, at)}\u0000${text.slice(at)}`,
      `${text}${text}`,
      '',
      '"',
      '[',
      `${text}}`,
      '{"a":1,"a":2}',
      'a: b\n- c',
      '&a [*a, *a]',
    ]);
  }
}

type Place = { readonly parent: Record<string, unknown> | unknown[]; readonly key: string | number };

function* placesOf(value: unknown): Iterable<Place> {
  if (typeof value !== 'object' || value === null) return;
  const parent = value as Record<string, unknown>;
  for (const key of Object.keys(parent)) {
    yield { parent: value as Place['parent'], key: Array.isArray(value) ? Number(key) : key };
    yield* placesOf(parent[key]);
  }
}

function* pointersOf(value: unknown, at: string): Iterable<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const pointer = `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    yield pointer;
    yield* pointersOf(inner, pointer);
  }
}

/** Also "__proto__" becomes a field like any other. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

const toWellFormed = (text: string): string => text.replaceAll(/[\ud800-\udfff]/g, '?');
/** What Node would refuse to send. */
const encodePath = (path: string): string => path.replaceAll(/[^!-~]/gu, (c) => encodeURIComponent(toWellFormed(c)));
