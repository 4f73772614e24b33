/**
 * The client: requests with types. Every request has a deadline and a signal, waits for its turn under the rate limit, and is sent again
 * when the server asks for that (Retry-After).
 * Throws: ApiError (code = reason of the Status), API_UNREACHABLE, API_TLS, API_DEADLINE, API_ANSWER_INVALID, CREDENTIALS_UNREADABLE, or
 * the signal's reason.
 */
import type { KubeObject, ListMeta } from '#api/kinds/meta/objectMeta.ts';
import type { Status } from '#api/kinds/meta/status.ts';
import type { Clock } from '#base/clock.ts';
import { VERSION } from '#base/version.ts';
import { decodeObject } from './decode.ts';
import { badAnswer, refusal, tooLate } from './errors.ts';
import { collectionPath, objectPath, withQuery } from './query.ts';
import type { ListQuery, ObjectName, Params, ResourceType, Selection, WatchQuery } from './query.ts';
import type { Limiter } from './rateLimit.ts';
import { MOST_BYTES, type ApiRequest, type ApiResponse, type Transport } from './transport.ts';
import { named, readEvents, type WatchEvent } from './watchEvents.ts';

export interface ClientOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly limiter: Limiter;
  /** Who asks, for the server's audit log and as the default field manager: "kubelet", "kube-proxy". */
  readonly userAgent: string;
  /** Default 30 s, Retry-After included. Watches have no deadline but their own. */
  readonly timeoutMs?: number;
}

export interface Call {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

export interface WriteCall extends Call {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
}

export type PatchType = 'json' | 'merge' | 'strategic';

const PATCH_TYPES: Readonly<Record<PatchType | 'apply', string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export interface DeleteCall extends Call {
  readonly dryRun?: boolean;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface Page<T> {
  readonly metadata: ListMeta & { readonly resourceVersion: string };
  readonly items: readonly T[];
}

const TIMEOUT_MS = 30_000;
/** Source: how often upstream's client follows Retry-After. */
const MOST_ATTEMPTS = 10;
const PAGE = 500;

interface Sending extends Call {
  readonly body?: unknown;
  readonly type?: string;
  /** Default: application/json. */
  readonly accept?: string;
}

/** Servers that cannot do it answer with whole objects. */
const METADATA = (as: string): string => `application/json;as=${as};g=meta.k8s.io;v=v1,application/json`;

export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get userAgent(): string {
    return this.#options.userAgent;
  }

  resource<T extends KubeObject>(type: ResourceType<T>): ResourceClient<T> {
    return new ResourceClient(this, type);
  }

  /** A request to any path; the answer is JSON. */
  async json(method: ApiRequest['method'], path: string, sending: Sending): Promise<unknown> {
    const text = await this.text(method, path, sending);
    try {
      return JSON.parse(text) as unknown;
    } catch (err) {
      throw badAnswer(`${method} ${path}`, 'it is no JSON', err);
    }
  }

  async text(method: ApiRequest['method'], path: string, sending: Sending): Promise<string> {
    const { clock, transport, timeoutMs: usual = TIMEOUT_MS } = this.#options;
    const timeoutMs = sending.timeoutMs ?? usual;
    // One controller for both: AbortSignal.any and a sleep cost several times as much, with each of a thousand requests a second.
    const ends = new AbortController();
    const onAbort = (): void => ends.abort(sending.signal.reason);
    sending.signal.throwIfAborted();
    sending.signal.addEventListener('abort', onAbort, { once: true });
    const cancel = clock.after(timeoutMs, () => ends.abort(tooLate(transport.server, timeoutMs)));
    try {
      const answer = await this.#accepted({ method, path, ...this.#content(sending), signal: ends.signal, whole: true });
      return await readText(answer.body, `${method} ${path}`);
    } finally {
      cancel();
      sending.signal.removeEventListener('abort', onAbort);
    }
  }

  /** The stream of an answer: a watch, the log of a container. Has no deadline, and a refusal is told at once: who follows has its own pace. */
  async stream(
    path: string,
    { signal, accept }: Call & Pick<Sending, 'accept'>,
  ): Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array>> {
    const content = this.#content({ signal, ...(accept === undefined ? {} : { accept }) });
    const answer = await this.#accepted({ method: 'GET', path, ...content, signal }, 1);
    return answer.body;
  }

  close(): void {
    this.#options.transport.close();
  }

  #content({ body, type = 'application/json', accept = 'application/json' }: Sending): Pick<ApiRequest, 'headers' | 'body'> {
    const headers = { Accept: accept, 'User-Agent': `${this.#options.userAgent}/v${VERSION}` };
    return body === undefined ? { headers } : { headers: { ...headers, 'Content-Type': type }, body: JSON.stringify(body) };
  }

  async #accepted(request: ApiRequest, attempts = MOST_ATTEMPTS): Promise<ApiResponse> {
    const { clock, transport, limiter } = this.#options;
    for (let attempt = 1; ; attempt++) {
      await limiter.take(request.signal);
      const answer = await transport.send(request);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const retryAfter = answer.headers['retry-after'];
      const text = await readText(answer.body, `${request.method} ${request.path}`);
      const err = refusal(answer.status, text, typeof retryAfter === 'string' ? retryAfter : undefined);
      const isTransient = answer.status === 429 || answer.status >= 500;
      if (!isTransient || retryAfter === undefined || err.retryAfterMs === undefined || attempt === attempts) throw err;
      await clock.sleep(err.retryAfterMs, request.signal);
    }
  }
}

async function readText(body: ApiResponse['body'], what: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST_BYTES) throw badAnswer(what, `it is longer than ${MOST_BYTES} bytes`);
  }
  return Buffer.concat(chunks, size).toString();
}

/** The requests about one kind. */
export class ResourceClient<T extends KubeObject> {
  readonly client: Client;
  readonly type: ResourceType<T>;

  constructor(client: Client, type: ResourceType<T>) {
    this.client = client;
    this.type = type;
  }

  async get(name: ObjectName, call: Call): Promise<T> {
    return this.#decoded(await this.client.json('GET', objectPath(this.type, name), { ...call, ...this.#accept('PartialObjectMetadata') }));
  }

  async create(object: T, call: WriteCall): Promise<T> {
    const path = withQuery(collectionPath(this.type, object.metadata.namespace), writeParams(call));
    return this.#decoded(await this.client.json('POST', path, { ...call, body: this.#identified(object) }));
  }

  /** The resourceVersion of the object must be the newest: Conflict otherwise. Without one it is written over whatever is there. */
  async update(object: T, call: WriteCall): Promise<T> {
    return this.#put(object, undefined, call);
  }

  async updateStatus(object: T, call: WriteCall): Promise<T> {
    return this.#put(object, 'status', call);
  }

  async patch(
    name: ObjectName,
    patch: { readonly type: PatchType; readonly body: unknown; readonly subresource?: string },
    call: WriteCall,
  ): Promise<T> {
    const path = withQuery(objectPath(this.type, name, patch.subresource), writeParams(call));
    const form = this.#accept('PartialObjectMetadata');
    return this.#decoded(await this.client.json('PATCH', path, { ...call, ...form, type: PATCH_TYPES[patch.type], body: patch.body }));
  }

  /** Server-side apply: the object holds the fields this field manager wants, and nothing else. */
  async apply(
    object: T,
    {
      force = false,
      subresource,
      ...call
    }: WriteCall & { readonly fieldManager: string; readonly force?: boolean; readonly subresource?: string },
  ): Promise<T> {
    const path = withQuery(objectPath(this.type, nameOf(object), subresource), { ...writeParams(call), force: force ? true : undefined });
    return this.#decoded(await this.client.json('PATCH', path, { ...call, type: PATCH_TYPES.apply, body: this.#identified(object) }));
  }

  /** Answers with the object where it goes on for a while (grace period, finalizers), or with a Status where it is gone. */
  async delete(name: ObjectName, call: DeleteCall): Promise<T | Status> {
    const answer = await this.client.json('DELETE', objectPath(this.type, name), { ...call, body: deleteOptions(call) });
    return (answer as KubeObject).kind === 'Status' ? (answer as Status) : this.#decoded(answer);
  }

  async deleteCollection(selection: Selection, call: DeleteCall): Promise<void> {
    const path = withQuery(collectionPath(this.type, selection.namespace), selectors(selection));
    await this.client.json('DELETE', path, { ...call, body: deleteOptions(call) });
  }

  /** A subresource with a body of its own: binding, eviction, token, scale. */
  async post(name: ObjectName, subresource: string, { body, ...call }: WriteCall & { readonly body: unknown }): Promise<unknown> {
    return this.client.json('POST', withQuery(objectPath(this.type, name, subresource), writeParams(call)), { ...call, body });
  }

  async list(query: ListQuery, call: Call): Promise<Page<T>> {
    const { namespace, ...params } = query;
    const form = this.#accept('PartialObjectMetadataList');
    const answer = await this.client.json('GET', withQuery(collectionPath(this.type, namespace), params), { ...call, ...form });
    return this.#page(answer);
  }

  /** The whole list in pages, as of one moment. Throws Expired when the server has forgotten that moment between two pages. */
  async *pages(query: ListQuery, call: Call): AsyncGenerator<Page<T>, void, undefined> {
    let page = await this.list({ limit: PAGE, ...query }, call);
    const rest: ListQuery = { limit: PAGE, ...query, resourceVersion: undefined, resourceVersionMatch: undefined };
    yield page;
    for (let next = page.metadata.continue; next !== undefined && next !== ''; next = page.metadata.continue) {
      page = await this.list({ ...rest, continue: next }, call);
      yield page;
    }
  }

  /** One watch, until the server or the signal ends it. */
  async *watch(query: WatchQuery, call: Call): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const { namespace, sendInitialEvents, ...params } = query;
    const path = withQuery(collectionPath(this.type, namespace), {
      ...params,
      watch: true,
      allowWatchBookmarks: true,
      ...(sendInitialEvents === true ? { sendInitialEvents, resourceVersionMatch: 'NotOlderThan' } : {}),
    });
    yield* readEvents(await this.client.stream(path, { ...call, ...this.#accept('PartialObjectMetadata') }), this.type.schema);
  }

  async #put(object: T, subresource: string | undefined, call: WriteCall): Promise<T> {
    const path = withQuery(objectPath(this.type, nameOf(object), subresource), writeParams(call));
    return this.#decoded(await this.client.json('PUT', path, { ...call, body: this.#identified(object) }));
  }

  #accept(as: string): Pick<Sending, 'accept'> {
    return this.type.form === 'metadata' ? { accept: METADATA(as) } : {};
  }

  #decoded(answer: unknown): T {
    return decodeObject(this.type.schema, answer);
  }

  #page(answer: unknown): Page<T> {
    const { metadata, items } = (answer ?? {}) as { readonly metadata?: ListMeta | null; readonly items?: unknown };
    const version = metadata?.resourceVersion;
    if (typeof version !== 'string' || version === '') throw badAnswer(`a list of ${this.type.plural}`, 'it has no resourceVersion');
    if (items !== null && items !== undefined && !Array.isArray(items))
      throw badAnswer(`a list of ${this.type.plural}`, 'items is no list');
    const objects = (items ?? []) as unknown[];
    return { metadata: { ...metadata, resourceVersion: version }, items: objects.map((item) => named(this.#decoded(item))) };
  }

  #identified(object: T): T {
    return { ...object, apiVersion: this.type.apiVersion, kind: this.type.kind };
  }
}

function nameOf({ metadata: { namespace, name = '' } }: KubeObject): ObjectName {
  return { namespace, name };
}

function selectors({ labelSelector, fieldSelector }: Selection): Params {
  return { labelSelector, fieldSelector };
}

function writeParams({ dryRun = false, fieldManager, fieldValidation }: WriteCall): Params {
  return { dryRun: dryRun ? 'All' : undefined, fieldManager, fieldValidation };
}

function deleteOptions({ gracePeriodSeconds, propagationPolicy, preconditions, dryRun = false }: DeleteCall): unknown {
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(dryRun ? { dryRun: ['All'] } : {}),
  };
}
