import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatLogLine, tailOffset } from './format.ts';

const all = { timestamps: false, sinceMs: undefined, stream: undefined };
const LINE = '2026-01-01T00:00:00.000000001Z stdout F hello world';
for (const [name, line, options, want] of [
  ['a full line is its text', LINE, all, 'hello world\n'],
  ['a part has no end of line', LINE.replace(' F ', ' P '), all, 'hello world'],
  ['with its time', LINE, { ...all, timestamps: true }, '2026-01-01T00:00:00.000000001Z hello world\n'],
  ['too old', LINE, { ...all, sinceMs: Date.parse('2026-01-01T00:00:01Z') }, undefined],
  ['of the other stream', LINE, { ...all, stream: 'stderr' as const }, undefined],
  ['an empty line', '2026-01-01T00:00:00Z stderr F ', all, '\n'],
  ['nothing', '', all, undefined],
  ['what is not of this format is given as it is', 'half a li', all, 'half a li\n'],
] as const) {
  test(`formatLogLine: ${name}`, () => assert.equal(formatLogLine(line, options), want));
}

test('tailOffset: where the last lines begin, with and without an end of line behind the last', () => {
  const text = (s: string, n: number): string => s.slice(tailOffset(Buffer.from(s), n));
  assert.deepEqual(
    [0, 1, 2, 9].map((n) => text('a\nb\nc\n', n)),
    ['', 'c\n', 'b\nc\n', 'a\nb\nc\n'],
  );
  assert.equal(text('a\nb\nc', 1), 'c');
});
