import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSelector, fromLabelSelector, fromMap, matches, parseSelector, type Requirement, type Selector } from './labels.ts';

const LABELS = { app: 'web', tier: 'front', empty: '', rank: '7' };

const MATCH: [selector: string, matches: boolean][] = [
  ['', true],
  ['app=web', true],
  ['app==web', true],
  ['app = web , tier!=back', true],
  ['app!=web', false],
  ['missing!=x', true],
  ['app in (web,db)', true],
  ['app in (db)', false],
  ['app notin (db)', true],
  ['missing notin (a)', true],
  ['missing in (a)', false],
  ['app', true],
  ['!app', false],
  ['!missing', true],
  ['empty=', true],
  ['empty in (,x)', true],
  ['app=', false],
  ['rank>6', true],
  ['rank>7', false],
  ['rank<8', true],
  ['app>1', false],
  ['toString', false],
  ['!toString', true],
  ['example.com/x', false],
];

test('parseSelector and matches: the text form of kubectl -l', () => {
  for (const [text, want] of MATCH) assert.equal(matches(parseSelector(text), LABELS), want, text);
});

test('parseSelector: refuses what is no selector', () => {
  for (const bad of [
    ',',
    'a,',
    'a=b,',
    'a b',
    'a in',
    'a in b',
    'a in (b',
    'a in (b c)',
    '=b',
    '!',
    '!!a',
    'a=b=c',
    'a>x',
    '-a=b',
    'a=b!',
    'a=-b',
    'a=(b)',
    'a\u0000=b',
    'a in (b))',
  ]) {
    assert.throws(() => parseSelector(bad), { code: 'SELECTOR_INVALID' }, bad);
  }
});

test('fromLabelSelector: labels and expressions, all of them must hold; an empty one matches everything', () => {
  const selector = fromLabelSelector({
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['back'] }],
  });
  assert.equal(matches(selector, LABELS), true);
  assert.equal(matches(selector, { app: 'web', tier: 'back' }), false);
  assert.equal(matches(fromLabelSelector({}), undefined), true);
  const odd = { matchExpressions: [{ key: 'a', operator: 'Near' as 'In' }] };
  assert.throws(() => fromLabelSelector(odd), { code: 'SELECTOR_INVALID' });
});

test('fromMap: every pair must be there', () => {
  assert.equal(matches(fromMap({ app: 'web', empty: '' }), LABELS), true);
  assert.equal(matches(fromMap({ app: 'web', other: '' }), LABELS), false);
});

const key = fc.constantFrom('app', 'tier', 'in', 'notin', 'example.com/x');
const value = fc.constantFrom('', 'web', 'a.b', 'X_1');
const PLAIN = { noNullPrototype: true } as const;
const requirement: fc.Arbitrary<Requirement> = fc.oneof(
  fc.record({ kind: fc.constantFrom('in', 'notIn'), key, values: fc.uniqueArray(value, { minLength: 1 }).map((v) => v.toSorted()) }, PLAIN),
  fc.record({ kind: fc.constantFrom('exists', 'doesNotExist'), key }, PLAIN),
  fc.record({ kind: fc.constantFrom('greaterThan', 'lessThan'), key, value: fc.integer({ min: -9, max: 99 }) }, PLAIN),
);

test('property: a selector survives being written and read', () => {
  fc.assert(
    fc.property(fc.array(requirement, { maxLength: 4 }), (selector: Selector) => {
      assert.deepEqual(parseSelector(formatSelector(selector)), selector);
    }),
  );
});

test('property: any text is a selector or a named error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[ab=!,() in<>-]{0,12}$/)), (text) => {
      try {
        matches(parseSelector(text), LABELS);
      } catch (err) {
        assert.equal((err as { code?: string }).code, 'SELECTOR_INVALID');
      }
    }),
  );
});
