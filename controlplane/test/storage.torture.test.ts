/**
 * Kills a process that writes to an embedded store with SIGKILL, again and again, at random moments: while it opens, writes, compacts.
 * After every death the store must open and hold every acknowledged write and no half of one. KIJABI_STORE_KILLS=500 makes it long.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { EmbeddedStore } from '../apiserver/storage/embedded.ts';
import { watchFrom, must } from '../apiserver/storage/contractKit.ts';
import { keysOf, stateAfter, stepsDone } from './storage.torture.steps.ts';

const KILLS = Number(process.env['KIJABI_STORE_KILLS'] ?? 60);
const WRITERS = 8;
const child = new URL('storage.torture.child.ts', import.meta.url).pathname;
const clock = new SystemClock();

test(`embedded store: ${KILLS} times kill -9 under load loses nothing that was acknowledged`, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-torture-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const acknowledged = Array.from({ length: WRITERS }, () => 0);
  let newest = 0;
  let inFlight = 0;
  let written = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const life = await liveAndDie(dir, kill, t.signal);
    for (const { writer, step, revision } of life) {
      assert.ok(revision > 0 && step > must(acknowledged[writer]), 'steps or revisions go back');
      acknowledged[writer] = step;
      newest = Math.max(newest, revision);
    }
    written += life.length;
    const found = await inspect(dir, { acknowledged, newest });
    // What was found counts as told from now on: the next life goes on from there.
    for (const [writer, steps] of found.steps.entries()) {
      inFlight += steps - must(acknowledged[writer]);
      acknowledged[writer] = steps;
    }
    newest = found.revision;
  }
  t.diagnostic(`${written} acknowledged writes, ${inFlight} more that were on disk before they were acknowledged`);
  assert.ok(written > KILLS, 'hardly anything was written between the kills');
});

interface Acknowledged {
  readonly writer: number;
  readonly step: number;
  readonly revision: number;
}

/** Every seventh is killed before it has opened the store; the others some milliseconds into their writing. */
async function liveAndDie(dir: string, kill: number, signal: AbortSignal): Promise<readonly Acknowledged[]> {
  // Without the compile cache a life would consist of starting up.
  const env = { NODE_COMPILE_CACHE: join(tmpdir(), 'kijabi-compile-cache') };
  const life = execa(process.execPath, [child, dir, String(WRITERS)], { reject: false, buffer: false, stderr: 'inherit', env });
  const { stdout } = life;
  let said = '';
  const opened = new Promise<void>((resolve) => {
    stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.startsWith('open\n')) resolve();
    });
    stdout.once('end', () => resolve());
  });
  if (kill % 7 === 6) await clock.sleep(30 + Math.random() * 120, signal);
  else {
    await opened;
    await clock.sleep(Math.random() * 120, signal);
  }
  const ended = once(stdout, 'close');
  life.kill('SIGKILL');
  const { signal: cause } = await life;
  await ended;
  assert.equal(cause, 'SIGKILL', `the process ended by itself: ${said.slice(-500)}`);
  const lines = said.split('\n').slice(1, -1);
  const all = lines.map((line) => line.split(' ').map(Number)).map(([writer = 0, step = 0, revision = 0]) => ({ writer, step, revision }));
  assert.deepEqual(new Set(all.map((a) => a.revision)).size, all.length, 'a revision was given twice');
  return all;
}

async function inspect(
  dir: string,
  { acknowledged, newest }: { readonly acknowledged: readonly number[]; readonly newest: number },
): Promise<{ readonly steps: readonly number[]; readonly revision: number }> {
  const store = await EmbeddedStore.open({ dir, history: { keepMs: 0 } });
  try {
    const allSteps: number[] = [];
    const revision = await store.revision();
    assert.ok(revision >= newest, `revision ${revision} is behind the acknowledged ${newest}`);
    for (const [writer, acked] of acknowledged.entries()) {
      const steps = await stepsDone(store, writer);
      assert.ok(steps === acked || steps === acked + 1, `writer ${writer}: ${acked} steps were acknowledged, ${steps} are there`);
      allSteps.push(steps);
      const [left, right] = await Promise.all(keysOf(writer).map((key) => store.get(key)));
      const text = (value: Uint8Array | undefined): string | undefined => (value === undefined ? undefined : Buffer.from(value).toString());
      assert.deepEqual({ left: text(left?.value), right: text(right?.value) }, stateAfter(writer, steps));
      assert.equal(left?.modRevision, right?.modRevision);
    }
    const { entries } = await store.list({ prefix: '' });
    assert.ok(entries.length <= 3 * WRITERS);
    const { compactedRevision = 0 } = await store.status();
    await assertWholeLog(store, compactedRevision, revision);
    return { steps: allSteps, revision };
  } finally {
    await store.close();
  }
}

/** From the compaction on every revision is there, each with the writes of one whole transaction. */
async function assertWholeLog(store: EmbeddedStore, from: number, to: number): Promise<void> {
  const stop = new AbortController();
  const batches = watchFrom(store, '', from, stop.signal);
  batches.progressTo(to);
  let next = from + 1;
  for (let at = from; at < to;) {
    const batch = must(await batches.next());
    for (let i = 0; i < batch.changes.length; i += 3) {
      const writes = batch.changes.slice(i, i + 3);
      assert.deepEqual(
        writes.map((w) => w.revision),
        [next, next, next],
      );
      next += 1;
    }
    at = batch.revision;
  }
  stop.abort();
  await batches.return();
  assert.equal(next, to + 1);
}
