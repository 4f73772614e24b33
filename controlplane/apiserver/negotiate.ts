/**
 * Which form of the answer a client gets, and which forms of body it may send. Pure. Throws: NotAcceptable, UnsupportedMediaType.
 * Differs: answers are never protobuf. Accept lists that prefer it get JSON, which every client of Kubernetes lists too; bodies may be.
 */
import { notAcceptable, unsupportedMediaType } from './status.ts';

export type Encoding = 'json' | 'yaml';
/** What an object is turned into: itself, a Table of columns, or its metadata alone. */
export type Form = { readonly kind: 'object' } | { readonly kind: 'table' | 'metadata'; readonly version: 'v1' | 'v1beta1' };

export interface Wanted {
  readonly encoding: Encoding;
  readonly form: Form;
  readonly pretty: boolean;
}

const OBJECT: Form = { kind: 'object' };
const JSON_OBJECT: Wanted = { encoding: 'json', form: OBJECT, pretty: false };
const JSON_PRETTY: Wanted = { encoding: 'json', form: OBJECT, pretty: true };

export const CONTENT_TYPES: Readonly<Record<Encoding, string>> = { json: 'application/json', yaml: 'application/yaml' };
const ACCEPTED = ['application/json', 'application/yaml'];
/** Forms are worked out once per text: clients send the same one with every request. Bounded, because a client may send anything. */
const REMEMBERED = 200;

interface Clause {
  readonly type: string;
  readonly params: ReadonlyMap<string, string>;
  readonly quality: number;
}

export class Negotiator {
  readonly #known = new Map<string, Wanted>();

  /** forms: which forms beside the object itself this answer has. */
  wanted(accept: string | undefined, options: { readonly forms: boolean; readonly pretty: boolean }): Wanted {
    if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') {
      return options.pretty ? JSON_PRETTY : JSON_OBJECT;
    }
    const key = `${options.forms}${options.pretty}${accept}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = { ...choose(accept, options.forms), pretty: options.pretty };
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(key, found);
    return found;
  }
}

function choose(accept: string, forms: boolean): Omit<Wanted, 'pretty'> {
  const clauses = accept
    .split(',')
    .map(clauseOf)
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality);
  for (const { type, params } of clauses) {
    const encoding = encodingOf(type);
    if (encoding === undefined) continue;
    const form = formOf(params);
    if (form !== undefined && (forms || form.kind === 'object')) return { encoding, form };
  }
  throw notAcceptable(ACCEPTED);
}

function encodingOf(type: string): Encoding | undefined {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json';
  return type === 'application/yaml' ? 'yaml' : undefined;
}

/** undefined: a form we do not have, so the next clause counts. */
function formOf(params: ReadonlyMap<string, string>): Form | undefined {
  const as = params.get('as');
  if (as === undefined) return OBJECT;
  const version = params.get('v') ?? 'v1';
  const group = params.get('g') ?? 'meta.k8s.io';
  if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  if (as === 'Table') return { kind: 'table', version };
  return as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList' ? { kind: 'metadata', version } : undefined;
}

export function clauseOf(text: string): Clause {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const params = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf('=');
    if (equals > 0) params.set(part.slice(0, equals).trim().toLowerCase(), unquote(part.slice(equals + 1).trim()));
  }
  const quality = Number(params.get('q') ?? '1');
  return { type: type.toLowerCase(), params, quality: Number.isFinite(quality) ? quality : 0 };
}

const unquote = (text: string): string => (text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text);

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** The body of a create or update. No header at all means JSON, as upstream has it. */
export function bodyEncoding(contentType: string | undefined): Encoding | 'protobuf' {
  if (contentType === undefined || contentType === '' || contentType === 'application/json') return 'json';
  const { type } = clauseOf(contentType);
  if (type === 'application/json') return 'json';
  if (type === 'application/yaml' || type === 'application/x-yaml' || type === 'text/yaml') return 'yaml';
  if (type === PROTOBUF) return 'protobuf';
  throw unsupportedMediaType([...ACCEPTED, PROTOBUF]);
}
