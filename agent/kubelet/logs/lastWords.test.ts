import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastWords } from './lastWords.ts';

const log = (lines: readonly string[]): Buffer => Buffer.from(lines.map((l) => `2026-01-01T00:00:00Z stderr F ${l}\n`).join(''));

test('lastWords: the last lines, no more than 80, no more than 2048 bytes', () => {
  assert.equal(lastWords(log([])), '');
  assert.equal(lastWords(log(['one', 'two'])), 'one\ntwo\n');
  const many = Array.from({ length: 100 }, (_, i) => String(i));
  assert.equal(lastWords(log(many)), `${many.slice(20).join('\n')}\n`);
  const wide = lastWords(log(Array.from({ length: 50 }, () => 'x'.repeat(99))));
  assert.equal(wide.length, 2_048);
});
