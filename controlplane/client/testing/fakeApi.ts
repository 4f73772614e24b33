/**
 * An API server in memory, as far as a client sees it: objects, versions, lists in pages, watches, and the accidents that happen on the
 * way: connections cut in the middle of a line, lines that come twice, versions that are forgotten. Knows the kinds it is given and throws
 * on anything it is not made for. No admission, no defaults, no validation.
 * What it answers is what the real server answers: contract.ts holds both to it.
 */
import { matches, parseSelector } from '#api/labels.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Draft } from '#api/schema.ts';
import type { ResourceType } from '../query.ts';
import type { ApiRequest, ApiResponse, Transport } from '../transport.ts';
import { FakeWatch } from './fakeWatch.ts';

type Json = Record<string, unknown>;
export type Stored = Draft<KubeObject> & Json;

export interface FakeEvent {
  readonly revision: number;
  readonly before: Stored | undefined;
  readonly after: Stored | undefined;
}

interface Collection {
  readonly type: ResourceType;
  readonly objects: Map<string, Stored>;
  readonly log: FakeEvent[];
}

export interface FakeApiOptions {
  readonly types: readonly ResourceType[];
  /** Whether it knows sendInitialEvents. Default true. */
  readonly streamsLists?: boolean;
  /** 0 <= x < 1; decides into what pieces a stream is cut and which lines come twice. Default: whole lines, once. */
  readonly random?: () => number;
}

interface Target {
  readonly collection: Collection;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly query: URLSearchParams;
}

export class Refused extends Error {
  readonly code: number;
  readonly reason: string;
  readonly causes: readonly { readonly reason: string }[];

  constructor(code: number, reason: string, message: string, causes: readonly { readonly reason: string }[] = []) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.causes = causes;
  }

  get status(): Json {
    const details = this.causes.length === 0 ? {} : { details: { causes: this.causes } };
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      code: this.code,
      ...details,
    };
  }
}

export class FakeApi implements Transport {
  readonly server = 'https://fake:6443';
  readonly #options: FakeApiOptions;
  readonly #collections = new Map<string, Collection>();
  readonly #watches = new Set<FakeWatch>();
  #revision = 1;
  #compacted = 0;
  #uids = 0;
  /** Decides about requests before the server does: an answer, an error to throw, or nothing. */
  intercept: ((request: ApiRequest) => ApiResponse | undefined | Promise<ApiResponse | undefined>) | undefined;

  constructor(options: FakeApiOptions) {
    this.#options = options;
    for (const type of options.types) this.#collections.set(`${type.apiVersion}/${type.plural}`, { type, objects: new Map(), log: [] });
  }

  /** Everything there is of a kind, as a list would show it. */
  all(type: ResourceType): readonly KubeObject[] {
    return [...this.#of(type).objects.values()].map((object) => structuredClone(object) as KubeObject);
  }

  get revision(): number {
    return this.#revision;
  }

  /** Writes like a client that nobody can refuse. */
  put(type: ResourceType, object: KubeObject): void {
    const collection = this.#of(type);
    const { namespace = '', name = '' } = object.metadata;
    const before = collection.objects.get(keyFor(namespace, name));
    this.#write(collection, before, structuredClone(object) as Stored);
  }

  remove(type: ResourceType, key: string): void {
    const collection = this.#of(type);
    const before = collection.objects.get(key);
    if (before !== undefined) this.#write(collection, before, undefined);
  }

  /** Forgets what happened until now: watches cannot begin before it any more. */
  compact(): void {
    this.#compacted = this.#revision;
  }

  /** Ends all watches: with their last line complete, or cut off in the middle of one. */
  disconnect(how: 'clean' | 'midLine' = 'clean'): void {
    for (const watch of this.#watches) watch.end(how);
    this.#watches.clear();
  }

  /** Tells every watch how far the server is. */
  bookmark(): void {
    for (const watch of this.#watches) watch.bookmark(this.#revision);
  }

  get watches(): number {
    return this.#watches.size;
  }

  async send(request: ApiRequest): Promise<ApiResponse> {
    request.signal.throwIfAborted();
    const decided = await this.intercept?.(request);
    if (decided !== undefined) return decided;
    try {
      return this.#answer(request);
    } catch (err) {
      if (err instanceof Refused) return answer(err.code, err.status);
      throw err;
    }
  }

  close(): void {
    this.disconnect();
  }

  #of({ apiVersion, plural }: ResourceType): Collection {
    const found = this.#collections.get(`${apiVersion}/${plural}`);
    if (found === undefined) throw new Error(`The fake API server was not made with ${plural} of ${apiVersion}`);
    return found;
  }

  #answer(request: ApiRequest): ApiResponse {
    const target = this.#target(request.path);
    const body = request.body === undefined ? undefined : (JSON.parse(request.body) as Stored);
    switch (request.method) {
      case 'GET':
        if (target.name !== '') return answer(200, this.#need(target));
        return target.query.get('watch') === 'true' ? this.#watch(target, request.signal) : this.#list(target);
      case 'POST':
        return answer(201, this.#create(target, body as Stored));
      case 'PUT':
        return answer(200, this.#update(target, body as Stored));
      case 'PATCH':
        return answer(200, this.#patch(target, request, body as Json));
      case 'DELETE':
        return answer(200, this.#delete(target, body));
      default:
        throw new Error(`The fake API server was asked to ${String(request.method)}`);
    }
  }

  #target(path: string): Target {
    const url = new URL(path, 'https://fake');
    const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
    const apiVersion = parts[0] === 'api' ? parts[1] : `${parts[1]}/${parts[2]}`;
    const below = parts.slice(parts[0] === 'api' ? 2 : 3);
    const isIn = below[0] === 'namespaces' && below.length > 2;
    const [plural = '', name = '', subresource = ''] = isIn ? below.slice(2) : below;
    const collection = this.#collections.get(`${apiVersion}/${plural}`);
    if (collection === undefined) throw new Refused(404, 'NotFound', 'the server could not find the requested resource');
    return { collection, namespace: isIn ? (below[1] ?? '') : '', name, subresource, query: url.searchParams };
  }

  #need({ collection, namespace, name }: Target): Stored {
    const found = collection.objects.get(keyFor(namespace, name));
    if (found === undefined) throw new Refused(404, 'NotFound', `${collection.type.plural} ${JSON.stringify(name)} not found`);
    return found;
  }

  #create({ collection, namespace }: Target, object: Stored): Stored {
    const { metadata } = object;
    if (metadata.namespace !== undefined && metadata.namespace !== namespace) {
      throw new Refused(400, 'BadRequest', 'the namespace of the provided object does not match the namespace sent on the request');
    }
    if (metadata.name === undefined && metadata.generateName !== undefined) metadata.name = `${metadata.generateName}${++this.#uids}`;
    const key = keyFor(namespace, metadata.name ?? '');
    if (collection.objects.has(key))
      throw new Refused(409, 'AlreadyExists', `${collection.type.plural} ${JSON.stringify(metadata.name)} already exists`);
    if (namespace !== '') metadata.namespace = namespace;
    return this.#write(collection, undefined, object);
  }

  #update(target: Target, object: Stored): Stored {
    const before = this.#need(target);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) throw modified(target);
    const after = target.subresource === 'status' ? { ...before, status: object['status'] } : object;
    return this.#write(target.collection, before, structuredClone<Stored>(after));
  }

  #patch(target: Target, request: ApiRequest, patch: Json): Stored {
    const type = request.headers['Content-Type'];
    if (type !== 'application/merge-patch+json') throw new Error(`The fake API server takes merge patches only, not ${type}`);
    const before = this.#need(target);
    const wanted = (patch['metadata'] as Json | undefined)?.['resourceVersion'];
    if (wanted !== undefined && wanted !== before.metadata.resourceVersion) throw modified(target);
    return this.#write(target.collection, before, merge(before, patch) as Stored);
  }

  #delete(target: Target, options: Json | undefined): Json {
    const before = this.#need(target);
    const { uid, resourceVersion } = (options?.['preconditions'] ?? {}) as Json;
    const { metadata } = before;
    if ((uid ?? metadata.uid) !== metadata.uid || (resourceVersion ?? metadata.resourceVersion) !== metadata.resourceVersion)
      throw modified(target);
    this.#write(target.collection, before, undefined);
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
  }

  #list(target: Target): ApiResponse {
    const { query, collection } = target;
    const passes = selectorOf(target);
    const limit = Number(query.get('limit') ?? 0);
    const token = query.get('continue');
    const [revisionText, after = ''] = token === null ? [] : (JSON.parse(token) as [number, string]);
    const revision = revisionText ?? this.#revision;
    if (revision < this.#compacted) throw new Refused(410, 'Expired', 'The provided continue parameter is too old');
    const state = stateAt(collection, revision);
    const all = [...state].toSorted(([a], [b]) => (a < b ? -1 : 1)).filter(([key, object]) => key > after && passes(object));
    const items = limit > 0 ? all.slice(0, limit) : all;
    const more = items.length < all.length ? { continue: JSON.stringify([revision, items.at(-1)?.[0]]) } : {};
    const { apiVersion, kind } = collection.type;
    return answer(200, {
      apiVersion,
      kind: `${kind}List`,
      metadata: { resourceVersion: String(revision), ...more },
      items: items.map(([, object]) => object),
    });
  }

  #watch(target: Target, signal: AbortSignal): ApiResponse {
    const { query, collection } = target;
    const version = query.get('resourceVersion') ?? '';
    const initial = query.get('sendInitialEvents') === 'true';
    if (initial && this.#options.streamsLists === false) {
      throw new Refused(422, 'Invalid', 'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch');
    }
    const from = version === '' || version === '0' ? this.#revision : Number(version);
    if (from < this.#compacted) throw new Refused(410, 'Expired', `too old resource version: ${from} (${this.#compacted})`);
    if (from > this.#revision) {
      const causes = [{ reason: 'ResourceVersionTooLarge' }];
      throw new Refused(504, 'Timeout', `Timeout: Too large resource version: ${from}, current: ${this.#revision}`, causes);
    }
    const watch = new FakeWatch({ passes: selectorOf(target), kind: collection.type, signal, random: this.#options.random });
    this.#watches.add(watch);
    signal.addEventListener('abort', () => this.#watches.delete(watch), { once: true });
    const starts = initial || version === '' || version === '0';
    if (starts) for (const object of collection.objects.values()) watch.tell({ revision: 0, before: undefined, after: object });
    if (initial) watch.bookmark(this.#revision, { 'k8s.io/initial-events-end': 'true' });
    if (!starts) for (const event of collection.log) if (event.revision > from) watch.tell(event);
    return { status: 200, headers: {}, body: watch.body() };
  }

  #write(collection: Collection, before: Stored | undefined, after: Stored | undefined): Stored {
    const revision = ++this.#revision;
    const kept = after ?? structuredClone(before as Stored);
    const { metadata } = kept;
    Object.assign(metadata, { resourceVersion: String(revision), uid: before?.metadata.uid ?? `uid-${++this.#uids}` });
    Object.assign(kept, { apiVersion: collection.type.apiVersion, kind: collection.type.kind });
    const key = keyFor(metadata.namespace ?? '', metadata.name ?? '');
    if (after === undefined) collection.objects.delete(key);
    else collection.objects.set(key, kept);
    const event = { revision, before, after: after === undefined ? undefined : kept };
    collection.log.push(event);
    for (const watch of this.#watches) if (watch.kind === collection.type) watch.tell(event);
    return kept;
  }
}

const keyFor = (namespace: string, name: string): string => (namespace === '' ? name : `${namespace}/${name}`);

function modified({ collection, name }: Target): Refused {
  const why = 'the object has been modified; please apply your changes to the latest version and try again';
  return new Refused(409, 'Conflict', `Operation cannot be fulfilled on ${collection.type.plural} ${JSON.stringify(name)}: ${why}`);
}

function stateAt({ objects, log }: Collection, revision: number): Map<string, Stored> {
  const state = new Map(objects);
  for (const { revision: at, before, after } of log.toReversed()) {
    if (at <= revision) break;
    const { namespace = '', name = '' } = (after ?? before)?.metadata ?? {};
    if (before === undefined) state.delete(keyFor(namespace, name));
    else state.set(keyFor(namespace, name), before);
  }
  return state;
}

function selectorOf({ namespace, query }: Target): (object: Stored) => boolean {
  const labels = parseSelector(query.get('labelSelector') ?? '');
  const terms = (query.get('fieldSelector') ?? '')
    .split(',')
    .filter(Boolean)
    .map((term) => /^([^!=]+)(!?=)=?(.*)$/.exec(term));
  return (object) =>
    (namespace === '' || object.metadata.namespace === namespace) &&
    matches(labels, object.metadata.labels) &&
    terms.every((term) => {
      if (term === null) throw new Refused(400, 'BadRequest', 'invalid field selector');
      const [, path = '', operator, value] = term;
      const found = path.split('.').reduce((at: unknown, part) => (at as Json | undefined)?.[part], object) ?? '';
      return (found === value) === (operator === '=');
    });
}

/** RFC 7396. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const out = typeof target === 'object' && target !== null && !Array.isArray(target) ? structuredClone(target as Json) : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = merge(out[name], value);
  }
  return out;
}

export function answer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): ApiResponse {
  const bytes = Buffer.from(JSON.stringify(value));
  return {
    status,
    headers,
    body: (async function* () {
      yield bytes;
    })(),
  };
}
