/**
 * Strategic merge patch: like a merge patch, but lists are merged by the keys that the schema names, and directives ($patch, $retainKeys,
 * $setElementOrder/x, $deleteFromPrimitiveList/x) say what a plain merge cannot. Pure; what is not touched is shared with the original.
 * Throws: ApiError BadRequest for directives that make no sense.
 * Source: the strategic merge patch of Kubernetes 1.36 (x-kubernetes-patch-strategy, x-kubernetes-patch-merge-key).
 * Differs: "$patch: merge" is accepted wherever it says what happens anyway; "$patch: replace" on a field that is not there yet sets it,
 *   where upstream drops it; fields no schema knows are left to the field validation that follows.
 */
import type { Schema } from '#api/schema.ts';
import { badRequest } from '../status.ts';
import { isObject, own, setOwn, type JsonObject } from './json.ts';
import { asNew, DELETE, directiveOf, isDirective, ORDER, RETAIN } from './strategicDirectives.ts';
import { mergeElements, mergeScalars } from './strategicLists.ts';

export function strategicMerge(schema: Schema, original: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw badRequest('error decoding patch: want an object with the fields to change');
  return mergeObject(schema, isObject(original) ? original : {}, patch);
}

function mergeObject(schema: Schema | undefined, original: JsonObject, patch: JsonObject): JsonObject {
  const directive = directiveOf(patch);
  if (directive === 'delete') return {};
  if (directive === 'replace') return asNew(patch) as JsonObject;
  const out: Record<string, unknown> = {};
  const retained = retainedKeys(patch);
  for (const key of Object.keys(original)) if (retained === undefined || retained.has(key)) setOwn(out, key, original[key]);
  for (const key of listsOf(patch)) mergeListField(out, key, { schema: fieldOf(schema, key), patch });
  for (const key of Object.keys(patch)) {
    if (isDirective(key) || (Object.hasOwn(out, key) && Array.isArray(out[key]) && Array.isArray(patch[key]))) continue;
    mergeField(out, key, { schema: fieldOf(schema, key), value: patch[key] });
  }
  return out;
}

/** The lists a patch merges, orders or takes values from. */
function listsOf(patch: JsonObject): ReadonlySet<string> {
  const out = new Set<string>();
  for (const key of Object.keys(patch)) {
    if (key.startsWith(ORDER)) out.add(key.slice(ORDER.length));
    else if (key.startsWith(DELETE)) out.add(key.slice(DELETE.length));
    else if (Array.isArray(patch[key]) && !isDirective(key)) out.add(key);
  }
  return out;
}

interface FieldPatch {
  readonly schema: Schema | undefined;
  readonly value: unknown;
}

function mergeField(out: Record<string, unknown>, key: string, { schema, value }: FieldPatch): void {
  if (value === null) {
    delete out[key];
    return;
  }
  const old = own(out, key);
  const strategies = schema?.['x-kubernetes-patch-strategy']?.split(',') ?? [];
  const isMerged = isObject(old) && isObject(value) && !strategies.includes('replace');
  const next = isMerged ? mergeObject(schema, old, value) : asNew(value);
  if (next !== undefined) setOwn(out, key, next);
}

interface ListPatch {
  readonly schema: Schema | undefined;
  /** The object that the list is a field of. */
  readonly patch: JsonObject;
}

function mergeListField(out: Record<string, unknown>, key: string, { schema, patch }: ListPatch): void {
  const old = own(out, key);
  const value = own(patch, key);
  if (value === null || (value !== undefined && !Array.isArray(value))) return; // not a list in this patch: a field like any other
  if (old !== undefined && old !== null && !Array.isArray(old)) return;
  const removed = listDirective(patch, DELETE + key, 'invalid patch format of primitive list');
  const order = listDirective(patch, ORDER + key, 'invalid patch format of setElementOrder list');
  if (!Array.isArray(old)) {
    const next = asNew(value);
    if (next !== undefined) setOwn(out, key, next);
    return;
  }
  const original: readonly unknown[] = removed === undefined ? old : old.filter((item) => !removed.includes(item));
  const isMerged = schema?.['x-kubernetes-patch-strategy']?.split(',').includes('merge') === true;
  if (value !== undefined && !isMerged) {
    setOwn(out, key, asNew(value));
    return;
  }
  const mergeKey = schema?.['x-kubernetes-patch-merge-key'];
  const job = { field: key, original, patch: value ?? [], order };
  setOwn(
    out,
    key,
    mergeKey === undefined ? mergeScalars(job) : mergeElements({ ...job, mergeKey, merge: (a, b) => mergeObject(schema?.items, a, b) }),
  );
}

function listDirective(patch: JsonObject, key: string, problem: string): readonly unknown[] | undefined {
  const value = own(patch, key);
  if (value === undefined || Array.isArray(value)) return value;
  throw badRequest(`${problem}: ${key} wants a list`);
}

/** undefined: all are kept. */
function retainedKeys(patch: JsonObject): ReadonlySet<unknown> | undefined {
  const keys = listDirective(patch, RETAIN, 'invalid patch format of retainKeys');
  if (keys === undefined) return undefined;
  const kept = new Set(keys);
  const other = Object.keys(patch).find((key) => !isDirective(key) && patch[key] !== null && !kept.has(key));
  if (other !== undefined) throw badRequest(`invalid patch format of retainKeys: the patch sets ${other}, which $retainKeys does not list`);
  return kept;
}

function fieldOf(schema: Schema | undefined, key: string): Schema | undefined {
  const target = schema?.['x-kijabi-ref']?.() ?? schema;
  if (target?.properties !== undefined) return Object.hasOwn(target.properties, key) ? target.properties[key] : undefined;
  return typeof target?.additionalProperties === 'object' ? target.additionalProperties : undefined;
}
