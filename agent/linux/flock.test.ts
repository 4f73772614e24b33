import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { spawnDaemon } from './daemon.ts';
import { tryLock } from './flock.ts';
import { allProcesses } from './proc.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'kijabi-flock-'));
});
after(() => rmSync(directory, { recursive: true }));

test('one at a time, and the file goes with the lock', async () => {
  const path = join(directory, 'made', 'lock');
  const first = await tryLock(path);
  assert.ok(first);
  assert.equal(await tryLock(path), undefined);
  first.release();
  first.release();
  assert.ok(!existsSync(path));
  const second = await tryLock(path);
  assert.ok(second);
  second.release();
});

test('the lock of a killed holder is free', async () => {
  const path = join(directory, 'killed');
  const { pid, exited } = spawnDaemon(['flock', path, 'sleep', '60'], '/dev/null');
  const [clock, { signal }] = [new SystemClock(), new AbortController()];
  const hasIt = (): boolean => allProcesses().some(({ parent, command }) => parent === pid && command === 'sleep');
  while (!hasIt()) await clock.sleep(5, signal);
  assert.equal(await tryLock(path), undefined);
  process.kill(-pid, 'SIGKILL'); // flock and its sleep, which holds the lock too
  await exited;
  let lock = await tryLock(path);
  for (; lock === undefined; lock = await tryLock(path)) await clock.sleep(5, signal);
  lock.release();
});

test('a directory that cannot be made', async () => {
  await assert.rejects(tryLock('/dev/null/lock'), { code: 'LOCK_FAILED' });
});
