import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asideOf, planRotation } from './rotate.ts';

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0);
const LIMITS = { maxBytes: 100, maxFiles: 4 };
const plan = (bytes: number, ...names: string[]) => planRotation({ log: '0.log', bytes, names: ['0.log', ...names] }, LIMITS, NOW);

test('a log below its limit is left alone, whatever lies beside it', () =>
  assert.deepEqual(plan(99, '0.log.20260101-000000', '0.log.20260101-000000.gz.tmp'), { remove: [], compress: [], rename: undefined }));

test('a log that is large enough is put aside under the time', () =>
  assert.deepEqual(plan(100), { remove: [], compress: [], rename: '0.log.20260131-120000' }));

test('what was put aside before is compressed, and the oldest goes', () =>
  assert.deepEqual(plan(100, '0.log.20260103-000000', '0.log.20260101-000000.gz', '0.log.20260102-000000.gz'), {
    remove: ['0.log.20260101-000000.gz'],
    compress: ['0.log.20260103-000000'],
    rename: '0.log.20260131-120000',
  }));

test('what a broken compression left goes', () =>
  assert.deepEqual(plan(100, '0.log.20260103-000000', '0.log.20260103-000000.gz', '0.log.20260103-000000.gz.tmp').remove, [
    '0.log.20260103-000000.gz.tmp',
    '0.log.20260103-000000',
  ]));

test('two in one second', () => assert.equal(plan(100, '0.log.20260131-120000.gz').rename, '0.log.20260131-120000-1'));

test('logs of other runs and files of others are not touched', () => {
  const { remove, compress } = plan(1_000, '1.log.20250101-000000', '10.log', '0.log.backup', '0.log.old.gz', '00.log.20250101-000000');
  assert.deepEqual([remove, compress], [[], []]);
});

test('however often it is rotated, never more than maxFiles, and the newest stay', () => {
  let fullest = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 6 }),
      fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 15 }),
      (maxFiles, steps) => {
        let names = ['0.log'];
        let nowMs = NOW;
        const made: string[] = [];
        for (const step of steps) {
          nowMs += step;
          const { remove, compress, rename } = planRotation({ log: '0.log', bytes: 100, names }, { maxBytes: 100, maxFiles }, nowMs);
          names = names.filter((n) => !remove.includes(n)).map((n) => (compress.includes(n) ? `${n}.gz` : n));
          names.push(rename ?? '');
          made.push(rename ?? '');
          fullest = Math.max(fullest, names.length);
          assert.ok(names.length <= maxFiles, names.join(' '));
          const kept = asideOf('0.log', names).map((n) => n.replace('.gz', ''));
          assert.deepEqual(kept.toSorted(), made.slice(-kept.length).toSorted());
        }
      },
    ),
    { numRuns: 100 },
  );
  assert.ok(fullest >= 5);
});
