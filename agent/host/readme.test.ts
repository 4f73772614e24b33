import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url).pathname;

test('the README names every error code of a node, and no other', () => {
  const files = globSync(
    ['agent/host/*.ts', 'agent/linux/{exec,flock,netns,proc}.ts', 'controlplane/cli/{start,startOptions,detach,down,env,main}.ts'],
    {
      cwd: root,
    },
  ).filter((file) => !file.endsWith('.test.ts'));
  const inCode = files.flatMap((file) =>
    [...readFileSync(root + file, 'utf8').matchAll(/new AppError\(\s*'([A-Z_]+)'/g)].map((match) => match[1] ?? ''),
  );
  const table = [...readFileSync(`${root}agent/host/README.md`, 'utf8').matchAll(/^\| `([A-Z_]+)` *\|/gm)].map((match) => match[1]);
  // STOPPING is the reason of signals and never reaches people.
  assert.deepEqual(table, [...new Set(inCode)].filter((code) => code !== 'STOPPING').sort());
});
