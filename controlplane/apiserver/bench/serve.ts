/**
 * The server side of the benchmark, in a process of its own: says where it is, ends with its parent.
 * Arguments: memory | embedded | etcd, or bare-memory | bare-embedded | bare-etcd SIZE for the floor.
 * Messages: {profile: FILE} begins a CPU profile, {stop: true} writes it.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '#base/clock.ts';
import type { Served } from './children.ts';

const [kind = 'memory', size = '0'] = process.argv.slice(2);
const endings: (() => Promise<unknown>)[] = [];

async function makeDirectory(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-bench-'));
  endings.push(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function serveBare(): Promise<Served> {
  const [{ startBare }, database] = await Promise.all([import('./bare.ts'), bareDatabase()]);
  const server = await startBare({ put: database.put, sizeBytes: Number(size) });
  endings.push(async () => server.stop());
  const { port, token, ca } = server;
  return { port, token, ca, pids: [process.pid, ...database.pids] };
}

interface BareDatabase {
  readonly put: (key: string, value: Buffer) => Promise<unknown>;
  readonly pids: readonly number[];
}

async function bareDatabase(): Promise<BareDatabase> {
  if (kind === 'bare-memory') return { put: async () => undefined, pids: [] };
  if (kind === 'bare-etcd') {
    const [etcd, { EtcdClient }, { PUT }] = await Promise.all([
      startEtcd(),
      import('../storage/etcd/client.ts'),
      import('../storage/etcd/wire.ts'),
    ]);
    const client = new EtcdClient({ endpoints: etcd.endpoints, clock: new SystemClock() });
    endings.push(async () => client.close());
    return { put: (key, value) => client.call(PUT, { key: Buffer.from(key), value, lease: 0 }, { repeatable: true }), pids: etcd.pids };
  }
  const [{ open }, dir] = await Promise.all([import('lmdb'), makeDirectory()]);
  const file = join(dir, 'data.mdb');
  const db = open<Buffer, string>(file, { noSubdir: true, pageSize: 16_384, encoding: 'binary', overlappingSync: false });
  endings.push(() => db.close());
  return { put: (key, value) => db.put(key, value), pids: [] };
}

async function startEtcd(): Promise<{ readonly endpoints: readonly string[]; readonly pids: readonly number[] }> {
  const [{ TestEtcd }, { EtcdStore }] = await Promise.all([import('../storage/etcd/testEtcd.ts'), import('../storage/etcd.ts')]);
  const etcd = await TestEtcd.start();
  endings.push(() => etcd.stop());
  // Opening waits until it answers.
  await (await EtcdStore.open({ endpoints: etcd.endpoints, timeoutMs: 20_000 })).close();
  return { endpoints: etcd.endpoints, pids: [etcd.pid(0) ?? 0] };
}

async function serveOurs(): Promise<Served> {
  const [{ startDevServer }, opened] = await Promise.all([import('../dev/start.ts'), openStore()]);
  const server = await startDevServer(opened.store === undefined ? {} : { store: opened.store });
  endings.push(() => server.stop());
  return { port: server.port, token: server.token, ca: server.pki.ca, pids: [process.pid, ...opened.pids] };
}

async function openStore() {
  if (kind === 'embedded') {
    const [{ EmbeddedStore }, dir] = await Promise.all([import('../storage/embedded.ts'), makeDirectory()]);
    return { store: await EmbeddedStore.open({ dir: join(dir, 'store') }), pids: [] };
  }
  if (kind !== 'etcd') return { store: undefined, pids: [] };
  const [{ EtcdStore }, etcd] = await Promise.all([import('../storage/etcd.ts'), startEtcd()]);
  return { store: await EtcdStore.open({ endpoints: etcd.endpoints }), pids: etcd.pids };
}

const served = await (kind.startsWith('bare') ? serveBare() : serveOurs());

let profile: { readonly file: string; readonly session: Session } | undefined;

async function profileTo(file: string): Promise<void> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  profile = { file, session };
}

async function endProfile(): Promise<void> {
  if (profile === undefined) return;
  const { profile: found } = await profile.session.post('Profiler.stop');
  writeFileSync(profile.file, JSON.stringify(found));
  profile.session.disconnect();
  profile = undefined;
}

let ending: Promise<void> | undefined;
async function end(): Promise<void> {
  for (const step of endings.toReversed()) await step();
  process.exit(0);
}

process.on('message', (message: { readonly profile?: string; readonly stop?: boolean }) => {
  const done = message.profile === undefined ? endProfile() : profileTo(message.profile);
  void done.then(() => process.send?.({}));
});
process.on('SIGTERM', () => void (ending ??= end()));
process.on('disconnect', () => void (ending ??= end()));
process.send?.(served);
