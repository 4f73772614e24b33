import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { EmbeddedStore } from '../apiserver/storage/embedded.ts';
import { EtcdStore } from '../apiserver/storage/etcd.ts';
import { noEtcd, TestEtcd } from '../apiserver/storage/etcd/testEtcd.ts';
import { etcdCommand } from './etcd.ts';
import type { Io } from './io.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(...argv: readonly string[]): Promise<Ran> {
  const said = { out: '', err: '' };
  const { signal } = new AbortController();
  const io: Io = {
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
    env: {},
    clock: new SystemClock(),
    signal,
    hurry: signal,
    columns: { out: undefined, err: undefined },
  };
  return { code: await etcdCommand(argv, io), ...said };
}

const json = async (...argv: readonly string[]): Promise<Record<string, unknown>> => {
  const { code, out } = await run(...argv, '--json');
  assert.equal(code, 0);
  return JSON.parse(out) as Record<string, unknown>;
};

const POD = '/registry/pods/default/web';
const value = Buffer.from('{"kind":"Pod"}');

async function withDirectory(t: { after(fn: () => void): void }): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-etcd-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

test('a snapshot of a store in use is whole, and what it is restored to goes on from it', async (t) => {
  const dir = await withDirectory(t);
  const [data, file, again] = [join(dir, 'data'), join(dir, 'snapshot'), join(dir, 'again')];
  const store = await EmbeddedStore.open({ dir: data });
  const revision = await store.transact([{ kind: 'create', key: POD, value }]);
  assert.equal((await run('snapshot', 'save', file, '--data-dir', data)).code, 0);
  await store.transact([{ kind: 'delete', key: POD, ifRevision: revision }]);
  await store.close();
  const status = await json('snapshot', 'status', file);
  assert.deepEqual([status['revision'], status['entries']], [revision, 1]);
  const restored = await json('snapshot', 'restore', file, '--data-dir', again);
  const opened = await EmbeddedStore.open({ dir: again });
  assert.equal(await opened.revision(), restored['revision']);
  assert.deepEqual((await opened.get(POD))?.value, value);
  await opened.close();
});

test('what is no snapshot, no store or not empty is refused, and nothing is made', async (t) => {
  const dir = await withDirectory(t);
  const [data, file] = [join(dir, 'data'), join(dir, 'snapshot')];
  await assert.rejects(run('snapshot', 'save', file, '--data-dir', data), { code: 'STORE_UNAVAILABLE' });
  const store = await EmbeddedStore.open({ dir: data });
  await run('snapshot', 'save', file, '--data-dir', data);
  await assert.rejects(run('move', '--from', data, '--to', join(dir, 'to')), { code: 'STORE_LOCKED' });
  await store.close();
  await assert.rejects(run('snapshot', 'restore', file, '--data-dir', data), { code: 'STORE_INVALID' });
  appendFileSync(file, 'more');
  await assert.rejects(run('snapshot', 'status', file), { code: 'STORE_CORRUPT' });
  for (const argv of [[], ['snapshot'], ['snapshot', 'save'], ['snapshot', 'eat', 'x'], ['move'], ['snapshot', 'restore', file]]) {
    await assert.rejects(run(...argv), { code: 'USAGE' });
  }
});

test('from the embedded store to etcd and back with one command each', { skip: noEtcd ?? false }, async (t) => {
  const dir = await withDirectory(t);
  const [data, back] = [join(dir, 'data'), join(dir, 'back')];
  const etcd = await TestEtcd.start();
  t.after(() => etcd.stop());
  await (await EtcdStore.open({ endpoints: etcd.endpoints, timeoutMs: 20_000 })).close();
  const store = await EmbeddedStore.open({ dir: data });
  await store.transact([{ kind: 'create', key: POD, value }]);
  await store.close();
  const urls = etcd.endpoints.join(',');
  assert.equal((await json('move', '--from', data, '--to', urls))['entries'], 1);
  assert.equal((await json('move', '--from', urls, '--to', back))['entries'], 1);
  const opened = await EmbeddedStore.open({ dir: back });
  assert.deepEqual((await opened.get(POD))?.value, value);
  await opened.close();
});
