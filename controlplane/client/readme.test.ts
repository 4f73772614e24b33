import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

test('the README names every code that is thrown here', () => {
  const dir = new URL('.', import.meta.url);
  const thrown = new Set(
    readdirSync(dir)
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .flatMap((file) => [...readFileSync(new URL(file, dir), 'utf8').matchAll(/AppError\(\s*'([A-Z_]+)'/g)].map((m) => m[1] ?? '')),
  );
  thrown.delete('STOPPING'); // the end, not an error
  const readme = readFileSync(new URL('README.md', dir), 'utf8');
  assert.deepEqual(
    [...thrown].filter((code) => !readme.includes(`\`${code}\``)),
    [],
  );
  assert.ok(thrown.size > 8);
});
