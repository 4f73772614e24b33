import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { writeAtomically, type AtomicFile } from './atomicFiles.ts';

function directory(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-atomic-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
const files = (given: Readonly<Record<string, string>>, mode = 0o644): Map<string, AtomicFile> =>
  new Map(Object.entries(given).map(([path, text]) => [path, { bytes: Buffer.from(text), mode }]));
const visible = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => !name.startsWith('..'))
    .sort();

test('writeAtomically: names at the top lead through ..data; what is not wanted any more goes', async (t) => {
  const dir = directory(t);
  assert.equal(await writeAtomically(dir, files({ a: '1', 'sub/b': '2' }, 0o440)), true);
  assert.deepEqual(visible(dir), ['a', 'sub']);
  assert.equal(readlinkSync(join(dir, 'a')), '..data/a');
  assert.equal(readFileSync(join(dir, 'sub/b'), 'utf8'), '2');
  assert.equal(statSync(join(dir, 'a')).mode & 0o777, 0o440);
  const before = readlinkSync(join(dir, '..data'));
  assert.equal(await writeAtomically(dir, files({ a: '1', 'sub/b': '2' }, 0o440)), false);
  assert.equal(readlinkSync(join(dir, '..data')), before, 'nothing changed, nothing is written');
  assert.equal(await writeAtomically(dir, files({ c: '3' })), true);
  assert.deepEqual(visible(dir), ['c']);
  assert.equal(readdirSync(dir).length, 3, 'the link, one directory, one name');
});

test('writeAtomically: a reader never sees half a set', async (t) => {
  const dir = directory(t);
  const names = Array.from({ length: 8 }, (_, i) => `f${i}`);
  const set = (n: number): Map<string, AtomicFile> => files(Object.fromEntries(names.map((name) => [name, String(n)])));
  await writeAtomically(dir, set(0));
  // Reads through one resolved directory, as programs that care do, and by plain names that each must be whole.
  const reader = new Worker(
    `const { parentPort, workerData: { dir, names } } = require('node:worker_threads');
     const { readFileSync, realpathSync } = require('node:fs');
     let reads = 0, stop = false; const bad = [], seen = new Set();
     parentPort.on('message', () => { stop = true; });
     const look = () => {
       try {
         const data = realpathSync(dir + '/..data');
         const values = names.map((n) => readFileSync(data + '/' + n, 'utf8'));
         seen.add(values[0]);
         if (new Set(values).size !== 1) bad.push(values.join());
         for (const n of names) if (!/^\\d+$/.test(readFileSync(dir + '/' + n, 'utf8'))) bad.push('half a file');
       } catch (err) { if (err.code !== 'ENOENT') bad.push(String(err)); }
       reads += 1;
       if (stop) parentPort.postMessage({ reads, bad, seen: seen.size }); else setImmediate(look);
     };
     look();`,
    { eval: true, workerData: { dir, names } },
  );
  t.after(() => reader.terminate());
  await new Promise((resolve) => reader.once('online', resolve));
  for (let n = 1; n <= 200; n++) await writeAtomically(dir, set(n));
  const told = new Promise<{ reads: number; bad: string[]; seen: number }>((resolve) => reader.once('message', resolve));
  // oxlint-disable-next-line require-post-message-target-origin -- a worker thread, not a window
  reader.postMessage('stop');
  const { reads, bad, seen } = await told;
  assert.deepEqual(bad, []);
  assert.ok(reads > 0 && seen > 0);
});
