import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

test('every module that is loaded when it is needed is in the cache from the first start on, so that no start keeps what strips types', () => {
  const here = new URL('./', import.meta.url);
  const sources = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter(
    (f) => f.endsWith('.ts') && !/\.test\.ts$|^test\//.test(f),
  );
  const lazy = sources.flatMap((file) =>
    [...readFileSync(new URL(file, here), 'utf8').matchAll(/\bimport\('([^']+\.ts)'\)/g)].map(([, name = '']) =>
      name.startsWith('#') ? name : new URL(name, new URL(file, here)).pathname.slice(here.pathname.length),
    ),
  );
  const named = /const LATER = \[([\s\S]*?)\];/.exec(readFileSync(new URL('main.ts', here), 'utf8'))?.[1] ?? '';
  const warm = [...named.matchAll(/import\('(?:\.\/)?([^']+)'\)/g)].map(([, name]) => name);
  assert.ok(warm.length > 3 && lazy.length > warm.length);
  assert.deepEqual(
    lazy.filter((name) => !warm.includes(name)),
    [],
  );
});
