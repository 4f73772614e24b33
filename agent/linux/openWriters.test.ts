import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openWriters, WriterProbe } from './openWriters.ts';

async function withFile(work: (path: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-writers-'));
  try {
    await work(join(dir, 'web.yaml'));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('openWriters: names the process that writes, not the one that reads, and nobody once it is closed', () =>
  withFile(async (path) => {
    const writing = openSync(path, 'w');
    assert.deepEqual(await openWriters(path), [process.pid]);
    closeSync(writing);
    const reading = openSync(path, 'r');
    assert.deepEqual(await openWriters(path), []);
    closeSync(reading);
  }));

test('WriterProbe: says the same as a walk over all processes, whatever is open', () =>
  withFile(async (path) => {
    const probe = await WriterProbe.open();
    closeSync(openSync(path, 'w'));
    for (const mode of ['r', 'r+', 'a', 'w'] as const) {
      const fd = openSync(path, mode);
      assert.equal(await probe.isBeingWritten(path), (await openWriters(path)).length > 0, `open with ${mode}`);
      assert.equal(await probe.isBeingWritten(path), mode !== 'r');
      closeSync(fd);
      assert.equal(await probe.isBeingWritten(path), false);
    }
  }));

test('WriterProbe: asking leaves nothing behind that would hold up the next writer', () =>
  withFile(async (path) => {
    const probe = await WriterProbe.open();
    closeSync(openSync(path, 'w'));
    for (let i = 0; i < 100; i++) {
      assert.equal(await probe.isBeingWritten(path), false);
      const fd = openSync(path, 'r+');
      writeSync(fd, 'x');
      closeSync(fd);
    }
  }));
