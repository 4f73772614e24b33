/** One subject, one measurement, in a process of its own. Arguments: memory | embedded | etcd | lmdb | bare-etcd. Prints JSON. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { open } from 'lmdb';
import { SystemClock } from '#base/clock.ts';
import { EmbeddedStore } from '../embedded.ts';
import { EtcdStore } from '../etcd.ts';
import { TestEtcd } from '../etcd/testEtcd.ts';
import { NUL, PUT, RANGE, type Method } from '../etcd/wire.ts';
import { MemoryStore } from '../memory.ts';
import type { Store } from '../store.ts';
import { measureBasics, measureStore, type Measured } from './measure.ts';

const clock = new SystemClock();

async function ofStore(store: Store): Promise<Measured> {
  try {
    const measured = await measureStore(store, clock);
    return { ...measured, rssMb: process.memoryUsage.rss() / 1e6 };
  } finally {
    await store.close();
  }
}

/** Writes that arrive together share a commit, as in every use of lmdb that is to be fast. Nothing but key and value is stored. */
async function bareLmdb(dir: string): Promise<Measured> {
  const db = open<Buffer, string>(join(dir, 'data.mdb'), { noSubdir: true, pageSize: 16_384, encoding: 'binary', overlappingSync: false });
  const list = (): number => {
    let found = 0;
    for (const { value } of db.getRange({})) if (value.length > 0) found += 1;
    return found;
  };
  const create = (key: string, value: Buffer): Promise<boolean> => db.put(key, value);
  const measured = await measureBasics({ create, get: async (key) => db.getBinary(key), list: async () => list() }, clock);
  await db.close();
  return measured;
}

/** Unary calls of the gRPC library, no transaction, no watch, no comparison. */
async function bareEtcd(etcd: TestEtcd): Promise<Measured> {
  const [endpoint = ''] = etcd.endpoints;
  const client = new Client(endpoint.replace('http://', ''), credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  const call = <Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, request, (err, response) =>
        err === null && response !== undefined ? resolve(response) : reject(err ?? new Error('no answer')),
      );
    });
  const measured = await measureBasics(
    {
      create: (key, value) => call(PUT, { key: Buffer.from(key), value, lease: 0 }),
      get: (key) => call(RANGE, { key: Buffer.from(key) }),
      list: async () => (await call(RANGE, { key: NUL, range_end: NUL })).kvs.length,
    },
    clock,
  );
  client.close();
  return measured;
}

function residentMb(pid: number | undefined): number {
  const kb = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid ?? 0}/status`, 'utf8'))?.[1];
  return (Number(kb) * 1_024) / 1e6;
}

async function withEtcd(use: (etcd: TestEtcd) => Promise<Measured>): Promise<Measured> {
  const etcd = await TestEtcd.start();
  try {
    // Opening waits until it answers.
    await (await EtcdStore.open({ endpoints: etcd.endpoints, timeoutMs: 20_000 })).close();
    return { ...(await use(etcd)), serverRssMb: residentMb(etcd.pid(0)) };
  } finally {
    await etcd.stop();
  }
}

async function withDirectory(use: (dir: string) => Promise<Measured>): Promise<Measured> {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-bench-'));
  try {
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const SUBJECTS: Readonly<Record<string, () => Promise<Measured>>> = {
  memory: () => ofStore(new MemoryStore()),
  embedded: () => withDirectory(async (dir) => ofStore(await EmbeddedStore.open({ dir }))),
  etcd: () => withEtcd(async (etcd) => ofStore(await EtcdStore.open({ endpoints: etcd.endpoints }))),
  lmdb: () => withDirectory(bareLmdb),
  'bare-etcd': () => withEtcd(bareEtcd),
};

const subject = SUBJECTS[process.argv[2] ?? ''];
if (subject === undefined) throw new Error(`want one of ${Object.keys(SUBJECTS).join(', ')}`);
process.stdout.write(`${JSON.stringify(await subject())}\n`);
