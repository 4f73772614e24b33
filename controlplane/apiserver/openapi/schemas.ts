/**
 * From the schemas of the kinds to the definitions of OpenAPI 2 and 3: named types become references, what only this code needs is left
 * out. Pure.
 * Source: how Kubernetes 1.36 publishes its types (definition names, x-kubernetes-* keywords, Quantity, Time and IntOrString).
 */
import type { Schema } from '#api/schema.ts';

/** A schema as it is published. */
export type Published = Readonly<Record<string, unknown>>;
export type Dialect = 'v2' | 'v3';

const REFERENCE: Readonly<Record<Dialect, string>> = { v2: '#/definitions/', v3: '#/components/schemas/' };

/** Keywords that say the same in both dialects. */
const KEPT = ['type', 'minimum', 'maximum', 'pattern', 'maxLength', 'required'] as const;
const EXTENSIONS = [
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-patch-merge-key',
  'x-kubernetes-patch-strategy',
] as const;
/** Of a field, not of the type it has. */
const FIELD_ONLY = new Set<string>(['x-kubernetes-patch-strategy', 'x-kubernetes-patch-merge-key']);

/** Types that are more than their JSON type. */
const SPECIAL: Readonly<Record<string, Readonly<Record<Dialect, Published>>>> = {
  'date-time': { v2: { type: 'string', format: 'date-time' }, v3: { type: 'string', format: 'date-time' } },
  'micro-time': { v2: { type: 'string', format: 'date-time' }, v3: { type: 'string', format: 'date-time' } },
  duration: { v2: { type: 'string' }, v3: { type: 'string' } },
  quantity: { v2: { type: 'string' }, v3: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
  'int-or-string': {
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
};

export interface Definition {
  readonly schema: Published;
  /** The types it names. */
  readonly uses: ReadonlySet<string>;
}

/** A type with more to say than where it is used: a kind. */
export interface Root {
  readonly schema: Schema;
  readonly more: Published;
}

export class Definitions {
  readonly #dialect: Dialect;
  readonly #roots: ReadonlyMap<string, Root>;
  readonly #all = new Map<string, Definition>();
  #uses = new Set<string>();

  constructor(dialect: Dialect, roots: readonly Root[]) {
    this.#dialect = dialect;
    this.#roots = new Map(roots.flatMap((root) => (root.schema.$id === undefined ? [] : [[root.schema.$id, root]])));
    for (const { schema } of roots) this.#addType(schema);
  }

  get all(): ReadonlyMap<string, Definition> {
    return this.#all;
  }

  /** A type that was put together elsewhere. */
  add(id: string, make: (reference: (schema: Schema) => Published) => Published): void {
    if (this.#all.has(id)) return;
    this.#define(id, () => make((schema) => this.#publish(schema)));
  }

  #addType(schema: Schema): void {
    const id = schema.$id;
    if (id === undefined || this.#all.has(id)) return;
    const root = this.#roots.get(id);
    // What a field says of itself is not true of its type everywhere.
    this.#define(id, () =>
      root === undefined ? this.#body(schema) : { ...describe(root.schema), ...this.#body(root.schema), ...root.more },
    );
  }

  reference(id: string): Published {
    this.#uses.add(id);
    return { $ref: REFERENCE[this.#dialect] + id };
  }

  #define(id: string, make: () => Published): void {
    const outer = this.#uses;
    const uses = new Set<string>();
    this.#uses = uses;
    this.#all.set(id, { schema: {}, uses }); // types that contain themselves find it there
    const schema = make();
    this.#all.set(id, { schema, uses });
    this.#uses = outer;
  }

  /** A field: a reference where its type has a name. */
  #publish(schema: Schema): Published {
    const target = schema['x-kijabi-ref']?.() ?? schema;
    const id = target.$id;
    const isNamed = id !== undefined && (target.properties !== undefined || target.format !== undefined);
    const own = { ...describe(schema), ...defaultOf(schema) };
    if (!isNamed) return { ...own, ...this.#body(target), ...extensions(target, 'field') };
    this.#addType(target);
    return this.#referring(this.reference(id), { ...own, ...strategyOf(schema) });
  }

  /** In OpenAPI 3 nothing may stand beside a reference. */
  #referring(reference: Published, more: Published): Published {
    if (Object.keys(more).length === 0) return reference;
    return this.#dialect === 'v2' ? { ...more, ...reference } : { ...more, allOf: [reference] };
  }

  #body(schema: Schema): Published {
    const special = schema.format === undefined ? undefined : SPECIAL[schema.format];
    if (special !== undefined) return special[this.#dialect];
    const out: Record<string, unknown> = {};
    for (const key of KEPT) if (schema[key] !== undefined) out[key] = schema[key];
    if (schema.enum !== undefined) out['enum'] = schema.enum.toSorted();
    if (schema.format !== undefined) out['format'] = schema.format;
    if (schema.items !== undefined) out['items'] = this.#publish(schema.items);
    if (schema.properties !== undefined) {
      out['properties'] = Object.fromEntries(Object.entries(schema.properties).map(([name, field]) => [name, this.#publish(field)]));
    }
    if (typeof schema.additionalProperties === 'object') out['additionalProperties'] = this.#publish(schema.additionalProperties);
    return { ...out, ...extensions(schema, 'type') };
  }
}

function describe({ description }: Schema): Published {
  return description === undefined ? {} : { description };
}

/** Only what users may rely on: zeros that are filled in are how we keep objects, not part of the API. */
function defaultOf(schema: Schema): Published {
  return schema.default === undefined || schema['x-kijabi-presence'] === 'always' ? {} : { default: schema.default };
}

function strategyOf(schema: Schema): Published {
  const strategy = schema['x-kubernetes-patch-strategy'];
  return strategy === undefined ? {} : { 'x-kubernetes-patch-strategy': strategy };
}

function extensions(schema: Schema, of: 'field' | 'type'): Published {
  const out: Record<string, unknown> = {};
  for (const key of EXTENSIONS) {
    const value = schema[key];
    if (value !== undefined && (of === 'field' || !FIELD_ONLY.has(key))) out[key] = value;
  }
  return out;
}

/** These types and all they lead to. */
export function closure(all: ReadonlyMap<string, Definition>, roots: Iterable<string>): ReadonlyMap<string, Published> {
  const out = new Map<string, Published>();
  const queue = [...roots];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    const found = all.get(id);
    if (found === undefined || out.has(id)) continue;
    out.set(id, found.schema);
    queue.push(...found.uses);
  }
  return new Map([...out].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
