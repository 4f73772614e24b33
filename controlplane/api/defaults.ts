/**
 * Fills in what a document leaves out, in place. Pure otherwise; running it twice changes nothing the second time.
 * Two kinds of defaults: fixed ones stand in the schema (`default`), those that follow from other fields are functions that a kind
 * registers with computeDefaults. Outer types go before inner ones, fixed defaults before computed ones.
 * The value must be a private copy made by normalize (prune.ts).
 */
import { zeroOf, type Draft, type Json, type Schema, type Static } from '#api/schema.ts';

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
  fillOf(schema)?.(draft);
}

const fills = new WeakMap<object, Deep | 'nothing'>();

/** undefined: nothing below this type has a default, so there is no need to look. */
function fillOf(schema: Schema): Deep | undefined {
  const target = schema['x-kijabi-ref'];
  if (target !== undefined) return (value) => fillOf(target())?.(value);
  if (schema.type === 'array') return eachOf(schema.items);
  if (schema.type !== 'object') return undefined;
  if (schema.properties === undefined) {
    return typeof schema.additionalProperties === 'object' ? eachOf(schema.additionalProperties) : undefined;
  }
  const known = fills.get(schema.properties);
  if (known !== undefined) return known === 'nothing' ? undefined : known;
  const fill = structFill(schema.properties);
  fills.set(schema.properties, fill ?? 'nothing');
  return fill;
}

function eachOf(items: Schema | undefined): Deep | undefined {
  const fill = items === undefined ? undefined : fillOf(items);
  if (fill === undefined) return undefined;
  return (value) => {
    for (const key in value as object) fill((value as Record<string, unknown>)[key]);
  };
}

interface FixedDefault {
  readonly name: string;
  readonly value: Json;
  readonly replacesZero: boolean;
}

function structFill(properties: Readonly<Record<string, Schema>>): Deep | undefined {
  const fixed: FixedDefault[] = [];
  const inner: (readonly [string, Deep])[] = [];
  for (const [name, schema] of Object.entries(properties)) {
    if (schema.default !== undefined) {
      fixed.push({ name, value: schema.default, replacesZero: schema['x-kijabi-zero-is-unset'] === true });
    }
    const fill = fillOf(schema);
    if (fill !== undefined) inner.push([name, fill]);
  }
  const hooks = computed.get(properties) ?? [];
  if (fixed.length === 0 && inner.length === 0 && hooks.length === 0) return undefined;
  return (value) => {
    const draft = value as Record<string, unknown>;
    for (const { name, value: preset, replacesZero } of fixed) {
      const now = draft[name];
      if (now === undefined || now === '' || (replacesZero && now === 0))
        draft[name] = typeof preset === 'object' ? structuredClone(preset) : preset;
    }
    for (const hook of hooks) hook(draft);
    for (const [name, fill] of inner) if (draft[name] !== undefined) fill(draft[name]);
  };
}

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
