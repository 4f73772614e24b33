import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

test('README: the table of errors holds every code of the DNS server, and no other', () => {
  const here = new URL('./', import.meta.url).pathname;
  const sources = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter(
    (f) => f.endsWith('.ts') && !/(\.test\.ts$|^testing\/|^bench\/)/.test(f),
  );
  const code = sources.map((f) => readFileSync(here + f, 'utf8')).join('\n');
  const thrown = new Set([...code.matchAll(/AppError\(\s*'([A-Z_]+)'/g)].map((m) => m[1] ?? ''));
  const listed = [...readFileSync(`${here}README.md`, 'utf8').matchAll(/^\| `([A-Z_]+)`/gm)].map((m) => m[1] ?? '');
  thrown.delete('STOPPING');
  assert.deepEqual(listed.toSorted(), [...thrown].toSorted());
});
