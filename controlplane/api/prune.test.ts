import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Pod } from './kinds/core/pod.ts';
import { normalize, prune } from './prune.ts';
import { always, int32, list, map, microTime, object, oneOf, quantity, required, string, time } from './schema.ts';
import { arbitraryOf } from './test/arbitrary.ts';
import { compile } from './validate.ts';

const Inner = object('Inner', { name: string(), mode: oneOf(['A', 'B']) });
const Thing = object('Thing', {
  title: string(),
  items: list(Inner),
  texts: list(string()),
  labels: map(string()),
  limits: map(quantity()),
  size: quantity(),
  at: time(),
  exactly: microTime(),
  count: int32(),
});

const ROWS: [what: string, value: unknown, kept: unknown][] = [
  ['known fields stay', { title: 'x', items: [{ name: 'a' }] }, { title: 'x', items: [{ name: 'a' }] }],
  ['unknown fields go, at every level', { title: 'x', odd: 1, items: [{ name: 'a', odd: {} }] }, { title: 'x', items: [{ name: 'a' }] }],
  ['nulls go', { title: null, items: [{ name: null }] }, { items: [{}] }],
  [
    'null in lists and maps is the zero value',
    { items: [null], texts: [null], labels: { a: null } },
    { items: [{}], texts: [''], labels: { a: '' } },
  ],
  [
    'quantities become canonical',
    { limits: { cpu: 0.5, memory: '1024Ki' }, size: 1 },
    { limits: { cpu: '500m', memory: '1Mi' }, size: '1' },
  ],
  ['resources are rounded up to thousandths', { limits: { cpu: '100u' }, size: '100u' }, { limits: { cpu: '1m' }, size: '100u' }],
  [
    'times become canonical',
    { at: '2026-01-01T01:00:00+01:00', exactly: '2026-01-01T00:00:00.5Z' },
    { at: '2026-01-01T00:00:00Z', exactly: '2026-01-01T00:00:00.500000Z' },
  ],
  ['an empty text in an optional enum is absent', { items: [{ mode: '' }] }, { items: [{}] }],
  ['empty texts and zeros stay, empty lists and maps go', { title: '', count: 0, items: [], labels: {} }, { title: '', count: 0 }],
];

for (const [what, value, kept] of ROWS) test(`prune: ${what}`, () => assert.deepEqual(prune(Thing, value), kept));

test('prune: empty lists and maps stay where they have to be', () => {
  const Rule = object('Rule', { verbs: required(list(string())), rest: always(map(string())), inner: Inner, more: list(string()) });
  assert.deepEqual(prune(Rule, { verbs: [], rest: {}, inner: {}, more: [] }), { verbs: [], rest: {}, inner: {} });
});

test('prune: names of the language are fields like any other', () => {
  const value: unknown = JSON.parse('{"__proto__":{"title":"bad"},"labels":{"__proto__":"x"}}');
  const kept = prune(Thing, value);
  assert.equal(JSON.stringify(kept), '{"labels":{"__proto__":"x"}}');
  assert.equal(kept.title, undefined);
  assert.equal(({} as Record<string, unknown>)['title'], undefined);
});

test('normalize: keeps unknown fields when asked, as copies', () => {
  const odd = { deep: [1, null] };
  const kept = normalize(Thing, { title: 'x', odd }, 'keep') as unknown as { odd: typeof odd };
  assert.deepEqual(kept.odd, odd);
  assert.notEqual(kept.odd, odd);
});

test('property: the copy is private, has the same structure, and copying it again changes nothing', () => {
  const check = compile(Pod);
  fc.assert(
    fc.property(arbitraryOf(Pod, { depth: 5 }), (value) => {
      const before = JSON.stringify(value);
      const copy = prune(Pod, value);
      assert.deepEqual(check(copy), []);
      assert.deepEqual(prune(Pod, copy), copy);
      scribble(copy);
      assert.equal(JSON.stringify(value), before);
    }),
    { numRuns: 50 },
  );
});

function scribble(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    scribble(inner);
    if (key !== '__proto__') (value as Record<string, unknown>)[key] = 'scribbled';
  }
}
