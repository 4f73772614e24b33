import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { diskUsage, diskUse } from './diskUsage.ts';
import { run } from './exec.ts';

test('diskUsage: as du counts: files below, hard links once, links not followed', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-usage-'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'a/b'), { recursive: true });
  for (const [name, bytes] of [
    ['a/big', 1 << 20],
    ['a/b/small', 10],
  ] as const)
    writeFileSync(join(dir, name), Buffer.alloc(bytes, 1));
  linkSync(join(dir, 'a/big'), join(dir, 'a/again'));
  symlinkSync('/usr', join(dir, 'a/link'));
  await run(['sync', '-f', dir]); // until then some file systems have given no blocks yet
  const bytes = await diskUsage(dir);
  assert.equal(bytes, Number((await run(['du', '--summarize', '--block-size=1', dir])).stdout.split('\t')[0]));
  assert.ok(bytes >= 1 << 20 && bytes < 2 << 20);
  assert.equal(await diskUsage(join(dir, 'no')), 0);
  assert.deepEqual(await diskUse(join(dir, 'no')), { bytes: 0, inodes: 0 });
  const { stdout } = await execa('find', [dir, '-printf', '%i\\n']);
  assert.equal((await diskUse(dir)).inodes, new Set(stdout.split('\n')).size);
});
