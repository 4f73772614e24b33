import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { startFakeRuntime } from '#cri/fakeServer.ts';
import { waitCri } from './cri.ts';

test('a containerd that listens and cannot answer yet is waited for; one that fails is not', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-wait-'));
  const clock = new SystemClock();
  const fake = await startFakeRuntime({ socketPath: join(dir, 'cri.sock'), clock });
  t.after(() => {
    fake.close();
    rmSync(dir, { recursive: true });
  });
  const waiting = (): Promise<void> => waitCri({ endpoint: fake.endpoint, what: 'runtime', clock }, t.signal);
  fake.failNext('Status', 'UNKNOWN', 'server is not initialized yet', 3);
  await waiting();
  fake.failNext('Status', 'INTERNAL', 'no disk');
  await assert.rejects(waiting(), /no disk/);
});
