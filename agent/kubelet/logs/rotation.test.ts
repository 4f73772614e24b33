/** Rotation on real files, and readers that read across it. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ManualClock, SystemClock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import { readLog } from '../server/logs.ts';
import { rotateLogs } from './act.ts';

const never = new AbortController().signal;
const stamp = (n: number): string => `2026-01-01T00:00:${String(n % 60).padStart(2, '0')}.000000000Z stdout F line ${n}\n`;
const lines = (from: number, to: number): string => Array.from({ length: to - from }, (_, i) => stamp(from + i)).join('');

function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-logs-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

async function read(file: string, tailLines?: number): Promise<string[]> {
  const options = { timestamps: false, sinceMs: undefined, stream: undefined, follow: false, tailLines, limitBytes: undefined };
  let text = '';
  for await (const piece of readLog(file, { ...options, clock: new SystemClock(), stillRuns: () => false }, never)) text += piece;
  return text.split('\n').slice(0, -1);
}
const want = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `line ${from + i}`);

test('a log is read with what was put aside of it, compressed or not, and its last lines are found over all of it', async (t) => {
  const file = join(scratch(t), '0.log');
  writeFileSync(`${file}.20260101-000000.gz`, gzipSync(lines(0, 10)));
  writeFileSync(`${file}.20260101-000100`, lines(10, 13));
  writeFileSync(file, lines(13, 15));
  writeFileSync(join(file, '..', '1.log.20260101-000000'), lines(90, 99));
  assert.deepEqual(await read(file), want(0, 15));
  for (const n of [0, 1, 2, 3, 5, 6, 14, 15, 99]) assert.deepEqual(await read(file, n), want(Math.max(0, 15 - n), 15), `tail ${n}`);
});

test('who follows a log reads on in the new file, and loses nothing of the old one', async (t) => {
  const file = join(scratch(t), '0.log');
  writeFileSync(file, lines(0, 3));
  let runs = true;
  const got: string[] = [];
  const clock = new SystemClock();
  const options = { timestamps: false, sinceMs: undefined, stream: undefined, follow: true, tailLines: undefined, limitBytes: undefined };
  const reading = (async () => {
    for await (const piece of readLog(file, { ...options, clock, stillRuns: () => runs }, never)) {
      got.push(piece.trimEnd());
      if (got.length === 3) {
        renameSync(file, `${file}.20260101-000000`);
        appendFileSync(`${file}.20260101-000000`, lines(3, 5)); // written before it was opened anew
        writeFileSync(file, lines(5, 7));
      }
      if (got.length === 7) runs = false;
    }
  })();
  await reading;
  assert.deepEqual(got, want(0, 7));
});

async function rotating(t: TestContext, reopen: (file: string) => void) {
  const dir = scratch(t);
  const file = join(dir, '0.log');
  writeFileSync(file, lines(0, 100));
  const clock = new ManualClock(Date.UTC(2026, 0, 31, 12));
  const stop = new AbortController();
  const said: string[] = [];
  let reopened = 0;
  const loop = rotateLogs(
    {
      options: { maxBytes: 1_000, maxFiles: 3, everyMs: 10_000, workers: 1 },
      clock,
      log: makeLogger({ write: (line) => void said.push(line), clock }),
      running: () => [{ id: 'id', file, pod: 'default/web', container: 'c' }],
      reopen: async () => {
        reopened += 1;
        reopen(file);
      },
    },
    stop.signal,
  );
  t.after(async () => {
    stop.abort();
    await loop;
  });
  /** One look, to its end. */
  const look = async (): Promise<void> => {
    const before = clock.nextWakeMs;
    assert.equal(before, 10_000);
    await clock.advance(10_000);
    while (clock.nextWakeMs === undefined) await new Promise((resolve) => setImmediate(resolve));
  };
  return { dir, file, look, said, reopened: () => reopened };
}

test('a large log is put aside and opened anew; the older ones are compressed, the oldest go, and all that is kept can be read', async (t) => {
  const { dir, file, look, said } = await rotating(t, (f) => writeFileSync(f, ''));
  await look();
  assert.deepEqual(readdirSync(dir).sort(), ['0.log', '0.log.20260131-120010']);
  writeFileSync(file, lines(100, 101));
  await look();
  assert.equal(readdirSync(dir).length, 2, 'a small one is left alone');
  for (let i = 0; i < 3; i++) {
    writeFileSync(file, lines(200 + 100 * i, 300 + 100 * i));
    await look();
  }
  assert.deepEqual(readdirSync(dir).sort(), ['0.log', '0.log.20260131-120040.gz', '0.log.20260131-120050']);
  assert.deepEqual(await read(file), want(300, 500));
  assert.deepEqual(said, []);
});

test('a runtime that does not open a new file: the log keeps its name and its content, and it is told', async (t) => {
  const { dir, file, look, said } = await rotating(t, () => {
    throw new Error('not now');
  });
  await look();
  assert.deepEqual(readdirSync(dir), ['0.log']);
  assert.equal(readFileSync(file, 'utf8'), lines(0, 100));
  assert.match(said.join(''), /<4>Cannot rotate container log pod=default\/web container=c err="not now"/);
});

test('a container that was removed a moment ago is nothing to speak of', async (t) => {
  const { file, look, said, reopened } = await rotating(t, () => {
    throw new AppError('CRI_NOT_FOUND', 'ReopenContainerLog found nothing');
  });
  rmSync(file);
  await look();
  assert.deepEqual([reopened(), said], [1, []]);
});

test('a log whose name is gone is opened anew: an earlier rotation was broken off', async (t) => {
  const { dir, file, look, reopened } = await rotating(t, (f) => writeFileSync(f, ''));
  renameSync(file, `${file}.20260131-110000`);
  await look();
  assert.equal(reopened(), 1);
  assert.deepEqual(readdirSync(dir).sort(), ['0.log', '0.log.20260131-110000']);
});
