import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

test('the table of error codes in the README is the list of codes in the sources', () => {
  const here = new URL('./', import.meta.url);
  const sources = readdirSync(here).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'));
  const thrown = sources.flatMap((f) => [...readFileSync(new URL(f, here), 'utf8').matchAll(/'(IMAGES_[A-Z_]+)'/g)].map((m) => m[1]!));
  const listed = [...readFileSync(new URL('README.md', here), 'utf8').matchAll(/^\| (IMAGES_[A-Z_]+) +\| .{10,} \|$/gm)].map((m) => m[1]!);
  assert.ok(thrown.length > 20);
  assert.deepEqual(new Set(listed), new Set(thrown));
  assert.equal(new Set(listed).size, listed.length);
});
