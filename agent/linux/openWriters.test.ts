import assert from 'node:assert/strict';
import { mkdtempSync, openSync, closeSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openWriters } from './openWriters.ts';

test('openWriters: names the process that writes, not the one that reads, and nobody once it is closed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-writers-'));
  const path = join(dir, 'web.yaml');
  try {
    const writing = openSync(path, 'w');
    assert.deepEqual(await openWriters(path), [process.pid]);
    closeSync(writing);
    const reading = openSync(path, 'r');
    assert.deepEqual(await openWriters(path), []);
    closeSync(reading);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
