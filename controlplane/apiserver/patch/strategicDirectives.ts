/** The directives of strategic merge patches, and what a patch becomes where there is nothing to merge it into. Pure. Throws: ApiError BadRequest. */
import { badRequest } from '../status.ts';
import { isObject, own, setOwn, type JsonObject } from './json.ts';

const PATCH = '$patch';
export const RETAIN = '$retainKeys';
export const ORDER = '$setElementOrder/';
export const DELETE = '$deleteFromPrimitiveList/';

export function isDirective(key: string): boolean {
  return key === PATCH || key === RETAIN || key.startsWith(ORDER) || key.startsWith(DELETE);
}

export type Directive = 'merge' | 'replace' | 'delete';

export function directiveOf(patch: JsonObject): Directive {
  const value = own(patch, PATCH) ?? 'merge';
  if (value === 'merge' || value === 'replace' || value === 'delete') return value;
  throw badRequest(`unknown patch type: ${JSON.stringify(value)}; $patch is one of merge, replace, delete`);
}

/** A value where there was none: without directives and nulls, which have nothing to act on. undefined: nothing is left. */
export function asNew(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asNew).filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  if (directiveOf(value) === 'delete') return undefined;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (isDirective(key) || value[key] === null) continue;
    const next = asNew(value[key]);
    if (next !== undefined) setOwn(out, key, next);
  }
  return out;
}
