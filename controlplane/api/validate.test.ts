import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import type { TSchema } from 'typebox';
import { Pod } from './kinds/core/pod.ts';
import { formatProblem } from './problem.ts';
import { canonicalQuantity, isQuantity } from './quantity.ts';
import {
  always,
  anyObject,
  boolean,
  bytes,
  int32,
  int64,
  intOrString,
  list,
  map,
  number,
  object,
  oneOf,
  quantity,
  ref,
  required,
  string,
  time,
  type Schema,
} from './schema.ts';
import { arbitraryOf } from './test/arbitrary.ts';
import { allDefinitions } from './test/kinds.ts';
import { compile, impliesRequired } from './validate.ts';

const Item = object('Item', { name: required(string()), size: int32(), mode: oneOf(['Off', 'On'], undefined, { default: 'Off' }) });
const Tree = object('Tree', { name: string(), children: list(ref<unknown>('Tree', (): Schema => Tree)) });
const Thing = object('Thing', {
  title: string('', { maxLength: 5 }),
  code: string('', { pattern: '^[a-z]+$' }),
  items: list(Item),
  byName: map(Item),
  labels: map(string()),
  limits: map(quantity()),
  port: intOrString(),
  count: always(int32()),
  share: number('', { minimum: 0 }),
  big: int64('', { minimum: 1, maximum: 10 }),
  at: time(),
  data: map(bytes()),
  on: boolean(),
  kind: required(oneOf(['A', 'B'])),
  any: anyObject(),
  tree: Tree,
});

const check = compile(Thing);
const told = (value: unknown): readonly string[] => check(value).map(formatProblem);

const ROWS: [what: string, value: unknown, problems: string[]][] = [
  ['the least', { kind: 'A' }, []],
  ['null is absent', { kind: 'A', title: null, items: null, count: null }, []],
  ['null in a list of objects is an empty object', { kind: 'A', items: [null] }, ['items[0].name: Required value']],
  ['null in a map of texts is an empty text', { kind: 'A', labels: { a: null } }, []],
  ['a missing field', {}, ['kind: Required value']],
  ['null where a field is required', { kind: null }, ['kind: Required value']],
  ['unknown text', { kind: 'C' }, ['kind: Unsupported value: "C": supported values: "A", "B"']],
  ['empty text in a required enum', { kind: '' }, ['kind: Unsupported value: "": supported values: "A", "B"']],
  ['empty text in an optional enum is absent', { kind: 'A', items: [{ name: 'x', mode: '' }] }, []],
  ['no object', [], ["Invalid value: []: want an object: without '- ' in front"]],
  ['a text for a number', { kind: 'A', count: '5' }, ['count: Invalid value: "5": want an integer: take the quotes away']],
  ['a number for a text', { kind: 'A', title: 5 }, ['title: Invalid value: 5: want a string: put it in quotes']],
  ['a fraction', { kind: 'A', count: 1.5 }, ['count: Invalid value: 1.5: want an integer']],
  [
    'beyond 32 bits',
    { kind: 'A', count: 2 ** 31 },
    ['count: Invalid value: 2147483648: want an integer between -2147483648 and 2147483647'],
  ],
  [
    'beyond exact',
    { kind: 'A', big: 2 ** 60 },
    ['big: Invalid value: 1152921504606847000: want an integer between -9007199254740991 and 9007199254740991'],
  ],
  ['bounds', { kind: 'A', big: 11 }, ['big: Invalid value: 11: must be less than or equal to 10']],
  ['too long', { kind: 'A', title: 'longer' }, ['title: Too long: may not be more than 5 characters']],
  ['pattern', { kind: 'A', code: 'A1' }, ['code: Invalid value: "A1": must match ^[a-z]+$']],
  [
    'an object for a list',
    { kind: 'A', items: { name: 'x' } },
    ['items: Invalid value: {"name":"x"}: want a list: put \'- \' in front of each element'],
  ],
  [
    'inside lists',
    { kind: 'A', items: [{ name: 'x' }, { name: 1 }] },
    ['items[1].name: Invalid value: 1: want a string: put it in quotes'],
  ],
  ['inside maps', { kind: 'A', byName: { 'a.b': {} } }, ['byName[a.b].name: Required value']],
  ['a label that is a boolean', { kind: 'A', labels: { x: true } }, ['labels[x]: Invalid value: true: want a string: put it in quotes']],
  [
    'quantity',
    { kind: 'A', limits: { cpu: 'lots' } },
    ['limits[cpu]: Invalid value: "lots": quantities must match the regular expression \'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$\''],
  ],
  ['quantities may be numbers', { kind: 'A', limits: { cpu: 0.5 } }, []],
  ['port', { kind: 'A', port: 1.5 }, ['port: Invalid value: 1.5: want an integer or a string']],
  ['time', { kind: 'A', at: 'today' }, ['at: Invalid value: "today": want a time such as 2026-01-31T23:59:59Z']],
  ['base64', { kind: 'A', data: { a: '***' } }, ['data[a]: Invalid value: "***": want base64 text']],
  ['boolean', { kind: 'A', on: 'yes' }, ['on: Invalid value: "yes": want true or false: without quotes']],
  ['a slip', { kind: 'A', item: [] }, ['item: unknown field, did you mean items?']],
  ['case', { kind: 'A', ByName: {} }, ['ByName: unknown field, did you mean byName?']],
  ['wrong depth', { kind: 'A', items: [{ name: 'x', labels: {} }] }, ['items[0].labels: unknown field, it belongs in the top level']],
  ['further in', { kind: 'A', size: 1 }, ['size: unknown field, it belongs in items[]']],
  ['nothing like it', { kind: 'A', zzzzzz: 1 }, ['zzzzzz: unknown field']],
  [
    'names of the language are fields like any other',
    JSON.parse('{"kind":"A","__proto__":{},"constructor":1,"toString":2}'),
    ['__proto__: unknown field', 'constructor: unknown field', 'toString: unknown field'],
  ],
  ['keys of the language in a map', JSON.parse('{"kind":"A","labels":{"__proto__":"x","constructor":"y"}}'), []],
  ['anything', { kind: 'A', any: { a: [1, { b: null }] } }, []],
  [
    'all at once',
    { kind: 'X', count: 'a', items: [{}, { nam: 1 }] },
    [
      'kind: Unsupported value: "X": supported values: "A", "B"',
      'count: Invalid value: "a": want an integer',
      'items[0].name: Required value',
      'items[1].nam: unknown field, did you mean name?',
      'items[1].name: Required value',
    ],
  ],
];

for (const [what, value, problems] of ROWS) {
  test(`validate: ${what}`, () => assert.deepEqual(told(value), problems));
}

test('validate: ends at 100 problems, and unknown fields leave room for the others', () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`u${i}`, 1]));
  const problems = check({ ...many, count: 'x', items: Array.from({ length: 500 }, () => ({})) });
  assert.equal(problems.length, 100);
  assert.equal(problems.filter((p) => p.kind === 'unknown').length, 50);
  assert.ok(problems.some((p) => p.kind === 'type'));
});

test('validate: ends at a depth of 100, in known and in unknown structures', () => {
  const nest = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
    let value: unknown = {};
    for (let i = 0; i < levels; i++) value = wrap(value);
    return value;
  };
  assert.deepEqual(told({ kind: 'A', tree: nest(20, (inner) => ({ children: [inner] })) }), []);
  assert.match(told({ kind: 'A', tree: nest(5000, (inner) => ({ children: [inner] })) })[0] ?? '', /nested more than 100 levels deep$/);
  assert.match(told({ kind: 'A', any: nest(5000, (inner) => [inner]) })[0] ?? '', /want an object/);
  assert.match(told({ kind: 'A', any: nest(5000, (inner) => ({ a: inner })) })[0] ?? '', /^any: nested more than 100 levels deep$/);
});

test('validate: one walk leaves nothing behind for the next', () => {
  assert.equal(told({ kind: 'A', items: [{ name: 1 }] }).length, 1);
  assert.deepEqual(told({ kind: 'A' }), []);
});

/** What JSON Schema cannot say or says otherwise: nulls, empty texts in enums, the forms of texts and the range of integers. */
function plainJsonSchema(schema: Schema): Schema {
  const target = schema['x-kijabi-ref']?.() ?? schema;
  const { $id: _id, format, default: _default, description: _doc, ...rest } = target;
  const range =
    format === 'int32'
      ? { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }
      : format === 'int64'
        ? { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }
        : {};
  const implied = Object.entries(target.properties ?? {}).flatMap(([name, field]) => (impliesRequired(field) ? [name] : []));
  return {
    ...range,
    ...rest,
    ...(implied.length === 0 ? {} : { required: [...(target.required ?? []), ...implied] }),
    ...(target.properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(target.properties).map(([k, s]) => [k, plainJsonSchema(s)])) }),
    ...(target.items === undefined ? {} : { items: plainJsonSchema(target.items) }),
    ...(typeof target.additionalProperties === 'object' ? { additionalProperties: plainJsonSchema(target.additionalProperties) } : {}),
  };
}

/** Puts something odd in one place of a document. */
const oddities = fc.constantFrom<unknown>('odd', 17, 1.5, true, [], {}, [{}], -1, 2 ** 40, { odd: 1 });
function* places(value: unknown): Generator<{ holder: Record<string, unknown>; key: string }> {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    yield { holder: value as Record<string, unknown>, key };
    yield* places((value as Record<string, unknown>)[key]);
  }
}

test('property: TypeBox agrees on valid and on spoilt documents of every kind', async () => {
  let [valid, invalid] = [0, 0];
  for (const definition of await allDefinitions()) {
    const oracle = plainJsonSchema(definition.schema) as TSchema;
    const ours = compile(definition.schema);
    fc.assert(
      fc.property(
        arbitraryOf(definition.schema, { depth: 4 }),
        fc.nat(),
        oddities,
        fc.constantFrom('keep', 'spoil', 'add', 'drop'),
        (made, at, odd, how) => {
          const document = structuredClone(made);
          const all = [...places(document)];
          const place = all[at % Math.max(all.length, 1)];
          if (place !== undefined && how === 'spoil') place.holder[place.key] = odd;
          if (place !== undefined && how === 'add' && !Array.isArray(place.holder)) place.holder['odd'] = odd;
          if (place !== undefined && how === 'drop' && !Array.isArray(place.holder)) delete place.holder[place.key];
          const problems = ours(document);
          // Texts with a form of their own are only texts to the oracle.
          const structural = problems.filter(
            (p) =>
              !(
                p.kind === 'type' &&
                /: (want (a time|a duration|base64)|quantities must|unable to parse)/.test(p.message) &&
                typeof p.value === 'string'
              ),
          );
          const agreed = Check(oracle, document);
          assert.equal(structural.length === 0, agreed, `${definition.kind}: ${problems.map(formatProblem).join('; ')}`);
          if (agreed) valid += 1;
          else invalid += 1;
        },
      ),
      { numRuns: 60 },
    );
  }
  assert.ok(valid > 60 && invalid > 60, `too few interesting documents: ${valid} valid, ${invalid} invalid`);
});

test('property: never throws, whatever the value', () => {
  const validate = compile(Pod);
  fc.assert(
    fc.property(
      fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true, withSparseArray: true }),
      (value) => void validate(value),
    ),
  );
  fc.assert(fc.property(fc.jsonValue(), (spec) => void validate({ apiVersion: 'v1', kind: 'Pod', spec, metadata: spec })));
});

test('property: quantities in generated documents are quantities', () => {
  fc.assert(
    fc.property(arbitraryOf(quantity()), (value) => assert.ok(isQuantity(value as string) && canonicalQuantity(value as string) !== '')),
  );
});
