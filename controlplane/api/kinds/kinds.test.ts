import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Scheme } from '#api/scheme.ts';
import type { Schema } from '#api/schema.ts';
import { arbitraryOf } from '#api/test/arbitrary.ts';
import { allDefinitions } from '#api/test/kinds.ts';
import { compile } from '#api/validate.ts';
import { normalize } from '#api/prune.ts';

const definitions = await allDefinitions();

/** Every schema below this one with its place, types that contain themselves once. */
function* within(schema: Schema, path: string, above: readonly Schema[] = []): Generator<readonly [string, Schema]> {
  const target = schema['x-kijabi-ref']?.() ?? schema;
  if (above.includes(target)) return;
  yield [path, target];
  const inner = [...above, target];
  for (const [name, field] of Object.entries(target.properties ?? {})) yield* within(field, `${path}.${name}`, inner);
  if (target.items !== undefined) yield* within(target.items, `${path}[]`, inner);
  if (typeof target.additionalProperties === 'object') yield* within(target.additionalProperties, `${path}{}`, inner);
}

const everything = definitions.flatMap((d) => [...within(d.schema, d.kind)]);

test('kinds: the keys of map lists and of patches are fields of the elements', () => {
  let checked = 0;
  for (const [path, schema] of everything) {
    const keys = [
      ...(schema['x-kubernetes-list-map-keys'] ?? []),
      ...(schema['x-kubernetes-patch-merge-key'] === undefined ? [] : [schema['x-kubernetes-patch-merge-key']]),
    ];
    for (const key of keys) {
      checked += 1;
      assert.ok(
        schema.items?.properties !== undefined && Object.hasOwn(schema.items.properties, key),
        `${path} is merged by ${key}, which its elements do not have`,
      );
    }
    if (schema['x-kubernetes-list-type'] === 'map')
      assert.ok((schema['x-kubernetes-list-map-keys'] ?? []).length > 0, `${path} is a map list without keys`);
    if (schema['x-kubernetes-list-type'] !== undefined) assert.equal(schema.type, 'array', path);
  }
  assert.ok(checked > 50);
});

test('kinds: every default is a value of its field', () => {
  let checked = 0;
  for (const [path, schema] of everything) {
    if (schema.default === undefined || schema['x-kijabi-presence'] === 'always') continue;
    checked += 1;
    assert.deepEqual(compile(schema)(schema.default), [], path);
  }
  assert.ok(checked > 20);
});

test('kinds: one name, one type', () => {
  const byId = new Map<string, readonly string[]>();
  for (const [path, schema] of everything) {
    if (schema.$id === undefined || schema.properties === undefined) continue;
    const fields = Object.keys(schema.properties);
    assert.deepEqual(fields, byId.get(schema.$id) ?? fields, `${path}: ${schema.$id} has two shapes`);
    byId.set(schema.$id, fields);
  }
});

test('kinds: each is registered once, under upstream names', () => {
  const scheme = new Scheme(definitions);
  assert.equal(scheme.all().length, definitions.length);
  for (const { plural, singular, kind, apiVersion, shortNames } of definitions) {
    assert.match(plural, /^[a-z]+$/, kind);
    assert.match(singular, /^[a-z]+$/, kind);
    assert.match(apiVersion, /^([a-z0-9.]+\/)?v\d+$/, kind);
    for (const name of shortNames) assert.match(name, /^[a-z]+$/, kind);
  }
  const owners = new Map<string, string>();
  for (const { shortNames, plural } of definitions) {
    for (const name of shortNames) assert.equal(owners.get(name) ?? plural, plural, `the short name ${name} is used twice`);
    for (const name of shortNames) owners.set(name, plural);
  }
});

test('kinds: what is asked for by name is there', () => {
  for (const kind of ['Pod', 'Service', 'Endpoints', 'EndpointSlice', 'Deployment', 'Role', 'Lease', 'StorageClass'])
    assert.ok(
      definitions.some((d) => d.kind === kind),
      kind,
    );
});

test('property: a document with every field filled in passes its schema, and survives being kept', () => {
  for (const { kind, schema } of definitions) {
    const check = compile(schema);
    fc.assert(
      fc.property(arbitraryOf(schema, { depth: 8, full: true }), (value) => {
        assert.deepEqual(check(value), [], kind);
        const kept = normalize(schema, value, 'drop');
        assert.deepEqual(fieldsOf(kept), fieldsOf(value), kind);
        assert.deepEqual(JSON.parse(JSON.stringify(kept)), kept, kind);
      }),
      { numRuns: 2 },
    );
  }
});

/** The shape without the values: canonical texts differ, fields may not. What holds nothing may be left out. */
function fieldsOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fieldsOf);
  if (typeof value !== 'object' || value === null)
    return typeof value === 'number' ? 'string or number' : typeof value === 'string' ? 'string or number' : typeof value;
  const fields = Object.entries(value).map(([name, held]) => [name, fieldsOf(held)] as const);
  return Object.fromEntries(fields.filter(([, held]) => typeof held !== 'object' || held === null || Object.keys(held).length > 0));
}
