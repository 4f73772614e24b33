import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeFieldSet,
  difference,
  differenceBelow,
  hasPath,
  intersection,
  isEmptySet,
  NO_FIELDS,
  pathsOf,
  pathText,
  setOf,
  union,
  type FieldSet,
} from './fieldSet.ts';

test('fieldSet: a member with children holds a dot, one without is empty', () => {
  assert.deepEqual(setOf(['f:spec', 'f:replicas']), { 'f:spec': { 'f:replicas': {} } });
  assert.deepEqual(setOf(['f:a'], ['f:a', 'f:b']), { 'f:a': { '.': {}, 'f:b': {} } });
  assert.deepEqual(setOf(['f:a', 'f:b'], ['f:a']), { 'f:a': { '.': {}, 'f:b': {} } });
});

test('pathText: fields, keys, values and positions as messages name them', () => {
  const path = ['f:spec', 'f:containers', 'k:{"name":"web"}', 'f:ports', 'k:{"containerPort":80,"protocol":"TCP"}'];
  assert.equal(pathText(path), '.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"]');
  assert.equal(pathText(['f:metadata', 'f:finalizers', 'v:"a/b"']), '.metadata.finalizers[="a/b"]');
  assert.equal(pathText(['f:x', 'i:3']), '.x[3]');
});

for (const [sentence, value, wanted] of [
  ['keys of elements come in one order', { 'k:{"b":1,"a":"x"}': {} }, { 'k:{"a":"x","b":1}': {} }],
  ['spaces in values do not matter', { 'v: 3': {}, 'k:{ "name" : "x" }': {} }, { 'v:3': {}, 'k:{"name":"x"}': {} }],
  [
    'two spellings of one element are joined',
    { 'k:{"a":1}': { 'f:x': {} }, 'k:{"a": 1}': { 'f:y': {} } },
    { 'k:{"a":1}': { 'f:x': {}, 'f:y': {} } },
  ],
  ['a node with nothing but itself is an empty one', { 'f:a': { '.': {} } }, { 'f:a': {} }],
  ['what has no letter is no set', { a: {} }, undefined],
  ['what is no JSON is no set', { 'k:{': {} }, undefined],
  ['a key that is no object is no set', { 'k:3': {} }, undefined],
  ['a list is no set', [], undefined],
  ['text inside is no set', { 'f:a': 'x' }, undefined],
] as const) {
  test(`decodeFieldSet: ${sentence}`, () => assert.deepEqual(decodeFieldSet(value), wanted));
}

test('decodeFieldSet: ends on nesting without end', () => {
  let deep: object = {};
  for (let i = 0; i < 5_000; i++) deep = { 'f:a': deep };
  assert.equal(decodeFieldSet(deep), undefined);
});

const key = fc.constantFrom('f:a', 'f:b', 'k:{"name":"x"}', 'v:1', 'f:__proto__');
const paths = fc.array(fc.array(key, { minLength: 1, maxLength: 4 }), { maxLength: 8 });
const set = paths.map((all) => setOf(...all));

/** The model: a set of texts. */
const textsOf = (s: FieldSet): ReadonlySet<string> => new Set(pathsOf(s).map((path) => path.join(' ')));
const sorted = (texts: Iterable<string>): readonly string[] => [...texts].toSorted();

test('property: the sets are sets', () => {
  fc.assert(
    fc.property(set, set, set, (a, b, c) => {
      const [x, y] = [textsOf(a), textsOf(b)];
      assert.deepEqual(sorted(textsOf(union(a, b))), sorted(x.union(y)));
      assert.deepEqual(sorted(textsOf(intersection(a, b))), sorted(x.intersection(y)));
      assert.deepEqual(sorted(textsOf(difference(a, b))), sorted(x.difference(y)));
      const isBelow = (text: string): boolean => [...y].some((other) => text === other || text.startsWith(`${other} `));
      assert.deepEqual(sorted(textsOf(differenceBelow(a, b))), sorted([...x].filter((text) => !isBelow(text))));
      assert.deepEqual(union(a, union(b, c)), union(union(a, b), c));
      assert.deepEqual(union(intersection(a, b), difference(a, b)), a);
      assert.ok(isEmptySet(difference(a, a)) && isEmptySet(intersection(a, NO_FIELDS)));
      for (const path of pathsOf(a)) assert.ok(hasPath(a, path));
    }),
  );
});

test('property: building, writing and reading give the same set', () => {
  fc.assert(
    fc.property(paths, (all) => {
      const s = setOf(...all);
      assert.deepEqual(sorted(textsOf(s)), sorted(new Set(all.map((path) => path.join(' ')))));
      assert.deepEqual(decodeFieldSet(JSON.parse(JSON.stringify(s))), s);
      assert.deepEqual(setOf(...pathsOf(s)), s);
    }),
  );
});

test('property: operations leave their sets as they are', () => {
  fc.assert(
    fc.property(set, set, (a, b) => {
      const before = structuredClone([a, b]);
      for (const operation of [union, intersection, difference, differenceBelow]) operation(a, b);
      assert.deepEqual([a, b], before);
    }),
  );
});
