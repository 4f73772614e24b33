import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { codeOf } from '#base/errors.ts';
import { openInside, pathOf, type OpenInsideOptions } from './insideDirectory.ts';

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-inside-'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'v/a/b'), { recursive: true });
  mkdirSync(join(dir, 'outside'));
  writeFileSync(join(dir, 'outside/secret'), 'secret');
  writeFileSync(join(dir, 'v/a/file'), 'inside');
  return dir;
}
const outcome = async (dir: string, path: string, options: OpenInsideOptions = {}): Promise<string> => {
  try {
    const handle = await openInside(join(dir, 'v'), path, options);
    try {
      const isDirectory = (await handle.stat()).isDirectory();
      return isDirectory ? (await readdir(pathOf(handle))).join() : await readFile(pathOf(handle), 'utf8');
    } finally {
      await handle.close();
    }
  } catch (err) {
    return codeOf(err) ?? String(err);
  }
};

for (const [name, path, want] of [
  ['a directory', 'a', 'b,file'],
  ['a file', 'a/file', 'inside'],
  ['the directory itself', '.', 'a,absolute,broken,inside,out,up'],
  ['a link that stays inside', 'inside/file', 'inside'],
  ['a link that names a place inside from the root', 'absolute/file', 'inside'],
  ['a link out', 'out/secret', 'PATH_OUTSIDE'],
  ['a link out by its parent', 'up/secret', 'PATH_OUTSIDE'],
  ['upwards', 'a/../../outside', 'PATH_OUTSIDE'],
  ['absolute', '/etc', 'PATH_OUTSIDE'],
  ['what is not there', 'a/no/where', 'ENOENT'],
  ['a link to what is not there', 'broken', 'ENOENT'],
  ['below a file', 'a/file/x', 'ENOTDIR'],
] as const) {
  test(`openInside: ${name}`, async (t) => {
    const dir = directory(t);
    symlinkSync('a', join(dir, 'v/inside'));
    symlinkSync(join(dir, 'v/a'), join(dir, 'v/absolute'));
    symlinkSync(join(dir, 'outside'), join(dir, 'v/out'));
    symlinkSync('../outside', join(dir, 'v/up'));
    symlinkSync('../outside/new', join(dir, 'v/broken'));
    assert.equal(await outcome(dir, path), want);
  });
}

test('openInside: makes what is missing with its mode, never through a link', async (t) => {
  const dir = directory(t);
  symlinkSync('../outside/new', join(dir, 'v/broken'));
  assert.equal(await outcome(dir, 'a/x/y', { makeWithMode: 0o2777 }), '');
  for (const made of ['v/a/x', 'v/a/x/y']) assert.equal(statSync(join(dir, made)).mode & 0o7777, 0o2777, made);
  assert.equal(await outcome(dir, 'broken/deep', { makeWithMode: 0o777 }), 'PATH_CHANGED');
  assert.deepEqual(readdirSync(join(dir, 'outside')), ['secret']);
});

test('openInside: however often a directory is swapped for a link out meanwhile, nothing outside is opened', async (t) => {
  const dir = directory(t);
  const [a, aside] = [join(dir, 'v/a'), join(dir, 'v/aside')];
  const done = new AbortController();
  const swapping = (async () => {
    for (; !done.signal.aborted; await new Promise((resolve) => setImmediate(resolve))) {
      renameSync(a, aside);
      symlinkSync('../outside', a);
      await new Promise((resolve) => setImmediate(resolve));
      rmSync(a);
      renameSync(aside, a);
    }
  })();
  const seen = new Map<string, number>();
  const enough = (): boolean => seen.has('PATH_CHANGED') && [...seen.values()].reduce((n, m) => n + m, 0) >= 1_000;
  while (!enough() && !seen.has('secret')) {
    const what = await outcome(dir, 'a');
    seen.set(what, (seen.get(what) ?? 0) + 1);
  }
  done.abort();
  await swapping;
  assert.equal(seen.has('secret'), false, JSON.stringify([...seen]));
});
