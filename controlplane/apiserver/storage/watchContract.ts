/**
 * The watch oracle: writers that race each other, watches that break off and resume where they were, compaction in between. Every
 * acknowledged write told its revision, so the true history is known without any watch; each watch must have seen exactly its part.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf } from '#base/errors.ts';
import { seededRandom } from '#base/seededRandom.ts';
import { fails, must, watchFrom, type ContractOptions, type OpenedStore } from './contractKit.ts';
import type { Change, Store } from './store.ts';

const WRITERS = 8;
const WATCHES = 12;
const KEYS = 10;

/** As text, so that a difference can be read. */
type Line = string;

export function testWatchOracle(name: string, { open, oracleWrites }: ContractOptions): void {
  void test(`${name}: watches that break off and resume see exactly the history`, async () => {
    const opened = await open();
    try {
      await runOracle(opened, oracleWrites);
    } finally {
      await opened.close();
    }
  });
}

async function runOracle({ store, root }: OpenedStore, writes: number): Promise<void> {
  const random = seededRandom(Number(process.env['STORE_SEED'] ?? 20_260_101));
  const start = await store.revision();
  const truth = new Map<number, Line[]>();
  const done = new AbortController();
  const prefixes = [root, `${root}odd/`, `${root}even/`];
  const seen = Array.from({ length: WATCHES }, (_, i) => ({
    prefix: must(prefixes[i % prefixes.length]),
    lines: [] as Line[],
    at: start,
    resumed: 0,
  }));

  const finish = Promise.withResolvers<number>();
  const end: { revision?: number } = {};
  const watching = seen.map(async (watch) => {
    while (end.revision === undefined || watch.at < end.revision) {
      const stop = new AbortController();
      const batches = watchFrom(store, watch.prefix, watch.at, stop.signal);
      void finish.promise.then((revision) => batches.progressTo(revision));
      for (let left = 1 + Math.floor(random() * 20); left > 0 && watch.at !== end.revision; left--) {
        const value = await batches.next();
        if (value === undefined) break;
        assert.ok(value.revision >= watch.at, 'revisions go back');
        watch.lines.push(...value.changes.map(lineOf));
        watch.at = value.revision;
        if (random() < 0.1) break;
      }
      watch.resumed += 1;
      stop.abort();
      await batches.return();
    }
  });
  const writing = Array.from({ length: WRITERS }, async () => {
    for (let n = 0; n < writes / WRITERS; n++) await writeSomething(store, root, random, truth);
  });
  const compacting = compactSometimes(store, random, seen, done.signal);
  await Promise.all(writing);
  done.abort();
  await compacting;
  end.revision = await store.revision();
  finish.resolve(end.revision);
  await Promise.all(watching);

  const history = [...truth].toSorted(([a], [b]) => a - b).flatMap(([, lines]) => lines.toSorted());
  assert.ok(history.length >= writes / 2, `only ${history.length} writes succeeded`);
  for (const { prefix, lines, resumed } of seen) {
    // Within one revision the order is the store's.
    assert.deepEqual(
      inRevisionOrder(lines),
      history.filter((line) => line.includes(` ${prefix}`)),
    );
    assert.ok(resumed > 1, 'no watch was resumed');
  }
}

async function writeSomething(store: Store, root: string, random: () => number, truth: Map<number, Line[]>): Promise<void> {
  const n = Math.floor(random() * KEYS);
  const key = `${root}${n % 2 === 1 ? 'odd' : 'even'}/${n}`;
  const value = Buffer.from(JSON.stringify({ random: random() }));
  const now = await store.get(key);
  const mirror = random() < 0.2 ? `${root}mirror/${Math.floor(random() * 1e9)}` : undefined;
  const kind = now === undefined ? 'create' : random() < 0.3 ? 'delete' : 'update';
  const write =
    now === undefined
      ? ({ kind: 'create', key, value } as const)
      : kind === 'delete'
        ? ({ kind, key, ifRevision: now.modRevision } as const)
        : ({ kind: 'update', key, value, ifRevision: now.modRevision } as const);
  try {
    const revision = await store.transact(mirror === undefined ? [write] : [write, { kind: 'create', key: mirror, value }]);
    const was = now === undefined ? '-' : Buffer.from(now.value).toString();
    const lines = [`${revision} ${key} ${was} > ${kind === 'delete' ? '-' : value.toString()}`];
    if (mirror !== undefined) lines.push(`${revision} ${mirror} - > ${value.toString()}`);
    assert.equal(truth.has(revision), false, 'a revision was given twice');
    truth.set(revision, lines);
  } catch (err) {
    assert.match(codeOf(err) ?? String(err), /^STORE_(EXISTS|CONFLICT)$/);
  }
}

/** Never past a watch that is under way: what a watch then gets is tested elsewhere. */
async function compactSometimes(
  store: Store,
  random: () => number,
  watches: readonly { readonly at: number }[],
  signal: AbortSignal,
): Promise<void> {
  for (let turns = 0; !signal.aborted; turns++) {
    await store.revision();
    await new Promise((resolve) => setImmediate(resolve));
    const slowest = Math.min(...watches.map((w) => w.at));
    if (turns % 20 !== 19 || random() < 0.2) continue;
    await store.compact(slowest);
    if (slowest > 1)
      assert.match(String(codeOf(await fails(store.list({ prefix: '', limit: 1, revision: slowest - 1 })))), /^STORE_COMPACTED$/);
  }
}

function lineOf({ revision, key, entry, previous }: Change): Line {
  const text = (value: Uint8Array | undefined): string => (value === undefined ? '-' : Buffer.from(value).toString());
  return `${revision} ${key} ${text(previous?.value)} > ${text(entry?.value)}`;
}

function inRevisionOrder(lines: readonly Line[]): readonly Line[] {
  const sorted = lines.toSorted((a, b) => parseInt(a, 10) - parseInt(b, 10) || (a < b ? -1 : 1));
  assert.deepEqual(
    lines.map((l) => parseInt(l, 10)),
    sorted.map((l) => parseInt(l, 10)),
    'changes out of order',
  );
  return sorted;
}
