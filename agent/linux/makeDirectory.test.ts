import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDirectory } from './makeDirectory.ts';

test('makeDirectory', async (t) => {
  const own = mkdtempSync(join(tmpdir(), 'kijabi-mkdir-'));
  t.after(() => rmSync(own, { recursive: true }));
  writeFileSync(join(own, 'file'), '');
  symlinkSync('nowhere', join(own, 'link'));
  await t.test('makes it with all above it', async () => {
    assert.equal(await makeDirectory(join(own, 'a/b/c'), 0o750), true);
    for (const path of ['a', 'a/b', 'a/b/c']) assert.equal(statSync(join(own, path)).mode & 0o777, 0o750);
  });
  await t.test('what is there stays as it is', async () => {
    assert.equal(await makeDirectory(join(own, 'a'), 0o700), false);
    assert.equal(statSync(join(own, 'a')).mode & 0o777, 0o750);
    assert.equal(await makeDirectory(join(own, 'file'), 0o755), false);
    assert.equal(await makeDirectory('/', 0o755), false);
  });
  await t.test('below a file', () => assert.rejects(makeDirectory(join(own, 'file/x/y'), 0o755), { code: 'ENOTDIR' }));
  await t.test('below a link that leads nowhere', () => assert.rejects(makeDirectory(join(own, 'link/x'), 0o755), { code: 'ENOENT' }));
  await t.test('where nobody can make any, it ends', { timeout: 30_000 }, () =>
    assert.rejects(makeDirectory('/proc/kijabi/x', 0o755), (err: NodeJS.ErrnoException) =>
      ['ENOENT', 'EACCES', 'EPERM'].includes(err.code ?? ''),
    ),
  );
});
