/**
 * /openapi/v2 and /openapi/v3: what clients check their objects against and explain them with. Built when first asked for, kept as bytes,
 * and built again when the API has changed (kinds can come at run time).
 * Throws: ApiError NotFound, NotAcceptable, MethodNotAllowed.
 * Source: the forms and headers of Kubernetes 1.36. Differs: OpenAPI 3 comes as JSON only; the clients that also know protobuf take it.
 */
import { createHash } from 'node:crypto';
import type { Answer, ApiCall, Handler } from '../call.ts';
import { clauseOf } from '../negotiate.ts';
import { methodNotAllowed, noSuchPath, notAcceptable } from '../status.ts';
import type { Catalog } from './catalog.ts';
import { documentsV3, documentV2 } from './documents.ts';

const JSON_TYPE = 'application/json';
const PROTOBUF_V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** Old clients ask with a sign that may not stand in a media type, and cannot read it in the answer. */
const PROTOBUF_V2_ASKED = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

export interface OpenApiOptions {
  readonly catalog: () => Catalog;
  /** Changes whenever the catalog does. */
  readonly edition: () => number;
}

interface Document {
  readonly text: string;
  readonly etag: string;
  readonly hash: string;
}

interface Built {
  readonly edition: number;
  v2?: Document;
  protobuf?: Uint8Array;
  v3?: ReadonlyMap<string, Document>;
}

export class OpenApi {
  readonly #options: OpenApiOptions;
  #built: Built = { edition: -1 };

  constructor(options: OpenApiOptions) {
    this.#options = options;
  }

  /** For the table of paths. */
  get paths(): ReadonlyMap<string, Handler> {
    const handler: Handler = (call) => this.answer(call);
    return new Map([
      ['/openapi/v2', handler],
      ['/openapi/v3', handler],
      ['/openapi/v3/*', handler],
    ]);
  }

  async answer(call: ApiCall): Promise<Answer> {
    if (call.method !== 'GET' && call.method !== 'HEAD') throw methodNotAllowed();
    const path = call.path.replace(/\/$/, '');
    if (path === '/openapi/v2') return this.#answerV2(call);
    if (!takesJson(call)) throw notAcceptable([JSON_TYPE]);
    if (path === '/openapi/v3') return { kind: 'value', code: 200, value: { paths: this.#index() } };
    const document = this.v3().get(path.slice('/openapi/v3/'.length));
    if (document === undefined) throw noSuchPath();
    return answerDocument(call, document);
  }

  async #answerV2(call: ApiCall): Promise<Answer> {
    const wanted = ((call.headers['accept'] as string | undefined) ?? JSON_TYPE).split(',').map((clause) => clauseOf(clause).type);
    for (const type of wanted) {
      if (type === PROTOBUF_V2 || type === PROTOBUF_V2_ASKED) return stream(await this.protobufV2());
      if (type === JSON_TYPE || type === '*/*' || type === 'application/*' || type === '') return withEtag(call, this.v2());
    }
    throw notAcceptable([JSON_TYPE, PROTOBUF_V2_ASKED]);
  }

  v2(): Document {
    const built = this.#current();
    return (built.v2 ??= documentOf(documentV2(this.#options.catalog())));
  }

  /** Loads what writes protobuf: only kubectl of old asks for it. */
  async protobufV2(): Promise<Uint8Array> {
    const { encodeV2 } = await import('./gnostic.ts');
    const built = this.#current();
    return (built.protobuf ??= encodeV2(documentV2(this.#options.catalog())));
  }

  v3(): ReadonlyMap<string, Document> {
    const built = this.#current();
    return (built.v3 ??= new Map([...documentsV3(this.#options.catalog())].map(([name, document]) => [name, documentOf(document)])));
  }

  #current(): Built {
    const edition = this.#options.edition();
    if (this.#built.edition !== edition) this.#built = { edition };
    return this.#built;
  }

  /** The hash in the address makes it safe to keep an answer for ever. */
  #index(): unknown {
    return Object.fromEntries([...this.v3()].map(([name, { hash }]) => [name, { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` }]));
  }
}

function documentOf(document: unknown): Document {
  const text = JSON.stringify(document);
  const hash = createHash('sha512').update(text).digest('hex').toUpperCase();
  return { text, hash, etag: `"${hash}"` };
}

function takesJson({ headers }: ApiCall): boolean {
  const accept = (headers['accept'] as string | undefined) ?? '';
  return accept === '' || accept.split(',').some((clause) => [JSON_TYPE, '*/*', 'application/*'].includes(clauseOf(clause).type));
}

function answerDocument(call: ApiCall, document: Document): Answer {
  const asked = call.query.get('hash');
  if (asked === undefined) return withEtag(call, document);
  if (asked === document.hash) return withEtag(call, document, { 'Cache-Control': 'public, immutable' });
  const location = `${call.path}?hash=${document.hash}`;
  return { kind: 'text', code: 301, contentType: 'text/plain', text: '', headers: { Location: location } };
}

function withEtag(call: ApiCall, { text, etag }: Document, more: Readonly<Record<string, string>> = {}): Answer {
  const isSame = call.headers['if-none-match'] === etag;
  const headers = { ETag: etag, Vary: 'Accept', ...more };
  return { kind: 'text', code: isSame ? 304 : 200, contentType: JSON_TYPE, text: isSame ? '' : text, headers };
}

const CHUNK_BYTES = 64 * 1024;

function stream(bytes: Uint8Array): Answer {
  return {
    kind: 'stream',
    contentType: PROTOBUF_V2,
    run: async (sink) => {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        if (!sink.write(bytes.subarray(at, at + CHUNK_BYTES))) await sink.drained();
      }
      sink.end();
    },
  };
}
