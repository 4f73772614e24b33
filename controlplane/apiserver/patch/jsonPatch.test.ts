import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codeOf } from '#base/errors.ts';
import { ApiError } from '../status.ts';
import { jsonPatch } from './jsonPatch.ts';
import { mergePatch } from './mergePatch.ts';

const document = { spec: { replicas: 3, list: ['a', 'b'], none: null }, 'a/b': 1, 'm~n': 2, constructor: 'c' };

for (const [sentence, patch, wanted] of [
  ['add sets a field', [{ op: 'add', path: '/spec/x', value: 1 }], { ...document, spec: { ...document.spec, x: 1 } }],
  [
    'add puts an element in front of another',
    [{ op: 'add', path: '/spec/list/1', value: 'x' }],
    { ...document, spec: { ...document.spec, list: ['a', 'x', 'b'] } },
  ],
  [
    'add with - appends',
    [{ op: 'add', path: '/spec/list/-', value: 'x' }],
    { ...document, spec: { ...document.spec, list: ['a', 'b', 'x'] } },
  ],
  [
    '~1 is a slash, ~0 a tilde',
    [
      { op: 'replace', path: '/a~1b', value: 9 },
      { op: 'replace', path: '/m~0n', value: 8 },
    ],
    { ...document, 'a/b': 9, 'm~n': 8 },
  ],
  [
    'move takes a value along',
    [
      { op: 'move', from: '/spec/replicas', path: '/count' },
      { op: 'remove', path: '/spec' },
    ],
    { count: 3, 'a/b': 1, 'm~n': 2, constructor: 'c' },
  ],
  [
    'a test that holds lets the rest through',
    [
      { op: 'test', path: '/spec', value: { none: null, list: ['a', 'b'], replicas: 3 } },
      { op: 'remove', path: '/spec' },
    ],
    { 'a/b': 1, 'm~n': 2, constructor: 'c' },
  ],
  ['no operations change nothing', [], document],
] as const) {
  test(`jsonPatch: ${sentence}`, () => {
    const before = structuredClone(document);
    assert.deepEqual(jsonPatch(document, patch), wanted);
    assert.deepEqual(document, before, 'the original is left as it is');
  });
}

for (const [sentence, patch, reason, message] of [
  [
    'a test that fails',
    [{ op: 'test', path: '/spec/replicas', value: 4 }],
    'Invalid',
    /operation 0 \(test \/spec\/replicas\): Test operation failed/,
  ],
  [
    'a path that is not there',
    [{ op: 'remove', path: '/spec/x' }],
    'Invalid',
    /the server rejected our request due to an error in our request: operation 0/,
  ],
  ['a parent that is not there', [{ op: 'add', path: '/status/x', value: 1 }], 'Invalid', /operation 0/],
  ['an index behind the end', [{ op: 'add', path: '/spec/list/7', value: 1 }], 'Invalid', /operation 0/],
  ['a move into itself', [{ op: 'move', from: '/spec', path: '/spec/x' }], 'Invalid', /operation 0/],
  ['the prototype', [{ op: 'add', path: '/__proto__/polluted', value: 1 }], 'Invalid', /operation 0/],
  ['an object that is no list', { op: 'add' }, 'BadRequest', /a JSON patch is a list of operations/],
  ['an operation nobody knows', [{ op: 'append', path: '/x' }], 'BadRequest', /operation 0: op: want add, .* got "append"/],
  ['an operation that is no object', [null], 'BadRequest', /operation 0: want an object/],
  ['a path without a slash', [{ op: 'add', path: 'spec', value: 1 }], 'BadRequest', /path: want a JSON pointer/],
  ['an add without a value', [{ op: 'add', path: '/x' }], 'BadRequest', /value: add needs one/],
  ['a copy from nowhere', [{ op: 'copy', path: '/x' }], 'BadRequest', /from: want a JSON pointer/],
  [
    'too many operations',
    Array.from({ length: 10_001 }, () => ({ op: 'remove', path: '/x' })),
    'RequestEntityTooLarge',
    /allowed maximum operations in a JSON patch is 10000, got 10001/,
  ],
  [
    'copies that grow without end',
    Array.from({ length: 40 }, () => ({ op: 'copy', from: '/spec/list', path: '/spec/list/-' })),
    'Invalid',
    /more than 3145728 bytes/,
  ],
] as const) {
  test(`jsonPatch: refuses ${sentence}`, () => {
    assert.throws(
      () => jsonPatch(document, patch),
      (err) => err instanceof ApiError && codeOf(err) === reason && message.test(err.message),
    );
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  });
}

test('property: whatever the patch is, it works or is refused, and the original stays', () => {
  const path = fc.constantFrom(
    '',
    '/',
    '/spec',
    '/spec/list',
    '/spec/list/0',
    '/spec/list/-',
    '/a~1b',
    '/constructor',
    '/__proto__',
    '/toString/x',
    'x',
    '/spec/none/x',
  );
  const value = fc.jsonValue({ maxDepth: 2 });
  const operation = fc.record(
    { op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'), path, from: path, value },
    { requiredKeys: ['op', 'path'] },
  );
  let done = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(operation, value), { maxLength: 4 }), (patch) => {
      const before = structuredClone(document);
      try {
        jsonPatch(document, patch);
        done += 1;
      } catch (err) {
        assert.ok(err instanceof ApiError, String(err));
      }
      assert.deepEqual(document, before);
      assert.equal((Object.prototype.toString as unknown as { x?: unknown }).x, undefined);
    }),
  );
  assert.ok(done > 5, 'some patches work');
});

/** RFC 7386, appendix A. */
for (const [original, patch, result] of [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
] as const) {
  test(`mergePatch: ${JSON.stringify(original)} + ${JSON.stringify(patch)}`, () => assert.deepEqual(mergePatch(original, patch), result));
}

test('mergePatch: a key called __proto__ is data', () => {
  const merged = mergePatch({}, JSON.parse('{"__proto__": {"x": 1}}')) as object;
  assert.ok(Object.hasOwn(merged, '__proto__'));
  assert.equal((merged as { x?: unknown }).x, undefined);
});

test('property: a merge patch applied twice is a merge patch applied once', () => {
  const value = fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true });
  fc.assert(
    fc.property(value, value, (original, patch) => {
      const once = mergePatch(original, patch);
      assert.deepEqual(mergePatch(once, patch), once);
    }),
  );
});
