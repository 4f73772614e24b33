import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  isQuantity,
  parseQuantity,
  quantityProblem,
  subtractQuantities,
  toBytes,
  toMilli,
  toUnits,
} from './quantity.ts';

const CANONICAL: [written: string | number, canonical: string][] = [
  ['0', '0'],
  ['0.0', '0'],
  ['-0', '0'],
  [0, '0'],
  ['0Ki', '0'],
  ['1000m', '1'],
  ['0.5', '500m'],
  [0.5, '500m'],
  [1, '1'],
  [0.1, '100m'],
  ['100m', '100m'],
  ['1500m', '1500m'],
  ['.5', '500m'],
  ['1.', '1'],
  ['+5', '5'],
  ['1024', '1024'],
  ['1024Ki', '1Mi'],
  ['1.5Gi', '1536Mi'],
  ['0.5Gi', '512Mi'],
  ['1000Ki', '1000Ki'],
  ['1000k', '1M'],
  ['12000', '12k'],
  ['1E', '1E'],
  ['1000E', '1000E'],
  ['1e3', '1e3'],
  ['1000e0', '1e3'],
  ['12345e-3', '12345e-3'],
  ['1E3', '1e3'],
  ['100u', '100u'],
  ['1n', '1n'],
  ['0.1n', '1n'],
  ['-0.1n', '-1n'],
  ['0.5Ki', '512'],
  ['0.1Ki', '102400m'],
  ['1.5', '1500m'],
  ['-1.5Gi', '-1536Mi'],
  ['9223372036854775807', '9223372036854775807'],
  ['16Ei', '9223372036854775807'],
];

test('canonicalQuantity: the largest suffix that leaves no fraction, in the way it was written', () => {
  for (const [written, canonical] of CANONICAL) assert.equal(canonicalQuantity(written), canonical, String(written));
});

test('canonicalQuantity: a canonical text stays as it is', () => {
  for (const [, canonical] of CANONICAL) assert.equal(canonicalQuantity(canonical), canonical);
});

test('parseQuantity: refuses what is no quantity, in upstream words', () => {
  for (const bad of [
    '',
    ' ',
    'abc',
    '1i',
    '1.1.1',
    '1 Ki',
    '1ki',
    '0,5',
    '1Kib',
    '1e',
    'e3',
    '--1',
    '1+1',
    '1e999',
    'NaN',
    'Infinity',
    '0x10',
    '1'.repeat(200),
  ]) {
    assert.equal(isQuantity(bad), false, bad);
    assert.throws(() => parseQuantity(bad), { code: 'QUANTITY_INVALID' }, bad);
  }
  assert.match(quantityProblem('lots') ?? '', /^quantities must match the regular expression '\^\(\[\+-\]\?\[0-9\.\]\+\)/);
  assert.equal(quantityProblem('1Kib'), quantityProblem('lots'));
  assert.equal(quantityProblem('1ki'), "unable to parse quantity's suffix");
});

test('toMilli, toBytes: rounded up, away from zero', () => {
  assert.deepEqual(['100m', '1', '0.5', '1u', '-1u', '2k'].map(toMilli), [100, 1000, 500, 1, -1, 2_000_000]);
  assert.deepEqual(['1Ki', '1k', '1500m', '1m', '128Mi'].map(toBytes), [1024, 1000, 2, 1, 134_217_728]);
  assert.equal(toUnits('8Ei'), 9_223_372_036_854_775_807n);
});

test('sums and differences keep the format of the first', () => {
  assert.equal(addQuantities('500m', '0.5'), '1');
  assert.equal(addQuantities('1Gi', '512Mi'), '1536Mi');
  assert.equal(addQuantities('0', '1Gi', '1k'), '1073742824');
  assert.equal(subtractQuantities('1', '250m'), '750m');
  assert.equal(subtractQuantities('1Gi', '1Gi'), '0');
});

const quantity = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.nat(99_999),
    fc.option(fc.nat(999), { nil: undefined }),
    fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'Ti', 'e2', 'e-4', 'E6'),
  )
  .map(([sign, whole, fraction, suffix]) => `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${suffix}`);

test('property: the canonical text means the same amount and is its own canonical text', () => {
  fc.assert(
    fc.property(quantity, (text) => {
      const canonical = canonicalQuantity(text);
      assert.equal(parseQuantity(canonical).nanos, parseQuantity(text).nanos);
      assert.equal(canonicalQuantity(canonical), canonical);
      assert.equal(formatQuantity(parseQuantity(text)), canonical);
    }),
  );
});

test('property: adding and comparing agree with exact arithmetic', () => {
  fc.assert(
    fc.property(quantity, quantity, (a, b) => {
      const [x, y] = [parseQuantity(a).nanos, parseQuantity(b).nanos];
      assert.equal(parseQuantity(addQuantities(a, b)).nanos, x + y);
      assert.equal(parseQuantity(subtractQuantities(a, b)).nanos, x - y);
      assert.equal(compareQuantities(a, b), x < y ? -1 : x > y ? 1 : 0);
    }),
  );
});

test('property: no text makes it throw anything but its own error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+.0-9eEinumkKMGTP]{1,12}$/)), (text) => {
      if (isQuantity(text)) assert.ok(isQuantity(canonicalQuantity(text)));
      else assert.throws(() => parseQuantity(text), { code: 'QUANTITY_INVALID' });
    }),
  );
});
