import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import { fails, must, watchFrom } from './contractKit.ts';
import { EmbeddedStore } from './embedded.ts';
import { STORE_CODES } from './errors.ts';
import { MemoryStore } from './memory.ts';
import { restoreSnapshot, snapshotStatus } from './snapshot.ts';
import type { Store } from './store.ts';
import { transferToEmbedded, transferToStore } from './transfer.ts';

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-transfer-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Some objects, two of one transaction, one updated, one deleted, one large, one with a time to live. */
async function fill(store: Store): Promise<void> {
  await store.transact([
    { kind: 'create', key: '/registry/services/specs/default/web', value: Buffer.from('{"service":1}') },
    { kind: 'create', key: '/registry/ipaddresses/10.0.0.1', value: Buffer.from('{"ip":1}') },
  ]);
  const first = await store.transact([{ kind: 'create', key: '/registry/pods/default/a', value: Buffer.from('1') }]);
  const gone = await store.transact([{ kind: 'create', key: '/registry/pods/default/gone', value: Buffer.from('1') }]);
  await store.transact([{ kind: 'update', key: '/registry/pods/default/a', value: Buffer.alloc(100_000, 'x'), ifRevision: first }]);
  await store.transact([{ kind: 'delete', key: '/registry/pods/default/gone', ifRevision: gone }]);
  await store.transact([{ kind: 'create', key: '/registry/events/default/e', value: Buffer.from('{}'), ttlMs: 3_600_000 }]);
  const many = Array.from({ length: 2_500 }, (_, i) =>
    store.transact([{ kind: 'create', key: `/registry/configmaps/default/${i}`, value: Buffer.from(`{"n":${i}}`) }]),
  );
  await Promise.all(many);
}

async function contents(store: Store): Promise<unknown> {
  const { entries } = await store.list({ prefix: '' });
  return entries.map(({ key, value, createRevision, modRevision }) => [key, Buffer.from(value).toString(), createRevision, modRevision]);
}

test('snapshot: a consistent copy while writes go on, restored with revisions that never come twice', async (t) => {
  const dir = await scratch(t);
  const store = await EmbeddedStore.open({ dir: join(dir, 'store') });
  await fill(store);
  let written = 0;
  const writing = new AbortController();
  const writer = (async () => {
    for (; !writing.signal.aborted; written++) {
      await store.transact([
        { kind: 'create', key: `/registry/left/${written}`, value: Buffer.from('1') },
        { kind: 'create', key: `/registry/right/${written}`, value: Buffer.from('1') },
      ]);
    }
  })();
  const file = join(dir, 'snapshot');
  for (let i = 0; i < 5; i++) await store.snapshot(file);
  writing.abort();
  await writer;
  const newest = await store.revision();
  await store.close();
  assert.ok(written > 0);
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  const status = await snapshotStatus(file);
  assert.ok(status.revision <= newest);
  const { revision } = await restoreSnapshot({ file, dir: join(dir, 'restored') });
  assert.ok(revision > newest);
  const restored = await EmbeddedStore.open({ dir: join(dir, 'restored') });
  t.after(() => restored.close());
  assert.equal(await restored.revision(), revision);
  const left = (await restored.list({ prefix: '/registry/left/' })).entries.map((e) => e.modRevision);
  const right = (await restored.list({ prefix: '/registry/right/' })).entries.map((e) => e.modRevision);
  assert.deepEqual(left, right);
  assert.equal((await restored.list({ prefix: '' })).entries.length, status.entries);
  assert.equal(codeOf(await fails(watchFrom(restored, '', newest, t.signal).next())), 'STORE_COMPACTED');
  assert.ok((await restored.transact([{ kind: 'create', key: '/registry/new', value: Buffer.from('1') }])) > revision);
  assert.deepEqual([...(await restored.expirations()).keys()], ['/registry/events/default/e']);
  assert.deepEqual((await readdir(dir)).toSorted(), ['restored', 'snapshot', 'store']);
});

test('snapshot: what was cut, changed, or is something else is refused; so is a directory that holds a store', async (t) => {
  const dir = await scratch(t);
  const store = await EmbeddedStore.open({ dir: join(dir, 'store') });
  await fill(store);
  const file = join(dir, 'snapshot');
  await store.snapshot(file);
  await store.close();
  const whole = await readFile(file);
  const changed = Buffer.from(whole);
  changed[100_000] = (changed[100_000] ?? 0) ^ 1;
  for (const bytes of [
    whole.subarray(0, whole.length - 1),
    whole.subarray(0, 16),
    Buffer.alloc(0),
    changed,
    Buffer.alloc(200_000, 'noise'),
  ]) {
    await writeFile(file, bytes);
    assert.equal(codeOf(await fails(snapshotStatus(file))), 'STORE_CORRUPT');
    assert.equal(codeOf(await fails(restoreSnapshot({ file, dir: join(dir, 'restored') }))), 'STORE_CORRUPT');
  }
  assert.equal(codeOf(await fails(snapshotStatus(join(dir, 'nothing')))), 'STORE_UNAVAILABLE');
  await writeFile(file, whole);
  assert.equal(codeOf(await fails(restoreSnapshot({ file, dir: join(dir, 'store') }))), 'STORE_INVALID');
  await restoreSnapshot({ file, dir: join(dir, 'restored'), bumpRevision: 0 });
  await truncate(join(dir, 'store', 'data.mdb'), 0);
});

test('snapshot: a store in memory makes one too', async (t) => {
  const dir = await scratch(t);
  const memory = new MemoryStore();
  t.after(() => memory.close());
  await fill(memory);
  await memory.snapshot(join(dir, 'snapshot'));
  await restoreSnapshot({ file: join(dir, 'snapshot'), dir: join(dir, 'store'), bumpRevision: 0 });
  const restored = await EmbeddedStore.open({ dir: join(dir, 'store') });
  t.after(() => restored.close());
  assert.deepEqual(await contents(restored), await contents(memory));
  assert.equal(await restored.revision(), await memory.revision());
});

test('transfer: into an embedded store everything is kept, revisions and times too, and a watch resumes', async (t) => {
  const dir = await scratch(t);
  const clock = new ManualClock(1_000_000_000);
  const from = new MemoryStore({ clock });
  t.after(() => from.close());
  await fill(from);
  const seen: number[] = [];
  const result = await transferToEmbedded({ from, dir: join(dir, 'store'), signal: t.signal, clock, onProgress: (n) => seen.push(n) });
  const revision = await from.revision();
  assert.deepEqual(result, { entries: 2_504, fromRevision: revision, toRevision: revision, missed: 0 });
  assert.deepEqual(seen, [1_000, 2_000, 2_504]);
  assert.equal(codeOf(await fails(transferToEmbedded({ from, dir: join(dir, 'store'), signal: t.signal }))), 'STORE_INVALID');
  const to = await EmbeddedStore.open({ dir: join(dir, 'store'), clock });
  t.after(() => to.close());
  assert.deepEqual(await contents(to), await contents(from));
  assert.deepEqual(await to.expirations(), await from.expirations());
  const batches = watchFrom(to, '/registry/services/', revision, t.signal);
  const web = must(await to.get('/registry/services/specs/default/web'));
  await to.transact([{ kind: 'delete', key: web.key, ifRevision: web.modRevision }]);
  assert.deepEqual(must(await batches.next()).changes, [{ key: web.key, revision: revision + 1, entry: undefined, previous: web }]);
  assert.equal(codeOf(await fails(to.list({ prefix: '', revision: revision - 1 }))), 'STORE_COMPACTED');
  await clock.advance(3_600_000);
  const events = watchFrom(to, '/registry/events/', revision, t.signal);
  assert.equal(must(await events.next()).changes[0]?.entry, undefined);
});

test('transfer: into any other store, whose revision then is past the old one', async (t) => {
  const dir = await scratch(t);
  const from = await EmbeddedStore.open({ dir: join(dir, 'store') });
  const to = new MemoryStore();
  t.after(() => Promise.all([from.close(), to.close()]));
  await fill(from);
  const result = await transferToStore({ from, to, signal: t.signal });
  assert.equal(result.entries, 2_504);
  assert.equal(result.toRevision, await to.revision());
  assert.ok(result.toRevision > result.fromRevision);
  const plain = async (store: Store): Promise<unknown> =>
    (await store.list({ prefix: '' })).entries.map((e) => [e.key, Buffer.from(e.value).toString()]);
  assert.deepEqual(await plain(to), await plain(from));
  assert.deepEqual([...(await to.expirations()).keys()], ['/registry/events/default/e']);
  const refused = await fails(transferToStore({ from, to, signal: t.signal }));
  assert.equal(codeOf(refused), 'STORE_INVALID', explain(refused));
});

test('the README lists every code, with the words of the source', async () => {
  const readme = await readFile(new URL('README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\|\s*`(STORE_\w+)`\s*\|\s*(.*?)\s*\|$/gm)].map((row) => [row[1], row[2]]);
  assert.deepEqual(rows, Object.entries(STORE_CODES));
});
