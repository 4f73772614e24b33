import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { execa } from 'execa';
import { ManualClock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import { fails } from '../contractKit.ts';
import { EmbeddedStore } from '../embedded.ts';
import { wantedBytes } from './files.ts';
import { decodeRecord, encodeRecord, stampOf } from './layout.ts';

async function inDirectory(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-faults-'));
  try {
    await run(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A closed store with entries 0000 to 0199. */
async function filled(dir: string): Promise<void> {
  const store = await EmbeddedStore.open({ dir });
  await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      store.transact([
        { kind: 'create', key: `/registry/pods/${String(i).padStart(4, '0')}`, value: Buffer.from(`value ${i} `.repeat(100)) },
      ]),
    ),
  );
  await store.close();
}

const opening = async (dir: string): Promise<void> => (await EmbeddedStore.open({ dir })).close();

test('a directory is open once: in this process, in another, and after kill -9 again', () =>
  inDirectory(async (dir) => {
    const store = await EmbeddedStore.open({ dir });
    const second = await fails(opening(dir));
    assert.equal(codeOf(second), 'STORE_LOCKED');
    assert.match(explain(second), new RegExp(`process ${process.pid} `));
    const script = `import { EmbeddedStore } from ${JSON.stringify(new URL('../embedded.ts', import.meta.url).href)};
      try { await EmbeddedStore.open({ dir: ${JSON.stringify(dir)} }); console.log('open'); await new Promise(() => setInterval(() => 0, 1e6)); }
      catch (err) { console.log(err.code); }`;
    const elsewhere = await execa(process.execPath, ['--input-type=module', '-e', script]);
    assert.equal(elsewhere.stdout, 'STORE_LOCKED');
    await store.close();
    const holder = execa(process.execPath, ['--input-type=module', '-e', script], { reject: false });
    const [said] = (await once(holder.stdout, 'data')) as [Buffer];
    assert.equal(String(said), 'open\n');
    assert.equal(codeOf(await fails(opening(dir))), 'STORE_LOCKED');
    holder.kill('SIGKILL');
    await holder;
    await opening(dir);
  }));

test('nobody but the owner can read a store', () =>
  inDirectory(async (parent) => {
    const dir = join(parent, 'deep', 'store');
    await filled(dir);
    assert.equal((await stat(dir)).mode & 0o777, 0o700);
    assert.equal((await stat(join(dir, 'data.mdb'))).mode & 0o777, 0o600);
  }));

const damages: readonly [what: string, damage: (data: string, dir: string) => Promise<void>][] = [
  ['gone', (data) => rm(data)],
  ['empty', (data) => truncate(data, 0)],
  ['noise', (data) => writeFile(data, Buffer.alloc(1 << 20, 'noise'))],
  ['cut to the meta pages', (data) => truncate(data, 2 * 16_384)],
  ['cut within a meta page', (data) => truncate(data, 16_384 + 100)],
  ['made by a newer version', (data) => replaceBytes(data, '{"format":2,', '{"format":9,')],
  ['zeroed behind the meta pages', (data) => zero(data, 2 * 16_384)],
];

for (const [what, damage] of damages) {
  test(`a data file that is ${what}: refused with STORE_CORRUPT, again and again`, () =>
    inDirectory(async (dir) => {
      await filled(dir);
      await damage(join(dir, 'data.mdb'), dir);
      for (let i = 0; i < 2; i++) {
        const refused = await fails(opening(dir));
        assert.equal(codeOf(refused), 'STORE_CORRUPT', explain(refused));
        assert.match(explain(refused), /restore a snapshot/);
      }
    }));
}

test('a file cut in the middle: what is left is read, what is gone is STORE_CORRUPT, the process lives', () =>
  inDirectory(async (dir) => {
    await filled(dir);
    const data = join(dir, 'data.mdb');
    await truncate(data, Math.floor((wantedBytes(data) ?? 0) / 32_768) * 16_384);
    let outcome = '';
    try {
      const store = await EmbeddedStore.open({ dir });
      const reads = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          store.get(`/registry/pods/${String(i).padStart(4, '0')}`).then(
            (entry) => (entry === undefined ? 'STORE_CORRUPT' : 'read'),
            (err: unknown) => codeOf(err),
          ),
        ),
      );
      outcome = reads.find((r) => r !== 'read') ?? 'all read';
      await store.close();
    } catch (err) {
      outcome = codeOf(err) ?? explain(err);
    }
    assert.equal(outcome, 'STORE_CORRUPT');
  }));

test('a flipped byte in a value: that entry is STORE_CORRUPT, the others are read, writes go on', () =>
  inDirectory(async (dir) => {
    await filled(dir);
    await replaceBytes(join(dir, 'data.mdb'), 'value 77 value 77', 'value 77 valuE 77');
    const store = await EmbeddedStore.open({ dir });
    try {
      const key = '/registry/pods/0077';
      assert.equal(codeOf(await fails(store.get(key))), 'STORE_CORRUPT');
      assert.equal(codeOf(await fails(store.list({ prefix: '' }))), 'STORE_CORRUPT');
      const [touching, other] = await Promise.allSettled([
        store.transact([{ kind: 'update', key, value: Buffer.from('1'), ifRevision: 2 }]),
        store.transact([{ kind: 'create', key: '/registry/pods/new', value: Buffer.from('1') }]),
      ]);
      assert.equal(touching.status === 'rejected' && codeOf(touching.reason), 'STORE_CORRUPT');
      assert.equal(other.status, 'fulfilled');
      assert.ok((await store.get('/registry/pods/0078')) !== undefined);
    } finally {
      await store.close();
    }
  }));

test('a directory that cannot be used says why', () =>
  inDirectory(async (dir) => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    const refused = await fails(opening(join(file, 'store')));
    assert.equal(codeOf(refused), 'STORE_UNAVAILABLE');
    assert.match(explain(refused), /check that it is a writable directory/);
  }));

test('space freed by compaction is used again: the file of a store under churn stops growing', () =>
  inDirectory(async (dir) => {
    const clock = new ManualClock(1_000_000);
    const store = await EmbeddedStore.open({ dir, clock, history: { keepMs: 0 } });
    try {
      const sizes: number[] = [];
      for (let round = 0; round < 12; round++) {
        for (let i = 0; i < 10; i++) await rewriteAll(store, 50, `${round}.${i}`.padStart(5));
        await store.compact(await store.revision());
        sizes.push((await store.status()).sizeBytes);
      }
      assert.ok(Math.max(...sizes.slice(6)) <= Math.max(...sizes.slice(0, 6)) * 1.2, `grew on: ${sizes.join(' ')}`);
      assert.equal((await store.list({ prefix: '' })).entries.length, 50);
    } finally {
      await store.close();
    }
  }));

test('history is kept beyond compaction for the time asked for, by key, and within the space asked for', () =>
  inDirectory(async (dir) => {
    const clock = new ManualClock(1_000_000);
    const keep = (key: string): boolean => key.startsWith('/registry/pods/');
    let store = await EmbeddedStore.open({ dir, clock, history: { keepMs: 10_000, maxBytes: 1 << 30, keep } });
    const versions = async (key: string): Promise<readonly (number | undefined)[]> => (await store.history(key)).map((v) => v.atMs);
    for (const key of ['/registry/pods/a', '/registry/leases/a']) {
      let revision = await store.transact([{ kind: 'create', key, value: Buffer.from('0') }]);
      for (let i = 1; i < 4; i++) {
        await clock.advance(1_000);
        revision = await store.transact([{ kind: 'update', key, value: Buffer.from(String(i)), ifRevision: revision }]);
      }
      await store.transact([{ kind: 'delete', key, ifRevision: revision }]);
    }
    await store.compact(await store.revision());
    assert.deepEqual(await versions('/registry/pods/a'), [1_003_000, 1_003_000, 1_002_000, 1_001_000, 1_000_000]);
    assert.deepEqual(await versions('/registry/leases/a'), []);
    // 1,006,000 by now: at 1,012,000 the version that ended at 1,002,000 is old enough.
    await clock.advance(6_000);
    await store.transact([{ kind: 'create', key: '/registry/x', value: Buffer.from('0') }]);
    await store.compact(await store.revision());
    assert.deepEqual(await versions('/registry/pods/a'), [1_003_000, 1_003_000, 1_002_000]);
    await store.close();
    store = await EmbeddedStore.open({ dir, clock, history: { keepMs: 10_000, maxBytes: 1, keep } });
    await store.transact([{ kind: 'create', key: '/registry/y', value: Buffer.from('0') }]);
    await store.compact(await store.revision());
    assert.deepEqual(await versions('/registry/pods/a'), []);
    await store.close();
  }));

test('entries that come and go leave nothing behind once the past is given up', () =>
  inDirectory(async (dir) => {
    const store = await EmbeddedStore.open({ dir, history: { keepMs: 0 } });
    try {
      const before = (await store.status()).usedBytes;
      for (let round = 0; round < 5; round++) {
        await Promise.all(
          Array.from({ length: 400 }, async (_, i) => {
            const key = `/registry/events/${round}-${i}`;
            const ifRevision = await store.transact([{ kind: 'create', key, value: Buffer.alloc(200, 'x') }]);
            await store.transact([{ kind: 'delete', key, ifRevision }]);
          }),
        );
        await store.compact(await store.revision());
        // A page or two that hold nothing any more.
        assert.ok(
          (await store.status()).usedBytes <= before + 3 * 16_384,
          `round ${round}: ${(await store.status()).usedBytes} bytes are used`,
        );
      }
    } finally {
      await store.close();
    }
  }));

test('a store and records of the first format are read, and the store goes on as one of today', () =>
  inDirectory(async (dir) => {
    const value = Buffer.from('{"kind":"Pod"}');
    const record = { key: '/registry/pods/a', deleted: false, createRevision: 7, atMs: 5, previous: undefined, value };
    const old = encodeRecord(record);
    old[0] = 1;
    old.writeUInt32BE(crc32(old.subarray(8), crc32(old.subarray(0, 4))), 4);
    assert.deepEqual(decodeRecord(stampOf(7, 0), old), record);
    const said = decodeRecord(stampOf(7, 0), encodeRecord({ ...record, by: 'jane' }));
    assert.deepEqual([said.by, String(said.value)], ['jane', String(value)]);
    await filled(dir);
    const data = join(dir, 'data.mdb');
    await replaceBytes(data, '{"format":2,', '{"format":1,');
    await opening(dir);
    await replaceBytes(data, '{"format":2,', '{"format":2,');
    const store = await EmbeddedStore.open({ dir });
    assert.equal((await store.list({ prefix: '/registry/pods/' })).entries.length, 200);
    await store.close();
  }));

async function rewriteAll(store: EmbeddedStore, count: number, text: string): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const key = `/registry/pods/${i}`;
      const value = Buffer.from(text.repeat(400));
      const now = await store.get(key);
      await store.transact([
        now === undefined ? { kind: 'create', key, value } : { kind: 'update', key, value, ifRevision: now.modRevision },
      ]);
    }),
  );
}

async function replaceBytes(file: string, from: string, to: string): Promise<void> {
  assert.equal(from.length, to.length);
  const handle = await open(file, 'r+');
  try {
    const bytes = await handle.readFile();
    let found = 0;
    for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) {
      await handle.write(to, at);
      found += 1;
    }
    assert.ok(found > 0, 'nothing to damage');
  } finally {
    await handle.close();
  }
}

async function zero(file: string, from: number): Promise<void> {
  const { size } = await stat(file);
  await truncate(file, from);
  await truncate(file, size);
}
