/**
 * Random documents of a schema, for property tests of everything that reads objects. They have the right structure; whether they obey the
 * rules of the kind is another matter.
 */
import fc from 'fast-check';
import type { Schema } from '#api/schema.ts';
import { impliesRequired } from '#api/validate.ts';

export interface ArbitraryOptions {
  /** How many levels of optional fields are filled in; deeper ones are left out. Default 5. */
  readonly depth?: number;
  /** Every optional field down to depth is there. */
  readonly full?: boolean;
}

/** Small and plain, and the texts that trip programs. */
const text = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-z][-a-z0-9]{0,8}$/) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('a/b', 'Ä', ' ', '10%', 'true', '~', '0644', 'x: y', '#', '__proto__', 'constructor', '\n', '"'),
  },
);
const key = fc.oneof(
  { weight: 9, arbitrary: fc.stringMatching(/^[a-z]{1,4}$/) },
  { weight: 1, arbitrary: fc.constantFrom('a.b/c', '__proto__', '[x]') },
);
const quantityText = fc
  .tuple(fc.integer({ min: 0, max: 5000 }), fc.constantFrom('', 'm', 'k', 'M', 'Ki', 'Mi', 'Gi', '.5', 'e3'))
  .map(([n, s]) => `${n}${s}`);
const seconds = fc.date({ min: new Date('1971-01-01T00:00:00Z'), max: new Date('2090-01-01T00:00:00Z'), noInvalidDate: true });

/** As JSON has it: no -0. */
const anything = fc.jsonValue({ maxDepth: 2 }).map((value): unknown => JSON.parse(JSON.stringify(value)));

export function arbitraryOf(schema: Schema, options: ArbitraryOptions = {}): fc.Arbitrary<unknown> {
  const target = schema['x-kijabi-ref']?.() ?? schema;
  const { depth = 5 } = options;
  const inner = { ...options, depth: depth - 1 };
  switch (target.format) {
    case 'quantity':
      return fc.oneof(quantityText, fc.integer({ min: 0, max: 1e6 }));
    case 'int-or-string':
      return fc.oneof(fc.integer({ min: 0, max: 65_535 }), text);
    case 'date-time':
      return seconds.map((d) => `${d.toISOString().slice(0, 19)}Z`);
    case 'micro-time':
      return seconds.map((d) => `${d.toISOString().slice(0, 23)}000Z`);
    case 'duration':
      return fc.constantFrom('1s', '1h30m', '250ms', '0');
    case 'byte':
      return fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('base64'));
    default:
  }
  switch (target.type) {
    case 'string':
      return target.enum === undefined ? text : fc.constantFrom(...target.enum);
    case 'integer':
      return fc.integer({ min: target.minimum ?? -10, max: target.maximum ?? 70_000 });
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0);
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(arbitraryOf(target.items ?? {}, inner), {
        minLength: options.full === true && depth > 0 ? 1 : 0,
        maxLength: depth > 0 ? 2 : 0,
      });
    case 'object':
      return objectOf(target, options);
    default:
      return anything;
  }
}

function objectOf(schema: Schema, options: ArbitraryOptions): fc.Arbitrary<unknown> {
  const { depth = 5, full = false } = options;
  const inner = { ...options, depth: depth - 1 };
  const { properties, additionalProperties } = schema;
  if (properties === undefined) {
    const values = typeof additionalProperties === 'object' ? arbitraryOf(additionalProperties, inner) : anything;
    return fc.dictionary(key, values, { maxKeys: 2, noNullPrototype: true });
  }
  const implied = Object.keys(properties).filter((name) => impliesRequired(properties[name]));
  const required = [...(schema.required ?? []), ...implied];
  const names = Object.keys(properties).filter((name) => depth > 0 || required.includes(name));
  const picked = full
    ? fc.constant(names)
    : fc.subarray(names).map((chosen) => names.filter((n) => chosen.includes(n) || required.includes(n)));
  return picked.chain((chosen) => {
    const model = Object.fromEntries(chosen.map((name) => [name, arbitraryOf(properties[name] ?? {}, inner)]));
    return fc.record(model, { noNullPrototype: true });
  });
}
