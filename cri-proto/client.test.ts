import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type Clock, ManualClock, SystemClock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { CriClient, type CriClientOptions } from './client.ts';
import { CRI_CODES } from './errors.ts';
import { type FakeRuntime, startFakeRuntime } from './fakeServer.ts';

/** A fake runtime and a client of it, both on one clock; gone when the test ends. */
async function open(t: TestContext, clock: Clock, more: Partial<CriClientOptions> = {}): Promise<{ fake: FakeRuntime; client: CriClient }> {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-cri-'));
  const fake = await startFakeRuntime({ socketPath: join(dir, 'r.sock'), clock });
  const client = new CriClient({ endpoint: fake.endpoint, clock, ...more });
  t.after(() => {
    client.close();
    fake.close();
    rmSync(dir, { recursive: true });
  });
  return { fake, client };
}

const failures = [
  ['UNKNOWN', 'CRI_FAILED'],
  ['INTERNAL', 'CRI_FAILED'],
  ['RESOURCE_EXHAUSTED', 'CRI_FAILED'],
  ['NOT_FOUND', 'CRI_NOT_FOUND'],
  ['ALREADY_EXISTS', 'CRI_ALREADY_EXISTS'],
  ['UNIMPLEMENTED', 'CRI_UNIMPLEMENTED'],
  ['DEADLINE_EXCEEDED', 'CRI_DEADLINE'],
  ['UNAVAILABLE', 'CRI_UNAVAILABLE'],
  ['CANCELLED', 'CRI_UNAVAILABLE'],
] as const;

for (const [grpcCode, code] of failures) {
  test(`${grpcCode} of the runtime is ${code}, with its text word for word`, async (t) => {
    const { fake, client } = await open(t, new SystemClock());
    const text = 'failed to do "it": exit status 1\n100% wrong: é';
    fake.failNext('StartContainer', grpcCode, text);
    await assert.rejects(client.runtime.startContainer({ container_id: 'x' }), (err) => {
      assert.ok(err instanceof AppError);
      assert.deepEqual([err.code, err.facts], [code, { rpc: 'StartContainer', grpcCode, text }]);
      assert.ok(err.message.includes(text) && err.message.startsWith('StartContainer'), err.message);
      return true;
    });
  });
}

test('a runtime that listens and is not ready yet is one that cannot be reached, not one that failed', async (t) => {
  const { fake, client } = await open(t, new SystemClock());
  fake.failNext('ListContainers', 'UNKNOWN', 'server is not initialized yet');
  await assert.rejects(client.runtime.listContainers({}), { code: 'CRI_UNAVAILABLE', message: /is still starting/ });
});

test('the README lists every error code', () => {
  const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
  const listed = [...readme.matchAll(/^\| `(CRI_\w+)`/gm)].map((m) => m[1]);
  assert.deepEqual(listed, [...CRI_CODES]);
});

test('a call ends with CRI_DEADLINE when its time is up, not before, and the runtime sees it go', async (t) => {
  const clock = new ManualClock(1_000_000);
  const { fake, client } = await open(t, clock, { requestTimeoutMs: 5_000 });
  const gone = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  fake.answer('ContainerStatus', (_request, signal) => {
    signal.addEventListener('abort', () => gone.resolve());
    arrived.resolve();
    return new Promise(() => undefined);
  });
  let ended = false;
  const call = client.runtime.containerStatus({ container_id: 'x' });
  call.catch(() => (ended = true));
  await arrived.promise;
  await clock.advance(4_999);
  assert.equal(clock.nextWakeMs, 1);
  assert.equal(ended, false);
  await clock.advance(1);
  await assert.rejects(call, (err) => codeOf(err) === 'CRI_DEADLINE' && /ContainerStatus.*within 5000 ms/.test(String(err)));
  await gone.promise;
});

test('an answer in time leaves no timer behind', async (t) => {
  const clock = new ManualClock(1_000_000);
  const { client } = await open(t, clock);
  await client.runtime.version({});
  assert.equal(clock.nextWakeMs, undefined);
});

test('an abort reaches the runtime, and the call fails with the reason', async (t) => {
  const { fake, client } = await open(t, new SystemClock());
  const gone = Promise.withResolvers<void>();
  const stop = new AbortController();
  fake.answer('PullImage', (_request, signal) => {
    signal.addEventListener('abort', () => gone.resolve());
    stop.abort('not any more');
    return new Promise(() => undefined);
  });
  await assert.rejects(client.image.pullImage({ image: { image: 'x' } }, { signal: stop.signal }), (err) => err === 'not any more');
  await gone.promise;
  await assert.rejects(client.runtime.version({}, { signal: stop.signal }), (err) => err === 'not any more');
  assert.deepEqual(
    fake.calls.map((c) => c.rpc),
    ['PullImage'],
    'a call whose signal is aborted already is not made',
  );
});

test('a list of 10 MiB comes through, and one of 17 MiB fails by itself only', async (t) => {
  const { fake, client } = await open(t, new SystemClock());
  const list = (bytes: number) => () => ({ containers: Array.from({ length: 17 }, () => ({ id: 'x'.repeat(bytes / 17) })) });
  fake.answer('ListContainers', list(10 << 20));
  assert.equal((await client.runtime.listContainers({})).containers.length, 17);
  fake.answer('ListContainers', list(17 << 20));
  await assert.rejects(client.runtime.listContainers({}), (err) => codeOf(err) === 'CRI_FAILED' && /larger than max/.test(String(err)));
  assert.equal((await client.runtime.version({})).runtime_name, 'fake');
});

test('a request of the wrong shape is a TypeError, and no call', async (t) => {
  const { fake, client } = await open(t, new SystemClock());
  await assert.rejects(client.runtime.execSync({ cmd: 'ls' as never }), TypeError);
  assert.deepEqual(fake.calls, []);
});

test('without a runtime: calls fail at once, the loss is told once, waiting ends when it comes back', async (t) => {
  const states: boolean[] = [];
  const { fake, client } = await open(t, new SystemClock(), { onStateChange: (up) => states.push(up) });
  fake.unlisten();
  for (let i = 0; i < 3; i++) {
    await assert.rejects(client.runtime.version({}), (err) => codeOf(err) === 'CRI_UNAVAILABLE' && /is it running/.test(String(err)));
  }
  await assert.rejects(client.waitReady(AbortSignal.abort(new Error('no more'))), /no more/);
  assert.deepEqual(states, [false]);
  await fake.listen();
  await client.waitReady(t.signal);
  assert.equal((await client.runtime.version({})).runtime_name, 'fake');
  fake.unlisten();
  const tried = async (): Promise<string> => client.runtime.version({}).then(String, String);
  while (!/connect E/.test(await tried())); // it was not only lost but also looked for again
  await fake.listen();
  await client.waitReady(t.signal);
  assert.deepEqual(states, [false, true, false, true]);
});

test('a runtime that stays away is told of once, however often it is tried again', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-cri-'));
  const socket = join(dir, 'r.sock');
  const tried = Promise.withResolvers<void>();
  let attempts = 0;
  const server = createServer((connection) => {
    connection.destroy();
    if (++attempts === 4) tried.resolve();
  }).listen(socket);
  const states: boolean[] = [];
  const client = new CriClient({ endpoint: socket, clock: new SystemClock(), onStateChange: (up) => states.push(up) });
  t.after(() => {
    client.close();
    server.close();
    rmSync(dir, { recursive: true });
  });
  const waiting = client.waitReady(t.signal);
  waiting.catch(() => undefined); // ends with the test
  await tried.promise;
  assert.deepEqual(new Set(states), new Set([false]));
  assert.equal(states.length, 1);
});

test('a stream that is left early is cancelled; a broken one fails and does not just end', async (t) => {
  const { fake, client } = await open(t, new SystemClock());
  fake.addImage('docker.io/library/x:1');
  const config = { metadata: { name: 'p', uid: 'u', namespace: 'd' } };
  const events = client.containerdEvents(['topic=="/tasks/start"'], t.signal);
  const first = events.next();
  while (fake.openStreams === 0) await new Promise(setImmediate);
  const { pod_sandbox_id } = await client.runtime.runPodSandbox({ config });
  const { value } = await first;
  assert.deepEqual([value?.kind, value?.container_id], ['start', pod_sandbox_id]);
  assert.ok(Math.abs((value?.atMs ?? 0) - Date.now()) < 60_000);
  await events.return();
  while (fake.openStreams > 0) await new Promise(setImmediate);

  const broken = client.containerdEvents([], t.signal).next();
  while (fake.openStreams === 0) await new Promise(setImmediate);
  fake.unlisten();
  await assert.rejects(broken, (err) => codeOf(err) === 'CRI_UNAVAILABLE');
});

test('closing lets the calls under way end; later ones fail with CRI_UNAVAILABLE', async (t) => {
  const { fake, client } = await open(t, new SystemClock());
  const release = fake.holdNext('Version');
  const call = client.runtime.version({});
  while (fake.calls.length === 0) await new Promise(setImmediate);
  client.close();
  client.close();
  await assert.rejects(client.runtime.version({}), (err) => codeOf(err) === 'CRI_UNAVAILABLE' && /was closed/.test(String(err)));
  release();
  assert.equal((await call).runtime_name, 'fake');
});
