import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { spawnDaemon } from './daemon.ts';

test('spawnDaemon: in a process group of its own, its output in the file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kijabi-exec-'));
  try {
    const file = join(directory, 'log');
    const daemon = spawnDaemon(['sh', '-c', 'cut -d " " -f 5 /proc/$$/stat; echo err >&2; exit 5'], file);
    assert.deepEqual(await daemon.exited, { exitCode: 5, signal: undefined });
    assert.deepEqual(readFileSync(file, 'utf8'), `${daemon.pid}\nerr\n`);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('spawnDaemon: a program that is not there', () => {
  assert.throws(() => spawnDaemon(['no-such-program-anywhere'], '/dev/null'), { code: 'EXEC_NOT_FOUND' });
});
