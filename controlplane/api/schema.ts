/**
 * The schema builder: each kind is described once, as a plain JSON-Schema-shaped object that carries its TypeScript type along.
 * From that one object come the type (Static), validation (validate.ts), defaulting (defaults.ts), pruning (prune.ts), OpenAPI,
 * the merge keys of strategic merge patches and the list types of server-side apply. Pure.
 *
 * Why not TypeBox at run time: loading it costs 14 MB of a kubelet's 90 MB (measured). What we need of it is this file; TypeBox stays
 * a dev dependency that checks in tests that these objects mean the same to a real JSON Schema validator.
 *
 * Presence: a plain field may be absent; `required` must be there; `always` may be absent in a document but is filled in, so that its
 * type has no undefined (Go writes such fields even when they are zero: metadata, spec, restartCount).
 * null in a document means absent, as in Go.
 */

declare const TYPE: unique symbol;
declare const PRESENT: unique symbol;

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type SchemaType = 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
export type Format = 'int32' | 'int64' | 'double' | 'byte' | 'date-time' | 'micro-time' | 'duration' | 'quantity' | 'int-or-string';

/** Facts about one field or type. */
export interface FieldMeta {
  readonly default?: Json;
  /** The default also replaces 0 (Go's plain integers cannot tell 0 from absent). Empty strings are always replaced. */
  readonly zeroIsUnset?: true;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly format?: Format;
  /** Upstream's feature gate of a field that was not yet GA in 1.36. */
  readonly gate?: string;
  /** The struct or map is replaced as a whole by server-side apply. */
  readonly mapType?: 'atomic' | 'granular';
}

export interface ListFieldMeta extends FieldMeta {
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly mapKeys?: readonly string[];
  readonly patchMergeKey?: string;
  readonly patchStrategy?: 'merge' | 'replace' | 'merge,retainKeys' | 'retainKeys';
}

export interface ObjectFieldMeta extends FieldMeta {
  /** What the type is; a field of the type says its own. */
  readonly doc?: string;
  /** Fields the schema does not name are kept as they are. */
  readonly preserveUnknown?: true;
  readonly patchStrategy?: 'replace' | 'retainKeys' | 'merge,retainKeys';
}

/** A JSON Schema of the small kind that Kubernetes uses. T exists only for the compiler. */
export interface Schema<out T = unknown> {
  readonly [TYPE]?: T;
  readonly $id?: string;
  readonly type?: SchemaType;
  readonly format?: Format;
  readonly description?: string;
  readonly default?: Json;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular';
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-group-version-kind'?: readonly { readonly group: string; readonly version: string; readonly kind: string }[];
  readonly 'x-kijabi-feature-gate'?: string;
  readonly 'x-kijabi-zero-is-unset'?: true;
  readonly 'x-kijabi-presence'?: 'required' | 'always';
  /** Where a type contains itself: called when the schema is compiled. */
  readonly 'x-kijabi-ref'?: () => Schema;
}

export type Present<T> = Schema<T> & { readonly [PRESENT]: true };
export type Fields = Readonly<Record<string, Schema>>;
/** The TypeScript type of the documents a schema describes. */
export type Static<S> = S extends Schema<infer T> ? T : never;

type PresentKeys<F> = { [K in keyof F]: F[K] extends { readonly [PRESENT]: true } ? K : never }[keyof F];
type Flat<T> = { readonly [K in keyof T]: T[K] };
export type FieldsType<F extends Fields> = Flat<
  { readonly [K in PresentKeys<F>]: Static<F[K]> } & { readonly [K in Exclude<keyof F, PresentKeys<F>>]?: Static<F[K]> }
>;

/** The same document while defaults are filled in: nothing is readonly. */
export type Draft<T> = T extends string | number | boolean | bigint | null | undefined
  ? T
  : T extends readonly (infer E)[]
    ? Draft<E>[]
    : { -readonly [K in keyof T]: Draft<T[K]> };

export interface ObjectSchema<out T, out F extends Fields = Fields> extends Schema<T> {
  readonly type: 'object';
  readonly properties: F;
}

function keywords(doc: string | undefined, meta: FieldMeta | undefined): Partial<Schema> {
  const out: Record<string, unknown> = {};
  if (doc !== undefined) out['description'] = doc;
  if (meta === undefined) return out;
  for (const key of ['default', 'minimum', 'maximum', 'pattern', 'maxLength', 'format'] as const) {
    if (meta[key] !== undefined) out[key] = meta[key];
  }
  if (meta.zeroIsUnset !== undefined) out['x-kijabi-zero-is-unset'] = true;
  if (meta.gate !== undefined) out['x-kijabi-feature-gate'] = meta.gate;
  if (meta.mapType !== undefined) out['x-kubernetes-map-type'] = meta.mapType;
  return out;
}

const scalar =
  <T>(base: Schema<T>) =>
  (doc?: string, meta?: FieldMeta): Schema<T> =>
    ({ ...base, ...keywords(doc, meta) }) as Schema<T>;

export const string = scalar<string>({ type: 'string' });
export const boolean = scalar<boolean>({ type: 'boolean' });
export const int32 = scalar<number>({ type: 'integer', format: 'int32' });
/** Whole numbers up to 2^53 either way: JSON numbers beyond that cannot be held exactly, so they are refused. */
export const int64 = scalar<number>({ type: 'integer', format: 'int64' });
export const number = scalar<number>({ type: 'number', format: 'double' });
/** Base64 text. */
export const bytes = scalar<string>({ type: 'string', format: 'byte' });
/** RFC 3339, whole seconds. */
export const time = scalar<string>({ $id: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time', type: 'string', format: 'date-time' });
/** RFC 3339, six digits of fraction. */
export const microTime = scalar<string>({ $id: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime', type: 'string', format: 'micro-time' });
/** A Go duration: "1h30m". */
export const duration = scalar<string>({ $id: 'io.k8s.apimachinery.pkg.apis.meta.v1.Duration', type: 'string', format: 'duration' });
/** A Kubernetes quantity. Documents may hold a number too; defaulting rewrites every quantity in its canonical text. */
export const quantity = scalar<string>({
  $id: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  anyOf: [{ type: 'string' }, { type: 'number' }],
  format: 'quantity',
});
export const intOrString = scalar<number | string>({
  $id: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  anyOf: [{ type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }, { type: 'string' }],
  format: 'int-or-string',
  'x-kubernetes-int-or-string': true,
});
/** Any JSON object, kept as it is. */
export const anyObject = scalar<Readonly<Record<string, unknown>>>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
/** Any JSON value at all, kept as it is. */
export const anyValue = scalar<unknown>({ 'x-kubernetes-preserve-unknown-fields': true });

/** One of these texts; anything else is refused with upstream's "Unsupported value". */
export function oneOf<const V extends readonly string[]>(values: V, doc?: string, meta?: FieldMeta): Schema<V[number]> {
  return { type: 'string', enum: values, ...keywords(doc, meta) } as Schema<V[number]>;
}

/** These texts are known today, but others are let through (phases and condition types, which grow from release to release). */
export function knownTexts<const V extends readonly string[]>(_values: V, doc?: string, meta?: FieldMeta): Schema<V[number]> {
  return { type: 'string', ...keywords(doc, meta) } as Schema<V[number]>;
}

export function list<T>(items: Schema<T>, doc?: string, meta?: ListFieldMeta): Schema<readonly T[]> {
  const out: Record<string, unknown> = { type: 'array', items, ...keywords(doc, meta) };
  if (meta?.listType !== undefined) out['x-kubernetes-list-type'] = meta.listType;
  if (meta?.mapKeys !== undefined) out['x-kubernetes-list-map-keys'] = meta.mapKeys;
  if (meta?.patchMergeKey !== undefined) out['x-kubernetes-patch-merge-key'] = meta.patchMergeKey;
  if (meta?.patchStrategy !== undefined) out['x-kubernetes-patch-strategy'] = meta.patchStrategy;
  return out;
}

/** Replaced as a whole, never merged. */
export function atomicList<T>(items: Schema<T>, doc?: string, meta?: FieldMeta): Schema<readonly T[]> {
  return list(items, doc, { ...meta, listType: 'atomic' });
}

/** Elements are told apart by these fields; strategic merge patches know only the first of them. */
export function mapList<T>(
  items: Schema<T>,
  keys: readonly [string, ...string[]],
  doc?: string,
  meta?: ListFieldMeta,
): Schema<readonly T[]> {
  return list(items, doc, { listType: 'map', mapKeys: keys, patchMergeKey: keys[0], patchStrategy: 'merge', ...meta });
}

export function map<T>(values: Schema<T>, doc?: string, meta?: FieldMeta): Schema<Readonly<Record<string, T>>> {
  return { type: 'object', additionalProperties: values, ...keywords(doc, meta) } as Schema<Readonly<Record<string, T>>>;
}

/** id is the name in OpenAPI documents. Unknown fields are refused unless preserveUnknown is set. */
export function object<const F extends Fields>(id: string, fields: F, meta?: ObjectFieldMeta): ObjectSchema<FieldsType<F>, F> {
  const required = Object.keys(fields).filter((key) => fields[key]?.['x-kijabi-presence'] === 'required');
  const out: Record<string, unknown> = { $id: id, type: 'object', properties: fields, ...keywords(meta?.doc, meta) };
  if (required.length > 0) out['required'] = required;
  if (meta?.patchStrategy !== undefined) out['x-kubernetes-patch-strategy'] = meta.patchStrategy;
  if (meta?.preserveUnknown === true) out['x-kubernetes-preserve-unknown-fields'] = true;
  else out['additionalProperties'] = false;
  return out as unknown as ObjectSchema<FieldsType<F>, F>;
}

/** A named type used as a field, with what is true of this field only. */
export function field<T>(schema: Schema<T>, doc?: string, meta?: ObjectFieldMeta): Schema<T> {
  const out: Record<string, unknown> = { ...schema, ...keywords(doc, meta) };
  if (meta?.patchStrategy !== undefined) out['x-kubernetes-patch-strategy'] = meta.patchStrategy;
  return out;
}

/** For types that contain themselves: `ref<JsonSchemaProps>('id', () => JsonSchemaProps)`. */
export function ref<T>(id: string, target: () => Schema, doc?: string): Schema<T> {
  return { $id: id, 'x-kijabi-ref': target, ...keywords(doc, undefined) } as Schema<T>;
}

/** The field must be in the document. */
export function required<T>(schema: Schema<T>): Present<T> {
  return { ...schema, 'x-kijabi-presence': 'required' } as Present<T>;
}

/** The field may be left out of a document, but is filled in with its zero value (or its default), so it is always there to read. */
export function always<T>(schema: Schema<T>): Present<T> {
  const zero = schema.default ?? zeroOf(schema);
  return { ...schema, default: zero, 'x-kijabi-presence': 'always' } as Present<T>;
}

/** What Go would hold where a document says nothing. */
export function zeroOf(schema: Schema): Json {
  switch (schema.type) {
    case 'object':
      return {};
    case 'array':
      return [];
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    default:
      return schema.format === 'quantity' ? '0' : schema.format === 'int-or-string' ? 0 : '';
  }
}

/** An empty text in such a field means that it is absent. */
export function isOptionalEnum(schema: Schema): boolean {
  return schema.enum !== undefined && schema['x-kijabi-presence'] !== 'required' && !schema.enum.includes('');
}
