/** The strategic merge patch that makes one object of another, as kubectl apply would write it. For tests of the merge alone. */
import type { Schema } from '#api/schema.ts';
import { equal, isObject, own, type JsonObject } from '../json.ts';

export function strategicDiff(schema: Schema | undefined, from: unknown, to: unknown): JsonObject {
  return objectDiff(schema, isObject(from) ? from : {}, isObject(to) ? to : {});
}

function objectDiff(schema: Schema | undefined, from: JsonObject, to: JsonObject): JsonObject {
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(from)) if (!Object.hasOwn(to, key)) out[key] = null;
  for (const key of Object.keys(to)) {
    const [old, now] = [own(from, key), to[key]];
    if (equal(old, now)) continue;
    const field = fieldOf(schema, key);
    if (Array.isArray(old) && Array.isArray(now)) Object.assign(out, listDiff(key, { schema: field, from: old, to: now }));
    else if (isObject(old) && isObject(now)) out[key] = objectDiff(field, old, now);
    else out[key] = now;
  }
  return out;
}

interface Lists {
  readonly schema: Schema | undefined;
  readonly from: readonly unknown[];
  readonly to: readonly unknown[];
}

function listDiff(key: string, { schema, from, to }: Lists): JsonObject {
  if (schema?.['x-kubernetes-patch-strategy']?.includes('merge') !== true) return { [key]: to };
  const mergeKey = schema['x-kubernetes-patch-merge-key'];
  if (mergeKey === undefined) {
    const gone = from.filter((item) => !to.includes(item));
    const added = to.filter((item) => !from.includes(item));
    return { [`$setElementOrder/${key}`]: to, [`$deleteFromPrimitiveList/${key}`]: gone, ...(added.length === 0 ? {} : { [key]: added }) };
  }
  const nameOf = (item: unknown): unknown => (item as JsonObject)[mergeKey];
  const find = (list: readonly unknown[], name: unknown): JsonObject | undefined =>
    list.find((item) => nameOf(item) === name) as JsonObject | undefined;
  const changed = to.map((item) => {
    const old = find(from, nameOf(item));
    if (old === undefined) return item;
    return { ...objectDiff(schema.items, old, item as JsonObject), $retainKeys: Object.keys(item as object), [mergeKey]: nameOf(item) };
  });
  const gone = from.filter((item) => find(to, nameOf(item)) === undefined).map((item) => ({ $patch: 'delete', [mergeKey]: nameOf(item) }));
  return { [`$setElementOrder/${key}`]: to.map((item) => ({ [mergeKey]: nameOf(item) })), [key]: [...changed, ...gone] };
}

function fieldOf(schema: Schema | undefined, key: string): Schema | undefined {
  const type = schema?.['x-kijabi-ref']?.() ?? schema;
  if (type?.properties !== undefined) return Object.hasOwn(type.properties, key) ? type.properties[key] : undefined;
  return typeof type?.additionalProperties === 'object' ? type.additionalProperties : undefined;
}
