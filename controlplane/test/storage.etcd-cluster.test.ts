/** The etcd store against real clusters: members that die, freeze and come back, lost quorum, TLS, quota, etcdctl, moving in and out. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import { fails, must, watchFrom } from '../apiserver/storage/contractKit.ts';
import { EmbeddedStore } from '../apiserver/storage/embedded.ts';
import { EtcdStore, type EtcdOptions } from '../apiserver/storage/etcd.ts';
import { noEtcd, TestEtcd, type TestEtcdOptions } from '../apiserver/storage/etcd/testEtcd.ts';
import type { Change, Store } from '../apiserver/storage/store.ts';
import { transferToEmbedded, transferToStore } from '../apiserver/storage/transfer.ts';

const clock = new SystemClock();
const skip = noEtcd === undefined ? {} : { skip: noEtcd };
/** For what must work in the end, however slow the machine. */
const PATIENCE_MS = 30_000;

async function cluster(t: TestContext, options: TestEtcdOptions = {}): Promise<TestEtcd> {
  const etcd = await TestEtcd.start(options);
  t.after(() => etcd.stop());
  return etcd;
}

async function opened(t: TestContext, options: EtcdOptions): Promise<EtcdStore> {
  const store = await EtcdStore.open({ timeoutMs: PATIENCE_MS, ...options });
  t.after(() => store.close());
  return store;
}

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-etcd-test-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

const create = (key: string, value = '{}'): { readonly kind: 'create'; readonly key: string; readonly value: Buffer } => ({
  kind: 'create',
  key,
  value: Buffer.from(value),
});

test('etcd: etcdctl shows what is stored, and takes the snapshot for its own', skip, async (t) => {
  const etcd = await cluster(t);
  const store = await opened(t, { endpoints: etcd.endpoints });
  await store.transact([create('/registry/pods/default/web', '{"kind":"Pod"}'), create('/registry/pods/kube-system/dns')]);
  await store.transact([create('/registry/services/specs/default/web')]);
  assert.deepEqual((await etcd.etcdctl('get', '/registry/pods/', '--prefix', '--keys-only')).split('\n').filter(Boolean), [
    '/registry/pods/default/web',
    '/registry/pods/kube-system/dns',
  ]);
  assert.equal(await etcd.etcdctl('get', '/registry/pods/default/web', '--print-value-only'), '{"kind":"Pod"}');
  const file = join(await scratch(t), 'snapshot.db');
  await store.snapshot(file);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const status = JSON.parse(await etcd.etcdctl('snapshot', 'status', file, '--write-out=json')) as { readonly revision: number };
  assert.equal(status.revision, await store.revision());
  await etcd.etcdctl('snapshot', 'restore', file, '--data-dir', join(etcd.dir, 'restored'));
});

test('etcd: entries that are written about the same time share a lease', skip, async (t) => {
  const etcd = await cluster(t);
  const store = await opened(t, { endpoints: etcd.endpoints });
  await Promise.all(Array.from({ length: 50 }, (_, i) => store.transact([{ ...create(`/registry/events/${i}`), ttlMs: 3_600_000 }])));
  const leases = (await etcd.etcdctl('lease', 'list')).split('\n').slice(1).filter(Boolean);
  assert.equal(leases.length, 1);
  const expirations = [...(await store.expirations()).values()];
  assert.equal(expirations.length, 50);
  assert.ok(expirations.every((atMs) => atMs >= clock.nowMs() + 3_600_000 - 10_000));
  // Somebody revokes it: the next entry gets a new one.
  await etcd.etcdctl('lease', 'revoke', leases[0] ?? '');
  await store.transact([{ ...create('/registry/events/after'), ttlMs: 3_600_000 }]);
  assert.deepEqual([...(await store.expirations()).keys()], ['/registry/events/after']);
});

test('etcd: a watch on one API server sees the writes of the other; compaction by one counts for both', skip, async (t) => {
  const etcd = await cluster(t);
  const one = await opened(t, { endpoints: etcd.endpoints });
  const two = await opened(t, { endpoints: etcd.endpoints });
  const start = await two.revision();
  const batches = watchFrom(two, '/registry/pods/', start, t.signal);
  const keys = Array.from({ length: 100 }, (_, i) => `/registry/pods/${String(i).padStart(3, '0')}`);
  for (const key of keys) await one.transact([create(key)]);
  const seen: string[] = [];
  while (seen.length < keys.length) seen.push(...must(await batches.next()).changes.map((c) => c.key));
  assert.deepEqual(seen, keys);
  await one.compact(await one.revision());
  assert.equal(codeOf(await fails(two.list({ prefix: '', revision: start }))), 'STORE_COMPACTED');
});

/** Writes one key after the other until it is stopped. After an answer that says nothing it looks what has become of the write. */
class Writer {
  readonly written: string[] = [];
  unanswered = 0;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(store: Store) {
    this.#done = this.#run(store);
  }

  async #run(store: Store): Promise<void> {
    for (let n = 0; !this.#stop.signal.aborted; n++) {
      const key = `/registry/written/${String(n).padStart(6, '0')}`;
      for (let done = false; !done;) {
        try {
          await store.transact([create(key)]);
          done = true;
        } catch (err) {
          if (codeOf(err) === 'STORE_EXISTS') done = true;
          else if (codeOf(err) === 'STORE_UNAVAILABLE') this.unanswered += 1;
          else throw err;
        }
      }
      this.written.push(key);
    }
  }

  /** Until so many more are written. */
  async goOn(more: number): Promise<void> {
    const wanted = this.written.length + more;
    while (this.written.length < wanted)
      await Promise.race([clock.sleep(5, this.#stop.signal), this.#done.then(() => assert.fail('the writer ended'))]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

/** Everything a watch delivers, in order. */
function collect(
  store: Store,
  afterRevision: number,
  signal: AbortSignal,
): { readonly changes: Change[]; until(count: number): Promise<void> } {
  const changes: Change[] = [];
  const batches = watchFrom(store, '/registry/written/', afterRevision, signal);
  return {
    changes,
    until: async (count) => {
      while (changes.length < count) changes.push(...must(await batches.next()).changes);
    },
  };
}

test('etcd: three members, one killed at a time, one frozen: writes go on, watches miss nothing', skip, async (t) => {
  const etcd = await cluster(t, { members: 3 });
  const store = await opened(t, { endpoints: etcd.endpoints, timeoutMs: 3_000 });
  const watched = collect(store, await store.revision(), t.signal);
  const writer = new Writer(store);
  try {
    await writer.goOn(10);
    for (let member = 0; member < 3; member++) {
      await etcd.kill(member);
      await writer.goOn(10);
      etcd.run(member);
      await healthy(etcd, member);
    }
    for (let member = 0; member < 3; member++) {
      etcd.signal(member, 'SIGSTOP');
      await writer.goOn(10);
      etcd.signal(member, 'SIGCONT');
      await healthy(etcd, member);
    }
  } finally {
    await writer.stop();
  }
  t.diagnostic(`${writer.written.length} writes, ${writer.unanswered} without an answer`);
  const { entries } = await store.list({ prefix: '/registry/written/' });
  assert.deepEqual(
    entries.map((e) => e.key),
    writer.written,
  );
  await watched.until(writer.written.length);
  assert.deepEqual(
    watched.changes.map((c) => c.key),
    writer.written,
  );
});

test('etcd: quorum lost: reads and writes fail in time with STORE_UNAVAILABLE, and come back by themselves', skip, async (t) => {
  const etcd = await cluster(t, { members: 3 });
  const timeoutMs = 1_500;
  const patient = await opened(t, { endpoints: etcd.endpoints });
  const store = await opened(t, { endpoints: etcd.endpoints, timeoutMs });
  const watched = collect(store, await store.revision(), t.signal);
  await store.transact([create('/registry/written/1')]);
  await etcd.kill(0);
  await etcd.kill(1);
  for (const work of [
    () => store.transact([create('/registry/written/2')]),
    () => store.get('/registry/written/1'),
    () => store.list({ prefix: '/registry/' }),
    () => store.revision(),
  ]) {
    const startMs = clock.monotonicMs();
    const failed = await fails(work());
    assert.equal(codeOf(failed), 'STORE_UNAVAILABLE', explain(failed));
    assert.match(explain(failed), /most of its members run/);
    const tookMs = clock.monotonicMs() - startMs;
    assert.ok(tookMs < 4 * timeoutMs, `took ${tookMs} ms`);
  }
  etcd.run(0);
  const revision = await until(() => patient.transact([create('/registry/written/3')]));
  assert.ok(revision > 0);
  await until(() => store.transact([create('/registry/written/4')]));
  const { entries } = await patient.list({ prefix: '/registry/written/' });
  await watched.until(entries.length);
  assert.deepEqual(
    watched.changes.map((c) => [c.key, c.revision]),
    entries.toSorted((a, b) => a.modRevision - b.modRevision).map((e) => [e.key, e.modRevision]),
  );
});

test('etcd: compacted past a watch while the connection was down: it is told, and a new one works', skip, async (t) => {
  const etcd = await cluster(t);
  const other = await opened(t, { endpoints: etcd.endpoints });
  const wire = await Wire.to(must(etcd.endpoints[0]));
  t.after(() => wire.close());
  const store = await opened(t, { endpoints: [wire.endpoint] });
  const behind = watchFrom(store, '/registry/', await store.revision(), t.signal);
  const told = fails(behind.next());
  wire.cut();
  const first = await other.transact([create('/registry/a')]);
  const second = await other.transact([{ kind: 'update', key: '/registry/a', value: Buffer.from('2'), ifRevision: first }]);
  await other.compact(second);
  wire.mend();
  assert.equal(codeOf(await told), 'STORE_COMPACTED');
  const anew = watchFrom(store, '/registry/', second, t.signal);
  const third = await until(() => store.transact([create('/registry/b')]));
  assert.equal(must(await anew.next()).revision, third);
});

/** A connection that can be cut. */
class Wire {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #whole = true;

  static async to(endpoint: string): Promise<Wire> {
    const wire = new Wire(Number(new URL(endpoint).port));
    wire.#server.listen(0, '127.0.0.1');
    await once(wire.#server, 'listening');
    return wire;
  }

  private constructor(port: number) {
    this.#server = createServer((socket) => {
      if (!this.#whole) return socket.destroy();
      const far = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [socket, far],
        [far, socket],
      ] as const) {
        this.#sockets.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
      return undefined;
    });
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.#whole = false;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  mend(): void {
    this.#whole = true;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

test('etcd: nobody there: says so in time', skip, async () => {
  const failed = await fails(EtcdStore.open({ endpoints: ['http://127.0.0.1:1', 'unix:///nonexistent/etcd.sock'], timeoutMs: 500 }));
  assert.equal(codeOf(failed), 'STORE_UNAVAILABLE', explain(failed));
  for (const endpoints of [[], ['10.0.0.1:2379'], ['ftp://10.0.0.1'], ['http://']]) {
    assert.equal(codeOf(await fails(EtcdStore.open({ endpoints }))), 'STORE_INVALID');
  }
});

test('etcd: its quota is used up: STORE_FULL, reads go on', skip, async (t) => {
  const etcd = await cluster(t, { flags: ['--quota-backend-bytes=4194304'] });
  const store = await opened(t, { endpoints: etcd.endpoints });
  await store.transact([create('/registry/first')]);
  const fill = async (): Promise<never> => {
    for (let i = 0; ; i++) await store.transact([create(`/registry/${i}`, 'x'.repeat(100_000))]);
  };
  assert.equal(codeOf(await fails(fill())), 'STORE_FULL');
  assert.ok((await store.get('/registry/first')) !== undefined);
});

test('etcd: TLS with client certificates; without one, or with another authority, the door stays shut', skip, async (t) => {
  const dir = await scratch(t);
  await certificates(dir);
  const path = (name: string): string => join(dir, name);
  const read = (name: string): Promise<Buffer> => readFile(path(name));
  const etcd = await cluster(t, { tls: { ca: path('ca.crt'), cert: path('server.crt'), key: path('server.key') } });
  const [ca, cert, key, otherCa] = await Promise.all(['ca.crt', 'client.crt', 'client.key', 'other.crt'].map(read));
  const store = await opened(t, { endpoints: etcd.endpoints, tls: { ca: must(ca), cert: must(cert), key: must(key) } });
  const revision = await store.transact([create('/registry/secrets/a')]);
  assert.equal(must(await watchFrom(store, '/registry/', revision - 1, t.signal).next()).revision, revision);
  const [endpoint = ''] = etcd.endpoints;
  for (const [why, where, tls] of [
    [/certificate/, endpoint, { ca: must(ca) }],
    [/unable to verify|self-signed/, endpoint, { ca: must(otherCa), cert: must(cert), key: must(key) }],
    // The server's certificate is for 127.0.0.1 alone.
    [/altnames|ERR_TLS_CERT_ALTNAME/, endpoint.replace('127.0.0.1', 'localhost'), { ca: must(ca), cert: must(cert), key: must(key) }],
    [/altnames|ERR_TLS_CERT_ALTNAME/, endpoint.replace('127.0.0.1', '127.0.0.2'), { ca: must(ca), cert: must(cert), key: must(key) }],
  ] as const) {
    const refused = await fails(EtcdStore.open({ endpoints: [where], tls, timeoutMs: 1_000 }));
    assert.equal(codeOf(refused), 'STORE_UNAVAILABLE', explain(refused));
    assert.match(explain(refused), why);
  }
});

test('etcd: from embedded to etcd and back, objects and times to live are kept, revisions only grow', skip, async (t) => {
  const dir = await scratch(t);
  const etcd = await cluster(t);
  const store = await opened(t, { endpoints: etcd.endpoints });
  const before = await EmbeddedStore.open({ dir: join(dir, 'before') });
  t.after(() => before.close());
  await Promise.all(
    Array.from({ length: 1_500 }, (_, i) => before.transact([create(`/registry/pods/${i}`, `{"n":${i},"pad":"${'x'.repeat(i)}"}`)])),
  );
  await before.transact([{ ...create('/registry/events/e'), ttlMs: 3_600_000 }]);
  const into = await transferToStore({ from: before, to: store, signal: t.signal });
  assert.ok(into.entries === 1_501 && into.missed === 0 && into.toRevision > into.fromRevision);
  const back = await transferToEmbedded({ from: store, dir: join(dir, 'after'), signal: t.signal });
  assert.deepEqual([back.entries, back.toRevision], [1_501, into.toRevision]);
  const after = await EmbeddedStore.open({ dir: join(dir, 'after') });
  t.after(() => after.close());
  const plain = async (from: Store): Promise<unknown> =>
    (await from.list({ prefix: '' })).entries.map((e) => [e.key, Buffer.from(e.value).toString()]);
  assert.deepEqual(await plain(after), await plain(before));
  const [atMs = 0] = [...(await after.expirations()).values()];
  assert.ok(Math.abs(atMs - clock.nowMs() - 3_600_000) < 120_000);
  assert.equal((await etcd.etcdctl('get', '/kijabi/', '--prefix', '--keys-only')).trim(), '');
});

async function healthy(etcd: TestEtcd, member: number): Promise<void> {
  await until(() => EtcdStore.open({ endpoints: [etcd.endpoints[member] ?? ''], timeoutMs: 2_000 }).then((store) => store.close()));
}

/** Tries until it works. */
async function until<T>(work: () => Promise<T>): Promise<T> {
  const endMs = clock.monotonicMs() + PATIENCE_MS;
  for (;;) {
    try {
      return await work();
    } catch (err) {
      if (clock.monotonicMs() > endMs) throw err;
      if (codeOf(err) === 'STORE_EXISTS') throw err;
    }
  }
}

async function certificates(dir: string): Promise<void> {
  const openssl = (...args: readonly string[]): Promise<unknown> => execa('openssl', args, { cwd: dir });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  for (const name of ['ca', 'other'])
    await openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`);
  for (const name of ['server', 'client']) {
    await openssl(
      'req',
      ...key.slice(0, 5),
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    );
    await openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '1',
      '-copy_extensions',
      'copy',
      '-out',
      `${name}.crt`,
    );
    await chmod(join(dir, `${name}.key`), 0o600);
  }
}
