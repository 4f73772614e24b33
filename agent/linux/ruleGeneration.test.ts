import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGeneration, watchOf } from './ruleGeneration.ts';

const message = (type: number, ...attributes: [number, number[]][]): Buffer => {
  const body = attributes.flatMap(([kind, value]) => {
    const padded = [...value, ...Array.from({ length: (4 - (value.length % 4)) % 4 }, () => 0)];
    return [value.length + 4, 0, kind, 0, ...padded];
  });
  const head = Buffer.alloc(20);
  head.writeUInt16LE(type, 4);
  return Buffer.concat([head, Buffer.from(body)]);
};

test('parseGeneration: finds the number among other attributes', () => {
  assert.equal(parseGeneration(message(0x0a0f, [3, [65, 66, 0]], [1, [0, 0, 1, 2]])), 258);
});

for (const [why, given] of [
  ['an error message', message(2, [1, [0, 0, 1, 2]])],
  ['a message without the number', message(0x0a0f, [2, [0, 0, 1, 2]])],
  ['a message that is cut off', Buffer.alloc(6)],
  ['an attribute of no length', Buffer.concat([message(0x0a0f), Buffer.alloc(8)])],
] as const) {
  test(`parseGeneration: ${why} has none`, () => assert.equal(parseGeneration(given), undefined));
}

test("watchOf: what changes after our last write is somebody else's doing", () => {
  let now: string | undefined = '3';
  const watch = watchOf(() => now);
  assert.equal(watch.foreignWrites(), 0);
  now = '4';
  watch.wrote(1);
  assert.equal(watch.foreignWrites(), 0);
  now = '0';
  assert.equal(watch.foreignWrites(), 1);
  assert.equal(watch.foreignWrites(), 1);
  now = undefined;
  assert.equal(watch.foreignWrites(), undefined);
});
