/**
 * What a list or watch asks for, read from the query, and the token that continues a list. Pure. Throws: BadRequest, Invalid, Expired.
 * Source: the resourceVersion and limit semantics of the Kubernetes 1.36 API concepts; texts of upstream's ListOptions validation.
 */
import { at } from '#api/fieldPath.ts';
import { everything, parseSelector, type Selector } from '#api/labels.ts';
import { Problems } from '#api/problem.ts';
import type { Filter } from '../cache/filter.ts';
import { parseFieldSelector, type FieldSelector } from '../cache/fieldSelector.ts';
import type { Query } from '../query.ts';
import { isTrue } from '../requestInfo.ts';
import { badRequest, invalid } from '../status.ts';
import type { Resource } from './types.ts';

/** Which state of the cluster a read is about. */
export type At =
  /** The newest, at least as new as all that was acknowledged before. */
  | { readonly kind: 'newest' }
  /** Whatever is at hand. */
  | { readonly kind: 'any' }
  | { readonly kind: 'notOlderThan'; readonly revision: number }
  | { readonly kind: 'exactly'; readonly revision: number };

export interface ListRequest {
  readonly filter: Filter;
  readonly at: At;
  readonly limit: number | undefined;
  /** Only keys after this one. */
  readonly after: string | undefined;
  /** The token was given out for a list that can no longer be continued consistently. */
  readonly inconsistent: boolean;
}

export function readListRequest(query: Query, resource: Resource, namespace: string): ListRequest {
  const filter = readFilter(query, resource, namespace);
  const limit = readLimit(query);
  const token = query.get('continue') ?? '';
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  checkVersions(query, { version, match, token });
  if (token !== '') {
    const { revision, after } = readContinue(token);
    if (version !== '' && version !== '0') throw badRequest('specifying resource version is not allowed when using continue');
    const at: At = revision < 0 ? { kind: 'newest' } : { kind: 'exactly', revision };
    return { filter, at, limit, after, inconsistent: revision < 0 };
  }
  return { filter, at: atOf(version, match, limit), limit, after: undefined, inconsistent: false };
}

function readLimit(query: Query): number | undefined {
  const text = query.get('limit');
  if (text === undefined || text === '' || text === '0') return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`invalid limit ${JSON.stringify(text)}: must be a whole number from 0 on`);
  return Number(text);
}

function atOf(version: string, match: string, limit: number | undefined): At {
  if (version === '') return { kind: 'newest' };
  if (version === '0') return { kind: 'any' };
  const revision = readRevision(version);
  if (match === 'Exact') return { kind: 'exactly', revision };
  // Before resourceVersionMatch was there, a limit made the version exact; clients rely on it.
  if (match === '' && limit !== undefined) return { kind: 'exactly', revision };
  return { kind: 'notOlderThan', revision };
}

export function readRevision(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const problems = new Problems();
  problems.invalid(at('resourceVersion'), text, `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  throw badRequest(`invalid resource version ${JSON.stringify(text)}: ${problems.found.map((p) => p.message).join('')}`);
}

const LIST_OPTIONS = { group: 'meta.k8s.io', kind: 'ListOptions' };

function checkVersions(
  query: Query,
  { version, match, token }: { readonly version: string; readonly match: string; readonly token: string },
): void {
  const problems = new Problems();
  const place = at('resourceVersionMatch');
  const isWatch = isTrue(query.get('watch'));
  const initial = query.get('sendInitialEvents');
  if (initial !== undefined && !isWatch) problems.forbidden(at('sendInitialEvents'), 'sendInitialEvents is forbidden for list');
  if (match !== '') {
    if (isWatch && initial === undefined)
      problems.forbidden(place, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    if (!isWatch && version === '') problems.forbidden(place, 'resourceVersionMatch is forbidden unless resourceVersion is provided');
    if (token !== '') problems.forbidden(place, 'resourceVersionMatch is forbidden when continue is provided');
    if (match !== 'Exact' && match !== 'NotOlderThan') problems.notSupported(place, match, ['Exact', 'NotOlderThan', '']);
    if (match === 'Exact' && version === '0') {
      problems.forbidden(place, 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"');
    }
  }
  if (isWatch && initial !== undefined && match !== 'NotOlderThan') {
    problems.forbidden(place, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  if (problems.count > 0) throw invalid(LIST_OPTIONS, '', problems.found);
}

/** Selectors come again and again from the same informers. */
const REMEMBERED = 500;
const selectors = new Map<string, Selector>();

function readSelector(text: string): Selector {
  if (text === '') return everything;
  const known = selectors.get(text);
  if (known !== undefined) return known;
  const parsed = parseSelector(text);
  if (selectors.size >= REMEMBERED) selectors.clear();
  selectors.set(text, parsed);
  return parsed;
}

export function readFilter(query: Query, resource: Resource, namespace: string): Filter {
  const labels = readSelector(query.get('labelSelector') ?? '');
  const text = query.get('fieldSelector') ?? '';
  const fields = text === '' ? [] : parseFieldSelector(text);
  for (const { field } of fields) checkField(field, { resource, labels: query.get('labelSelector') ?? '', fields: text });
  return narrowed({ namespace, labels, fields });
}

/** A namespace in the field selector is as good as one in the URL. */
function narrowed(filter: Filter): Filter {
  if (filter.namespace !== '') return filter;
  const named = filter.fields.find((term) => term.field === 'metadata.namespace' && term.equal);
  return named === undefined || named.value === '' ? filter : { ...filter, namespace: named.value };
}

function checkField(
  field: string,
  { resource, labels, fields }: { readonly resource: Resource; readonly labels: string; readonly fields: string },
): void {
  const { group, version, definition, strategy } = resource;
  if (field === 'metadata.name' || (field === 'metadata.namespace' && definition.namespaced)) return;
  if (strategy.fields !== undefined && Object.hasOwn(strategy.fields, field)) return;
  const where = `"${group}/${version}, Resource=${definition.plural}"`;
  throw badRequest(
    `Unable to find ${where} that match label selector ${JSON.stringify(labels)}, field selector ${JSON.stringify(fields)}: field label not supported: ${field}`,
  );
}

/** Source: upstream's continue tokens, which some tools look into. */
const TOKEN_VERSION = 'meta.k8s.io/v1';

export function makeContinue(revision: number, lastKey: string): string {
  return Buffer.from(JSON.stringify({ v: TOKEN_VERSION, rv: revision, start: `${lastKey}\u0000` })).toString('base64url');
}

function readContinue(token: string): { readonly revision: number; readonly after: string } {
  try {
    const read = JSON.parse(Buffer.from(token, 'base64url').toString()) as { v?: unknown; rv?: unknown; start?: unknown };
    const { v, rv, start } = read;
    if (
      v === TOKEN_VERSION &&
      typeof rv === 'number' &&
      Number.isSafeInteger(rv) &&
      typeof start === 'string' &&
      start.endsWith('\u0000')
    ) {
      return { revision: rv, after: start.slice(0, -1) };
    }
  } catch {
    // Not ours; told below.
  }
  throw badRequest('continue key is not valid: it was not given out by this server');
}

export type { FieldSelector };
