/**
 * Fills in what a document leaves out, in place. Pure otherwise; running it twice changes nothing the second time.
 * Two kinds of defaults: fixed ones stand in the schema (`default`), those that follow from other fields are functions that a kind
 * registers with computeDefaults. All fixed defaults go before the computed ones, which therefore see no hole where the type has none;
 * outer types go before inner ones. What a function puts in has to be complete.
 * The value must be a private copy made by normalize (prune.ts).
 */
import { zeroOf, type Draft, type Schema, type Static } from '#api/schema.ts';

type Fill = (value: Record<string, unknown>) => void;
type Deep = (value: unknown) => void;

const computed = new WeakMap<object, Fill[]>();

/**
 * Registers defaults of a type that depend on other fields. Call it right behind the definition of the type, before the type is used;
 * it holds wherever the type is a field.
 */
export function computeDefaults<S extends Schema>(schema: S, fill: (draft: Draft<Static<S>>) => void): void {
  const identity = schema.properties;
  if (identity === undefined) throw new TypeError(`Cannot register defaults of ${schema.$id ?? 'a type'}: it has no fields`);
  const known = computed.get(identity);
  if (known === undefined) computed.set(identity, [fill as Fill]);
  else known.push(fill as Fill);
}

export function applyDefaults<S extends Schema>(schema: S, draft: Draft<Static<S>>): void {
  FIXED.fillOf(schema)?.(draft);
  COMPUTED.fillOf(schema)?.(draft);
}

type Properties = Readonly<Record<string, Schema>>;

/** Walks a document along its schema and does something to every struct, outer ones first. What has nothing to do is not visited. */
class Filler {
  readonly #fills = new WeakMap<object, Deep | 'nothing'>();
  readonly #own: (properties: Properties) => Fill | undefined;

  constructor(own: (properties: Properties) => Fill | undefined) {
    this.#own = own;
  }

  fillOf(schema: Schema): Deep | undefined {
    const target = schema['x-kijabi-ref'];
    if (target !== undefined) return (value) => this.fillOf(target())?.(value);
    if (schema.type === 'array') return this.#eachOf(schema.items);
    if (schema.type !== 'object') return undefined;
    if (schema.properties === undefined) {
      return typeof schema.additionalProperties === 'object' ? this.#eachOf(schema.additionalProperties) : undefined;
    }
    const known = this.#fills.get(schema.properties);
    if (known !== undefined) return known === 'nothing' ? undefined : known;
    const fill = this.#structFill(schema.properties);
    this.#fills.set(schema.properties, fill ?? 'nothing');
    return fill;
  }

  #eachOf(items: Schema | undefined): Deep | undefined {
    const fill = items === undefined ? undefined : this.fillOf(items);
    if (fill === undefined) return undefined;
    return (value) => {
      for (const key in value as object) fill((value as Record<string, unknown>)[key]);
    };
  }

  #structFill(properties: Properties): Deep | undefined {
    const inner: (readonly [string, Deep])[] = [];
    for (const [name, schema] of Object.entries(properties)) {
      const fill = this.fillOf(schema);
      if (fill !== undefined) inner.push([name, fill]);
    }
    const own = this.#own(properties);
    if (own === undefined && inner.length === 0) return undefined;
    return (value) => {
      const draft = value as Record<string, unknown>;
      own?.(draft);
      for (const [name, fill] of inner) if (draft[name] !== undefined) fill(draft[name]);
    };
  }
}

const FIXED = new Filler((properties) => {
  const fixed = Object.entries(properties).flatMap(([name, schema]) =>
    schema.default === undefined ? [] : [{ name, schema, make: makerOf(schema.default) }],
  );
  if (fixed.length === 0) return undefined;
  return (draft) => {
    for (const { name, schema, make } of fixed) {
      const now = draft[name];
      const isUnset = now === undefined || now === '' || (now === 0 && schema['x-kijabi-zero-is-unset'] === true);
      if (isUnset) draft[name] = make();
    }
  };
});

/** A copy for each document. Defaults are plain JSON, and read from a text they cost a tenth of a structuredClone. */
function makerOf(preset: unknown): () => unknown {
  if (typeof preset !== 'object') return () => preset;
  const text = JSON.stringify(preset);
  return () => JSON.parse(text) as unknown;
}

const COMPUTED = new Filler((properties) => {
  const hooks = computed.get(properties) ?? [];
  return hooks.length === 0 ? undefined : (draft) => hooks.forEach((hook) => hook(draft));
});

/** Puts the zero value where a required field is missing, so that rules can run over a document that is known to be incomplete. */
export function fillRequired(schema: Schema, value: unknown): void {
  const type = schema['x-kijabi-ref']?.() ?? schema;
  if (typeof value !== 'object' || value === null) return;
  const draft = value as Record<string, unknown>;
  if (type.properties === undefined) {
    const items = type.items ?? type.additionalProperties;
    if (typeof items === 'object') for (const key in draft) fillRequired(items, draft[key]);
    return;
  }
  for (const [name, field] of Object.entries(type.properties)) {
    if (field['x-kijabi-presence'] === 'always') draft[name] ??= structuredClone(field.default);
  }
  for (const name of type.required ?? []) draft[name] ??= structuredClone(zeroOf(type.properties[name] ?? {}));
  for (const name in draft) {
    const field = Object.hasOwn(type.properties, name) ? type.properties[name] : undefined;
    if (field !== undefined) fillRequired(field, draft[name]);
  }
}
