/**
 * The watch oracle over every store, and over two API servers that share an etcd. KIJABI_ORACLE_WRITES=100000 makes it long;
 * KIJABI_ORACLE_SEED explores.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { chance } from '#client/testing/kit.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { EmbeddedStore } from '../apiserver/storage/embedded.ts';
import { EtcdStore } from '../apiserver/storage/etcd.ts';
import { noEtcd, TestEtcd } from '../apiserver/storage/etcd/testEtcd.ts';
import { MemoryStore } from '../apiserver/storage/memory.ts';
import type { Store } from '../apiserver/storage/store.ts';
import { runOracle } from './oracle/watchOracle.ts';

const clock = new SystemClock();
const writes = Number(process.env['KIJABI_ORACLE_WRITES'] ?? 400);
const seed = Number(process.env['KIJABI_ORACLE_SEED'] ?? 20_261_125);

/** lateStore: opened when half is written, so that it holds nothing of what was before in memory. */
async function judge(t: TestContext, stores: readonly Store[], lateStore: () => Promise<Store>): Promise<void> {
  const [store] = stores;
  assert.ok(store !== undefined);
  const servers: DevServer[] = [];
  t.after(() => Promise.all(servers.map((s) => s.stop())));
  // One after the other: the first one makes what a new cluster has.
  const start = async (over: Store): Promise<DevServer> => {
    const server = await startDevServer({ store: over });
    servers.push(server);
    return server;
  };
  const early: DevServer[] = [];
  for (const over of stores) early.push(await start(over));
  const late = async (): Promise<DevServer> => start(await lateStore());
  const figures = await runOracle({ servers: early, late, store, writes, watchers: 16, random: chance(seed) });
  t.diagnostic(`${figures.events} events, ${figures.reconnects} reconnects, ${figures.forgotten} versions forgotten`);
  assert.ok(figures.events > writes && figures.reconnects > 50 && figures.forgotten >= 4, JSON.stringify(figures));
}

test('watch oracle: memory', async (t) => {
  const store = new MemoryStore({ clock });
  await judge(t, [store], () => Promise.resolve(store));
});

test('watch oracle: embedded', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-oracle-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const store = await EmbeddedStore.open({ dir, clock });
  await judge(t, [store], () => Promise.resolve(store));
});

const skip = noEtcd === undefined ? {} : { skip: noEtcd };

test('watch oracle: three API servers over one etcd', skip, async (t) => {
  const etcd = await TestEtcd.start();
  t.after(() => etcd.stop());
  const open = (): Promise<EtcdStore> => EtcdStore.open({ endpoints: etcd.endpoints, timeoutMs: 30_000 });
  await judge(t, [await open(), await open()], open);
});
