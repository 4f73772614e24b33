import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const folder = new URL('./', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
/** What never ends a start: it stays inside, or is a bug. */
const INSIDE = new Set(['CLIENT_GONE', 'STOPPING', 'NO_RESOURCE']);

test('the README lists every error code of a start, and no other', () => {
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (f) => f.endsWith('.ts') && !f.endsWith('.test.ts') && !/(^|\/)(testing|test|bench)\//.test(f),
  );
  // The command line and the keys of service accounts are read where other programs of the control plane have theirs read.
  const shared = ['../component/flags.ts', '../pki/signingKeys.ts'];
  const thrown = new Set(
    [...sources, ...shared].flatMap((f) => [...read(f).matchAll(/new AppError\(\s*'([A-Z_]+)'/g)].map((m) => m[1] ?? '')),
  );
  const listed = new Set([...read('README.md').matchAll(/^\| `([A-Z_]+)`\s+\|/gm)].map((m) => m[1] ?? ''));
  assert.ok(thrown.size > 0);
  assert.deepEqual([...listed].toSorted(), [...thrown].filter((code) => !INSIDE.has(code)).toSorted());
});
