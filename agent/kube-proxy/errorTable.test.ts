import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

test('README: the table of errors holds every code of the proxy, and no other', () => {
  const here = new URL('./', import.meta.url).pathname;
  const sources = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter(
    (f) => f.endsWith('.ts') && !/(\.test|testing)\.ts$/.test(f),
  );
  const code = [...sources.map((f) => here + f), ...['conntrack', 'sysctl'].map((f) => `${here}../linux/${f}.ts`)]
    .map((f) => readFileSync(f, 'utf8'))
    .join('\n');
  const thrown = new Set([...code.matchAll(/(?:AppError\(\s*|code: |missingCode: )'([A-Z_]+)'/g)].map((m) => m[1] ?? ''));
  const listed = [...readFileSync(`${here}README.md`, 'utf8').matchAll(/^\| `([A-Z_]+)`/gm)].map((m) => m[1] ?? '');
  // STOPPING ends a daemon, BAD_REQUEST and NOT_FOUND are HTTP answers, INTERNAL is what another said.
  const told = [...thrown].filter((c) => !['STOPPING', 'BAD_REQUEST', 'NOT_FOUND', 'INTERNAL'].includes(c));
  assert.deepEqual(listed.toSorted(), told.toSorted());
});
