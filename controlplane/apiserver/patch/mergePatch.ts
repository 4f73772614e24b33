/** JSON merge patch: objects are merged, everything else is replaced, null deletes. Pure; what is not touched is shared with the original. Source: RFC 7386. */
import { isObject, setOwn, type JsonObject } from './json.ts';

export function mergePatch(original: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  return mergeObjects(isObject(original) ? original : {}, patch);
}

function mergeObjects(original: JsonObject, patch: JsonObject): JsonObject {
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(original)) if (!Object.hasOwn(patch, key)) setOwn(out, key, original[key]);
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value !== null) setOwn(out, key, mergePatch(Object.hasOwn(original, key) ? original[key] : undefined, value));
  }
  return out;
}
