/** What every Store promises. Runs against each one we ship; a new back end is done when this passes. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { codeOf } from '#base/errors.ts';
import { fails, must, watchFrom, type ContractOptions, type OpenedStore } from './contractKit.ts';
import { testModel } from './modelContract.ts';
import { FIRST_REVISION, MAX_TRANSACTION_BYTES, MAX_TRANSACTION_WRITES, type Change, type WatchBatch } from './store.ts';
import { testWatchOracle } from './watchContract.ts';

export function testStoreContract(name: string, options: ContractOptions): void {
  const { open, skip } = options;
  const it = (title: string, run: (opened: OpenedStore, t: TestContext) => Promise<void>): void => {
    void test(`${name}: ${title}`, skip === undefined ? {} : { skip }, async (t) => {
      const opened = await open();
      try {
        await run(opened, t);
      } finally {
        await opened.close();
      }
    });
  };

  it('an empty store has a revision, no entries, and says so', async ({ store, root }) => {
    const revision = await store.revision();
    assert.ok(revision >= FIRST_REVISION);
    assert.equal(await store.get(`${root}a`), undefined);
    assert.deepEqual(await store.list({ prefix: root }), { entries: [], revision });
    const status = await store.status();
    assert.equal(status.revision, revision);
    assert.ok(status.sizeBytes >= status.usedBytes);
  });

  it('bytes come back as they went in', async ({ store, root }) => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    for (const [i, value] of [Buffer.alloc(0), every, Buffer.alloc(100_000, every), Buffer.alloc(1_400_000, 'x')].entries()) {
      await store.transact([{ kind: 'create', key: `${root}${i}`, value }]);
      assert.deepEqual(Buffer.from(must(await store.get(`${root}${i}`)).value), value);
    }
  });

  it('a transaction happens as a whole or not at all', async ({ store, root }) => {
    const revision = await store.transact([create(`${root}service`), create(`${root}ip`)]);
    assert.equal(must(await store.get(`${root}service`)).modRevision, revision);
    assert.equal(must(await store.get(`${root}ip`)).modRevision, revision);
    const refused = await fails(store.transact([create(`${root}other`), create(`${root}ip`)]));
    assert.equal(codeOf(refused), 'STORE_EXISTS');
    assert.equal(await store.get(`${root}other`), undefined);
    assert.equal(
      codeOf(await fails(store.transact([create(`${root}other`), { kind: 'check', key: `${root}ip`, ifRevision: 0 }]))),
      'STORE_CONFLICT',
    );
    assert.equal(await store.revision(), revision);
    const many = Array.from({ length: MAX_TRANSACTION_WRITES }, (_, i) => create(`${root}many/${i}`));
    const whole = await store.transact(many);
    const { entries } = await store.list({ prefix: `${root}many/` });
    assert.deepEqual(new Set(entries.map((e) => e.modRevision)), new Set([whole]));
    assert.equal(entries.length, MAX_TRANSACTION_WRITES);
  });

  it('a refusal carries what is there now', async ({ store, root }) => {
    const revision = await store.transact([create(`${root}a`)]);
    const stale = await fails(store.transact([{ kind: 'update', key: `${root}a`, value: Buffer.from('2'), ifRevision: revision - 1 }]));
    assert.ok(stale instanceof Error && 'current' in stale);
    assert.deepEqual(stale.current, await store.get(`${root}a`));
    const gone = await fails(store.transact([{ kind: 'delete', key: `${root}b`, ifRevision: revision }]));
    assert.ok(gone instanceof Error && 'current' in gone);
    assert.equal(gone.current, undefined);
  });

  it('what no store would take is refused', async ({ store, root }) => {
    const bad: [string, Promise<unknown>][] = [
      ['no key', store.get('')],
      ['NUL in the key', store.transact([create('a\0b')])],
      ['half a surrogate pair', store.transact([create('\ud800')])],
      ['long key', store.transact([create(`${root}${'k'.repeat(2_000)}`)])],
      ['no writes', store.transact([])],
      ['only checks', store.transact([{ kind: 'check', key: `${root}a`, ifRevision: 0 }])],
      ['key twice', store.transact([create(`${root}a`), create(`${root}a`)])],
      ['too many writes', store.transact(Array.from({ length: MAX_TRANSACTION_WRITES + 1 }, (_, i) => create(`${root}${i}`)))],
      ['too many bytes', store.transact([{ kind: 'create', key: `${root}a`, value: Buffer.alloc(MAX_TRANSACTION_BYTES + 1) }])],
      ['no time to live', store.transact([{ kind: 'create', key: `${root}a`, value: Buffer.from('1'), ttlMs: 0 }])],
      ['revision -1', store.get(`${root}a`, { revision: -1 })],
      ['revision 0', store.get(`${root}a`, { revision: 0 })],
      ['revision 1.5', store.list({ prefix: root, revision: 1.5 })],
    ];
    for (const [what, done] of bad) assert.equal(codeOf(await fails(done)), 'STORE_INVALID', what);
    assert.equal(await store.get(`${root}a`), undefined);
  });

  it('of many who create the same key at once, one succeeds', async ({ store, root }) => {
    const results = await Promise.allSettled(Array.from({ length: 32 }, () => store.transact([create(`${root}a`)])));
    const refused = results.filter((r) => r.status === 'rejected').map((r) => codeOf(r.reason));
    assert.deepEqual(new Set(refused), new Set(['STORE_EXISTS']));
    assert.equal(refused.length, 31);
  });

  it('a watch of one prefix sees only it, and moves on with the others', async ({ store, root }, t) => {
    const batches = watchFrom(store, `${root}mine/`, await store.revision(), t.signal);
    await store.transact([create(`${root}yours/a`)]);
    const mine = await store.transact([create(`${root}mine/a`), create(`${root}yours/b`)]);
    const batch = must(await batches.next());
    assert.deepEqual(brief(batch), [`${root}mine/a`]);
    assert.equal(batch.revision, mine);
    const later = await store.transact([create(`${root}yours/c`)]);
    batches.progressTo(later);
    const bookmark = must(await batches.next());
    assert.ok(bookmark.revision >= later && bookmark.changes.length === 0);
    await batches.return();
  });

  it('a watch that is thousands of changes behind gets them all, in several batches, none twice', async ({ store, root }, t) => {
    const start = await store.revision();
    const keys = Array.from({ length: 3_000 }, (_, i) => `${root}${String(i).padStart(4, '0')}`);
    for (let i = 0; i < keys.length; i += 100) await store.transact(keys.slice(i, i + 100).map(create));
    const end = await store.revision();
    const batches = watchFrom(store, root, start, t.signal);
    const seen: string[] = [];
    for (let at = start; at < end;) {
      const batch = must(await batches.next());
      assert.ok(
        batch.changes.every((c) => c.revision > at && c.revision <= batch.revision),
        'a batch says more or less than it holds',
      );
      seen.push(...brief(batch).toSorted());
      at = batch.revision;
    }
    assert.deepEqual(seen, keys);
  });

  it('a watch ends quietly with its signal, also while it waits', async ({ store, root }) => {
    const stop = new AbortController();
    const batches = watchFrom(store, root, await store.revision(), stop.signal);
    const waiting = batches.next();
    await turn();
    stop.abort();
    assert.equal(await waiting, undefined);
    assert.equal(await batches.next(), undefined);
  });

  it('closing ends watches and refuses everything after', async ({ store, root }, t) => {
    const batches = watchFrom(store, root, await store.revision(), t.signal);
    const waiting = fails(batches.next());
    await turn();
    const writing = store.transact([create(`${root}a`)]).catch(codeOf);
    await Promise.all([store.close(), store.close()]);
    assert.equal(codeOf(await waiting), 'STORE_CLOSED');
    const outcome = await writing;
    assert.ok(typeof outcome === 'number' || outcome === 'STORE_CLOSED', String(outcome));
    for (const done of [store.revision(), store.get(`${root}a`), store.list({ prefix: root }), store.transact([create(`${root}b`)])]) {
      assert.equal(codeOf(await fails(done)), 'STORE_CLOSED');
    }
  });

  it('the past before a compaction is gone, what is from then on stays', async ({ store, root }, t) => {
    const first = await store.transact([create(`${root}a`)]);
    const second = await store.transact([{ kind: 'update', key: `${root}a`, value: Buffer.from('2'), ifRevision: first }]);
    const third = await store.transact([{ kind: 'delete', key: `${root}a`, ifRevision: second }]);
    assert.equal(codeOf(await fails(store.compact(third + 1_000))), 'STORE_FUTURE');
    await store.compact(second);
    await store.compact(first);
    assert.equal(codeOf(await fails(store.get(`${root}a`, { revision: first }))), 'STORE_COMPACTED');
    assert.equal(codeOf(await fails(store.list({ prefix: root, revision: first }))), 'STORE_COMPACTED');
    assert.equal(codeOf(await fails(store.list({ prefix: root, revision: third + 1_000 }))), 'STORE_FUTURE');
    assert.equal((await store.get(`${root}a`, { revision: second }))?.modRevision, second);
    assert.equal(codeOf(await fails(watchFrom(store, root, first, t.signal).next())), 'STORE_COMPACTED');
    const batch = must(await watchFrom(store, root, second, t.signal).next());
    assert.deepEqual(
      batch.changes.map((c: Change) => [c.revision, c.entry, Buffer.from(must(c.previous).value).toString()]),
      [[third, undefined, '2']],
    );
  });

  it('an entry with a time to live goes when it is over, and not before', async ({ store, root, advance }, t) => {
    const ttlMs = 2_000;
    const after = await store.revision();
    const revision = await store.transact([{ ...create(`${root}event`), ttlMs }, create(`${root}stays`)]);
    const kept = await store.transact([{ ...create(`${root}kept`), ttlMs }]);
    await store.transact([{ kind: 'update', key: `${root}kept`, value: Buffer.from('2'), ifRevision: kept }]);
    assert.deepEqual(
      [...(await store.expirations()).keys()].filter((key) => key.startsWith(root)),
      [`${root}event`],
    );
    await advance?.(ttlMs - 1);
    assert.ok(advance === undefined || (await store.get(`${root}event`)) !== undefined);
    await advance?.(1);
    const batches = watchFrom(store, `${root}event`, after, t.signal);
    const created = must(await batches.next()).changes;
    const deleted = must(created[1] ?? must(await batches.next()).changes[0]);
    assert.deepEqual([deleted.key, deleted.entry, deleted.previous?.modRevision], [`${root}event`, undefined, revision]);
    assert.equal(await store.get(`${root}event`), undefined);
    const left = await store.list({ prefix: root });
    assert.deepEqual(
      left.entries.map((e) => e.key),
      [`${root}kept`, `${root}stays`],
    );
  });

  it('history tells the versions of a key, newest first', async ({ store, root }) => {
    const key = `${root}a`;
    const first = await store.transact([create(key)]);
    const second = await store.transact([{ kind: 'update', key, value: Buffer.from('2'), ifRevision: first }]);
    const other = await store.transact([create(`${root}a/b`)]);
    const third = await store.transact([{ kind: 'delete', key, ifRevision: second }]);
    const told = async (): Promise<unknown> =>
      (await store.history(key)).map((v) => [v.revision, v.entry && Buffer.from(v.entry.value).toString()]);
    assert.deepEqual(await told(), [
      [third, undefined],
      [second, '2'],
      [first, '1'],
    ]);
    const fourth = await store.transact([{ ...create(key), value: Buffer.from('4') }]);
    assert.deepEqual(await told(), [
      [fourth, '4'],
      [third, undefined],
      [second, '2'],
      [first, '1'],
    ]);
    assert.equal((await store.history(`${root}a/b`))[0]?.revision, other);
    assert.deepEqual(await store.history(`${root}nothing`), []);
    const long = 'é'.repeat(200);
    const fifth = await store.transact([{ kind: 'update', key, value: Buffer.from('5'), ifRevision: fourth, by: long }]);
    await store.transact([{ kind: 'delete', key, ifRevision: fifth, by: 'jane' }]);
    const [sixth, before, older] = await store.history(key);
    assert.equal(before?.entry && Buffer.from(before.entry.value).toString(), '5');
    // Who it was is told where times are, and nobody is made up.
    const isTold = before?.atMs !== undefined;
    assert.deepEqual([sixth?.by, older?.by], [isTold ? 'jane' : undefined, undefined]);
    assert.equal(before?.by !== undefined && long.startsWith(before.by.replaceAll('\ufffd', '')), isTold);
  });

  if (skip === undefined) {
    testModel(name, options);
    testWatchOracle(name, options);
  }
}

function create(key: string): { readonly kind: 'create'; readonly key: string; readonly value: Buffer } {
  return { kind: 'create', key, value: Buffer.from('1') };
}

function brief(batch: WatchBatch): readonly string[] {
  return batch.changes.map((change) => change.key);
}
