/**
 * What server-side apply needs to know of a schema: which values are replaced as a whole, which are merged field by field, and how the
 * elements of a list are told apart. Pure. Worked out once per schema, level by level, so types that contain themselves end.
 * Source: x-kubernetes-list-type, -list-map-keys and -map-type. A list without a list type follows its patch strategy, as upstream reads it.
 */
import type { Schema } from '#api/schema.ts';
import { isObject, own, type JsonObject } from '../json.ts';
import { elementKey } from './fieldSet.ts';

export type Shape =
  /** A scalar, or a map or list that has one owner. */
  | { readonly kind: 'leaf' }
  | { readonly kind: 'struct'; readonly field: (name: string) => Shape | undefined }
  | { readonly kind: 'map'; readonly values: () => Shape }
  | { readonly kind: 'keyed'; readonly items: () => Shape; readonly keys: readonly ListKey[] }
  | { readonly kind: 'set' }
  /** Not described: objects are merged, all else is a leaf. */
  | { readonly kind: 'any' };

interface ListKey {
  readonly name: string;
  readonly default: unknown;
}

const LEAF: Shape = { kind: 'leaf' };
const SET: Shape = { kind: 'set' };
export const ANY: Shape = { kind: 'any' };

const shapes = new WeakMap<Schema, Shape>();

export function shapeOf(schema: Schema): Shape {
  const known = shapes.get(schema);
  if (known !== undefined) return known;
  const target = schema['x-kijabi-ref'];
  const made = target === undefined ? make(schema) : shapeOf(target());
  shapes.set(schema, made);
  return made;
}

function make(schema: Schema): Shape {
  if (schema.type === 'array') return listShape(schema);
  if (schema.type === 'object') return schema['x-kubernetes-map-type'] === 'atomic' ? LEAF : objectShape(schema);
  return schema.type === undefined && schema.anyOf === undefined ? ANY : LEAF;
}

function objectShape(schema: Schema): Shape {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined) {
    // By name, once asked for: looking a schema up by itself costs more than what is done with its shape.
    const known = new Map<string, Shape>();
    return {
      kind: 'struct',
      field: (name) => {
        const found = known.get(name);
        if (found !== undefined) return found;
        const field = Object.hasOwn(properties, name) ? properties[name] : undefined;
        if (field === undefined) return undefined;
        const shape = shapeOf(field);
        known.set(name, shape);
        return shape;
      },
    };
  }
  return typeof additionalProperties === 'object' ? { kind: 'map', values: () => shapeOf(additionalProperties) } : ANY;
}

function listShape(schema: Schema): Shape {
  const items = schema.items ?? {};
  const type =
    schema['x-kubernetes-list-type'] ?? (schema['x-kubernetes-patch-strategy']?.startsWith('merge') === true ? 'merge' : 'atomic');
  if (type === 'atomic') return LEAF;
  if (type === 'set') return SET;
  const mergeKey = schema['x-kubernetes-patch-merge-key'];
  const names = schema['x-kubernetes-list-map-keys'] ?? (mergeKey === undefined ? [] : [mergeKey]);
  if (names.length === 0) return SET;
  const properties = (items['x-kijabi-ref']?.() ?? items).properties ?? {};
  const keys = names.toSorted().map((name) => ({ name, default: properties[name]?.default }));
  return { kind: 'keyed', items: () => shapeOf(items), keys };
}

/** What two values of one place are compared as: a container only where one of them is one. */
export type Container = Exclude<Shape, { readonly kind: 'leaf' | 'any' }>;

const ANY_MAP: Container = { kind: 'map', values: () => ANY };

/** undefined: a leaf. */
export function containerOf(shape: Shape, a: unknown, b?: unknown): Container | undefined {
  switch (shape.kind) {
    case 'leaf':
      return undefined;
    case 'any':
      return fits(a, isObject) && fits(b, isObject) && (isObject(a) || isObject(b)) ? ANY_MAP : undefined;
    case 'struct':
    case 'map':
      return fits(a, isObject) && fits(b, isObject) ? shape : undefined;
    default:
      return fits(a, Array.isArray) && fits(b, Array.isArray) ? shape : undefined;
  }
}

const fits = (value: unknown, test: (value: unknown) => boolean): boolean => value === undefined || value === null || test(value);

/** The shape of a field of a struct or a value of a map. */
export function fieldShape(shape: Container, name: string): Shape {
  if (shape.kind === 'struct') return shape.field(name) ?? ANY;
  return shape.kind === 'map' ? shape.values() : LEAF;
}

/** The name of an element in a set of fields. Elements without any key share one name. */
export function elementName(shape: Container, item: unknown): string {
  if (shape.kind !== 'keyed') return `v:${JSON.stringify(item)}`;
  const object: JsonObject = isObject(item) ? item : {};
  const [only] = shape.keys;
  if (shape.keys.length === 1 && only !== undefined) {
    const value = own(object, only.name) ?? only.default;
    return value === undefined ? 'k:{}' : `k:{${JSON.stringify(only.name)}:${JSON.stringify(value)}}`;
  }
  const fields: Record<string, unknown> = {};
  for (const key of shape.keys) {
    const value = own(object, key.name) ?? key.default;
    if (value !== undefined) fields[key.name] = value;
  }
  return elementKey(fields);
}

export function itemShape(shape: Container): Shape {
  return shape.kind === 'keyed' ? shape.items() : LEAF;
}

/** The elements of a list by name, in order; several where the list names one twice. */
export function elementsOf(shape: Container, list: unknown): ReadonlyMap<string, readonly unknown[]> {
  const out = new Map<string, unknown[]>();
  for (const item of Array.isArray(list) ? list : []) {
    const name = elementName(shape, item);
    const known = out.get(name);
    if (known === undefined) out.set(name, [item]);
    else known.push(item);
  }
  return out;
}

/** null, missing, or with nothing in it. */
export function isVoid(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) ? value.length === 0 : typeof value === 'object' && Object.keys(value).length === 0;
}

export const fieldKey = (name: string): string => `f:${name}`;
