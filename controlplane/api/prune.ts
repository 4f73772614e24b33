/**
 * A private copy of a document in the form we keep: nulls, empty lists and empty maps dropped, quantities, times in canonical text, unknown fields kept or dropped.
 * Pure. The value must have passed validate.ts without problems of type.
 * Throws: nothing for such values.
 */
import { canonicalMicroTime, canonicalTime } from '#api/formats.ts';
import { canonicalQuantity, canonicalResource } from '#api/quantity.ts';
import { isOptionalEnum, zeroOf, type Draft, type Schema, type Static } from '#api/schema.ts';

export type UnknownFields = 'keep' | 'drop';

type Copy = (value: unknown, unknown: UnknownFields) => unknown;

const copies = new WeakMap<object, Copy>();

/** Makes the copy. Fields that are kept though unknown are copied as they are. */
export function normalize<S extends Schema>(schema: S, value: unknown, unknown: UnknownFields): Draft<Static<S>> {
  return copyOf(schema)(value, unknown) as Draft<Static<S>>;
}

/** The document without the fields its schema does not know. */
export function prune<S extends Schema>(schema: S, value: unknown): Draft<Static<S>> {
  return normalize(schema, value, 'drop');
}

const asIs: Copy = (value) => value;
const plain: Copy = (value) => copyPlain(value);

function copyPlain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyPlain);
  const out: Record<string, unknown> = {};
  for (const key in value) setOwn(out, key, copyPlain((value as Record<string, unknown>)[key]));
  return out;
}

/** A key called __proto__ is data like any other. */
function setOwn(out: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
  else out[key] = value;
}

function copyOf(schema: Schema): Copy {
  const target = schema['x-kijabi-ref'];
  if (target !== undefined) return (value, unknown) => copyOf(target())(value, unknown);
  switch (schema.format) {
    case 'quantity':
      return (value) => canonicalQuantity(value as string | number);
    case 'date-time':
      return (value) => canonicalTime(value as string);
    case 'micro-time':
      return (value) => canonicalMicroTime(value as string);
    default:
  }
  if (isOptionalEnum(schema)) return (value) => (value === '' ? undefined : value);
  if (schema.type === 'array') return listCopy(schema);
  if (schema.type === 'object') return objectCopy(schema);
  return schema.type === undefined && schema.anyOf === undefined ? plain : asIs;
}

function listCopy(schema: Schema): Copy {
  const items = schema.items ?? {};
  const copy = items.enum === undefined ? copyOf(items) : asIs;
  return (value, unknown) => (value as readonly unknown[]).map((item) => copy(item ?? zeroOf(items), unknown));
}

function objectCopy(schema: Schema): Copy {
  const identity = schema.properties ?? schema.additionalProperties;
  if (typeof identity !== 'object') return plain;
  const known = copies.get(identity);
  if (known !== undefined) return known;
  const copy = schema.properties === undefined ? mapCopy(schema) : structCopy(schema, schema.properties);
  copies.set(identity, copy);
  return copy;
}

function mapCopy(schema: Schema): Copy {
  const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
  // A map of quantities is a list of resources, which are kept in thousandths at the finest, as upstream does.
  const copy: Copy = values.format === 'quantity' ? (value) => canonicalResource(value as string | number) : copyOf(values);
  return (value, unknown) => {
    const out: Record<string, unknown> = {};
    for (const key in value as object) setOwn(out, key, copy((value as Record<string, unknown>)[key] ?? zeroOf(values), unknown));
    return out;
  };
}

/** Source: lists and maps that are empty are left out of what upstream's types write, unless they have to be there. Structs are not. */
function holdsNothing(value: unknown, schema: Schema | undefined): boolean {
  if (schema?.['x-kijabi-presence'] !== undefined) return false;
  if (Array.isArray(value)) return value.length === 0;
  if (schema?.type !== 'object' || schema.properties !== undefined || typeof schema.additionalProperties !== 'object') return false;
  for (const _ in value as object) return false;
  return true;
}

function structCopy(schema: Schema, properties: Readonly<Record<string, Schema>>): Copy {
  const fields = new Map<string, Copy | undefined>(Object.keys(properties).map((name) => [name, undefined]));
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  return (value, unknown) => {
    const out: Record<string, unknown> = {};
    for (const name in value as object) {
      const field = (value as Record<string, unknown>)[name];
      if (field === null || field === undefined) continue;
      let copy = fields.get(name);
      if (copy === undefined && fields.has(name)) {
        copy = copyOf(properties[name] ?? {});
        fields.set(name, copy);
      }
      if (copy !== undefined) {
        const copied = copy(field, unknown);
        if (copied === undefined || holdsNothing(copied, properties[name])) continue;
        out[name] = copied;
      } else if (open || unknown === 'keep') setOwn(out, name, copyPlain(field));
    }
    return out;
  };
}
