import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { imagesToRemove, toFree, type GcRules, type LocalImage } from './gc.ts';

const rules: GcRules = { highPercent: 85, lowPercent: 80, minAgeMs: 120_000, maxAgeMs: 0 };

for (const [availableBytes, want] of [
  [1_000, 0],
  [160, 0],
  [159, 41],
  [150, 50],
  [0, 200],
] as const) {
  test(`toFree: with ${availableBytes} of 1000 left it is ${want}`, () =>
    assert.equal(toFree({ capacityBytes: 1_000, availableBytes }, rules), want));
}
test('toFree: a disk of unknown size has nothing to be freed', () =>
  assert.equal(toFree({ capacityBytes: 0, availableBytes: 0 }, rules), 0));

test('imagesToRemove: what is used, pinned or young stays; those unused longest go first, and no more than needed; old ones go anyway', () => {
  const NOW = 10_000_000;
  const image = fc.record({
    sizeBytes: fc.integer({ min: 1, max: 10 }),
    pinned: fc.boolean(),
    inUse: fc.boolean(),
    firstSeenMs: fc.integer({ min: NOW - 300_000, max: NOW }),
    unusedMs: fc.integer({ min: 0, max: 300_000 }),
  });
  const seen = { old: 0, size: 0 };
  fc.assert(
    fc.property(fc.array(image, { maxLength: 8 }), fc.integer({ min: 0, max: 30 }), fc.constantFrom(0, 200_000), (list, free, maxAgeMs) => {
      const images = list.map(({ unusedMs, ...i }, n): LocalImage => ({
        ...i,
        id: String(n),
        lastUsedMs: Math.max(i.firstSeenMs, NOW - unusedMs),
      }));
      const gone = imagesToRemove(images, free, { ...rules, maxAgeMs }, NOW);
      const mayGo = images.filter((i) => !i.inUse && !i.pinned && NOW - i.firstSeenMs >= 120_000);
      assert.ok(gone.every((i) => mayGo.includes(i)));
      const tooOld = (i: LocalImage): boolean => maxAgeMs > 0 && NOW - i.lastUsedMs > maxAgeMs;
      assert.ok(mayGo.filter(tooOld).every((i) => gone.includes(i)));
      const forSize = gone.filter((i) => !tooOld(i));
      const freed = gone.reduce((sum, i) => sum + i.sizeBytes, 0);
      if (forSize.length > 0) assert.ok(freed - forSize.at(-1)!.sizeBytes < free, 'one too many');
      if (freed < free) assert.equal(gone.length, mayGo.length, 'too few');
      for (const kept of mayGo.filter((i) => !gone.includes(i))) assert.ok(forSize.every((i) => i.lastUsedMs <= kept.lastUsedMs));
      seen.old += gone.length - forSize.length;
      seen.size += forSize.length;
    }),
  );
  assert.ok(seen.old > 0 && seen.size > 0);
});
