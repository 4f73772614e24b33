import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expand } from './env.ts';

const env: Readonly<Record<string, string>> = { A: '1', B: 'two words', EMPTY: '' };
for (const [text, want] of [
  ['plain', 'plain'],
  ['$(A)', '1'],
  ['x$(A)y$(B)z', 'x1ytwo wordsz'],
  ['$(EMPTY)|', '|'],
  ['$(UNKNOWN)', '$(UNKNOWN)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$1'],
  ['$$$$(A)', '$$(A)'],
  ['$A', '$A'],
  ['$(A', '$(A'],
  ['$', '$'],
  ['$()', '$()'],
  ['100$', '100$'],
] as const) {
  test(`expand: ${text} becomes ${want}`, () =>
    assert.equal(
      expand(text, (name) => env[name]),
      want,
    ));
}
