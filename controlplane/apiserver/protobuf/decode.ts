/**
 * Bodies in Kubernetes' protobuf form, which kubectl and upstream's own components send: read into the JSON value they stand for.
 * What a field is comes from our schemas, its number from gen/fieldNumbers.ts. Pure. Throws: BadRequest.
 * Source: the envelope of k8s.io/apimachinery runtime/serializer/protobuf ("k8s\0" and an Unknown); the wire format of protobuf.
 * Differs: only read, never written: answers are JSON, which every client that prefers protobuf takes as well.
 */
import protobuf, { type Reader } from 'protobufjs/minimal.js';
import type { Schema } from '#api/schema.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { isTooDeep } from '../registry/depth.ts';
import { badRequest } from '../status.ts';
import { FIELD_NUMBERS } from './gen/fieldNumbers.ts';

const MAGIC = Buffer.from('k8s\0');
const DEEPEST = 100;

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

export function openEnvelope(bytes: Buffer): Envelope {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw unreadable('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  return guarded(() => {
    const reader = protobuf.Reader.create(bytes.subarray(MAGIC.length));
    let apiVersion = '';
    let kind = '';
    let raw: Uint8Array = Buffer.alloc(0);
    eachField(reader, reader.len, (number) => {
      if (number === 1) {
        eachField(reader, reader.uint32() + reader.pos, (inner) => {
          if (inner === 1) apiVersion = reader.string();
          else if (inner === 2) kind = reader.string();
          else return false;
          return true;
        });
      } else if (number === 2) raw = reader.bytes();
      else return false;
      return true;
    });
    return { apiVersion, kind, raw };
  });
}

/** The object in the envelope, as the kind that its sender says it is. */
export function decodeObject(
  { apiVersion, kind, raw }: Envelope,
  definition: Pick<KindDefinition, 'schema'>,
): Readonly<Record<string, unknown>> {
  return guarded(() => {
    const reader = protobuf.Reader.create(raw);
    const value = readStruct(reader, reader.len, definition.schema, 0);
    return { ...value, apiVersion, kind };
  });
}

function unreadable(why: string, cause?: unknown): Error {
  return badRequest(`the body of the request is no protobuf object: ${why}`, cause);
}

function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (err) {
    if (err instanceof RangeError || (err instanceof Error && err.message.startsWith('invalid'))) throw unreadable(err.message, err);
    throw err;
  }
}

/** take returns false for a field it does not know. */
function eachField(reader: Reader, end: number, take: (number: number, wire: number) => boolean): void {
  if (end > reader.len) throw new RangeError('a message is longer than its surroundings');
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (!take(tag >>> 3, tag & 7)) reader.skipType(tag & 7);
  }
  if (reader.pos !== end) throw new RangeError('a message is longer than its surroundings');
}

interface Field {
  readonly name: string;
  readonly schema: Schema;
  /** Zero is not the same as absent. */
  readonly tellsZero: boolean;
}

/** By number; an inline type stands for the fields of the same object. */
interface Numbers {
  readonly fields: ReadonlyMap<number, Field>;
  readonly inline: ReadonlyMap<number, Numbers>;
}

const known = new Map<string, Numbers>();

/** "io.k8s.api.core.v1.Pod" -> "core/v1.Pod" */
function shortName(id: string): string {
  const parts = id.split('.');
  const [type = '', version = '', group = ''] = parts.toReversed();
  return `${group}/${version}.${type}`;
}

function numbersOf(schema: Schema, name: string): Numbers {
  const key = `${schema.$id ?? ''} ${name}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const fields = new Map<number, Field>();
  const inline = new Map<number, Numbers>();
  for (const text of (FIELD_NUMBERS[name] ?? '').split(' ')) {
    const [left = '', right = ''] = text.split(':');
    if (left.startsWith('+')) inline.set(Number(left), numbersOf(schema, right));
    const property = schema.properties?.[left];
    if (property !== undefined) fields.set(parseInt(right, 10), { name: left, schema: property, tellsZero: right.endsWith('*') });
  }
  const made = { fields, inline };
  known.set(key, made);
  return made;
}

type Draft = Record<string, unknown>;

function readStruct(reader: Reader, end: number, declared: Schema, depth: number): Draft {
  if (depth > DEEPEST) throw new RangeError(`nested more than ${DEEPEST} levels deep`);
  const schema = declared['x-kijabi-ref']?.() ?? declared;
  const out: Draft = {};
  readInto(reader, end, { out, numbers: numbersOf(schema, shortName(schema.$id ?? '')), depth });
  return out;
}

function readInto(
  reader: Reader,
  end: number,
  { out, numbers, depth }: { readonly out: Draft; readonly numbers: Numbers; readonly depth: number },
): void {
  eachField(reader, end, (number) => {
    const inline = numbers.inline.get(number);
    if (inline !== undefined) {
      readInto(reader, reader.uint32() + reader.pos, { out, numbers: inline, depth });
      return true;
    }
    const field = numbers.fields.get(number);
    if (field === undefined) return false;
    readField(reader, field, { out, depth });
    return true;
  });
}

function readField(
  reader: Reader,
  { name, schema: declared, tellsZero }: Field,
  { out, depth }: { readonly out: Draft; readonly depth: number },
): void {
  const schema = declared['x-kijabi-ref']?.() ?? declared;
  if (schema.type === 'array') {
    const list = (out[name] ??= []) as unknown[];
    list.push(readValue(reader, schema.items ?? {}, depth + 1));
  } else if (schema.type === 'object' && typeof schema.additionalProperties === 'object') {
    readEntry(reader, (out[name] ??= {}) as Draft, { values: schema.additionalProperties, depth: depth + 1 });
  } else {
    const value = readValue(reader, schema, depth + 1);
    if (value === undefined || (!tellsZero && (value === '' || value === 0 || value === false))) return;
    out[name] = value;
  }
}

function readEntry(reader: Reader, into: Draft, { values, depth }: { readonly values: Schema; readonly depth: number }): void {
  let key = '';
  let value: unknown = values.type === 'string' ? '' : undefined;
  eachField(reader, reader.uint32() + reader.pos, (number) => {
    if (number === 1) key = reader.string();
    else if (number === 2) value = readValue(reader, values, depth);
    else return false;
    return true;
  });
  // "__proto__" is a key like any other.
  if (value !== undefined) Object.defineProperty(into, key, { value, enumerable: true, configurable: true, writable: true });
}

function readValue(reader: Reader, declared: Schema, depth: number): unknown {
  const schema = declared['x-kijabi-ref']?.() ?? declared;
  switch (schema.format) {
    case 'quantity':
      return readOnly(reader, (r) => r.string()) ?? '0';
    case 'date-time':
    case 'micro-time':
      return readTime(reader, schema.format);
    case 'int-or-string':
      return readIntOrString(reader);
    case 'duration':
      return goDuration(readOnly(reader, (r) => Number(r.int64())) ?? 0);
    case 'byte':
      return Buffer.from(reader.bytes()).toString('base64');
    default:
  }
  switch (schema.type) {
    case 'string':
      return reader.string();
    case 'boolean':
      return reader.bool();
    case 'integer':
      return Number(reader.int64());
    case 'number':
      return reader.double();
    case 'array':
      return readItems(reader, schema.items ?? {}, depth);
    case 'object':
      if (schema.properties !== undefined) return readStruct(reader, reader.uint32() + reader.pos, schema, depth);
      return readJson(reader);
    default:
      return readJson(reader);
  }
}

/** A message with one field, number 1. */
function readOnly<T>(reader: Reader, read: (reader: Reader) => T): T | undefined {
  let value: T | undefined;
  eachField(reader, reader.uint32() + reader.pos, (number) => {
    if (number !== 1) return false;
    value = read(reader);
    return true;
  });
  return value;
}

/** A list as the value of a map is a message of its own. */
function readItems(reader: Reader, items: Schema, depth: number): readonly unknown[] {
  const out: unknown[] = [];
  readOnly(reader, (r) => void out.push(readValue(r, items, depth + 1)));
  return out;
}

/** RawExtension, FieldsV1: JSON text in a field. */
function readJson(reader: Reader): unknown {
  const raw = readOnly(reader, (r) => Buffer.from(r.bytes()));
  if (raw === undefined || raw.length === 0) return undefined;
  if (isTooDeep(raw)) throw new RangeError('exceeded max depth in a raw field');
  try {
    return JSON.parse(raw.toString()) as unknown;
  } catch (err) {
    throw new RangeError('invalid JSON in a raw field', { cause: err });
  }
}

function readTime(reader: Reader, format: 'date-time' | 'micro-time'): string | undefined {
  let seconds: number | undefined;
  let nanos = 0;
  eachField(reader, reader.uint32() + reader.pos, (number) => {
    if (number === 1) seconds = Number(reader.int64());
    else if (number === 2) nanos = reader.int32();
    else return false;
    return true;
  });
  if (seconds === undefined) return undefined;
  const date = new Date(seconds * 1_000);
  if (Number.isNaN(date.getTime())) throw new RangeError('invalid time');
  const text = date.toISOString().slice(0, 19);
  return format === 'date-time' ? `${text}Z` : `${text}.${String(Math.floor(nanos / 1_000)).padStart(6, '0')}Z`;
}

function readIntOrString(reader: Reader): number | string {
  let isText = false;
  let number = 0;
  let text = '';
  eachField(reader, reader.uint32() + reader.pos, (field) => {
    if (field === 1) isText = Number(reader.int64()) === 1;
    else if (field === 2) number = reader.int32();
    else if (field === 3) text = reader.string();
    else return false;
    return true;
  });
  return isText ? text : number;
}

/** As Go prints a duration. Units: nanoseconds. */
function goDuration(nanos: number): string {
  return nanos % 1e9 === 0 ? `${nanos / 1e9}s` : nanos % 1e6 === 0 ? `${nanos / 1e6}ms` : `${nanos}ns`;
}
