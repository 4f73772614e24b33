import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const folder = new URL('./', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');

test('the README lists every error code, and no other', () => {
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'));
  const thrown = new Set(sources.flatMap((f) => [...read(f).matchAll(/new AppError\(\s*'([A-Z_]+)'/g)].map((m) => m[1])));
  const listed = new Set([...read('README.md').matchAll(/^\| `([A-Z_]+)`\s+\|/gm)].map((m) => m[1]));
  assert.ok(thrown.size > 0);
  assert.deepEqual(listed, thrown);
});
