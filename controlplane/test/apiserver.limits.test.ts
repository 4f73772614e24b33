/** What a client cannot do to the server, however hard it tries: each limit, its answer, and that the server goes on. Time is moved. */
import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { after, before, test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { recorder, type Line } from '#client/testing/kit.ts';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { MemoryStore } from '../apiserver/storage/memory.ts';
import type { Store } from '../apiserver/storage/store.ts';
import { TestClient, type TestAnswer } from '../apiserver/testing/client.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Loose = any;
const said = ({ code, json }: TestAnswer): readonly unknown[] => [code, (json as Loose)?.reason, (json as Loose)?.message];
const MAPS = '/api/v1/namespaces/default/configmaps';
const MOST_BYTES = 3 * 1024 * 1024;

/** A store whose writes and reads of the newest revision wait while somebody holds it. */
class HeldStore {
  readonly store: Store;
  #held: Promise<void> | undefined;
  #release = (): void => undefined;

  constructor(inner: MemoryStore) {
    const waits = async (): Promise<void> => this.#held;
    this.store = new Proxy<Store>(inner, {
      get: (target, name: keyof Store) => {
        const value: unknown = target[name];
        if (typeof value !== 'function') return value;
        const call = value.bind(target) as (...args: unknown[]) => unknown;
        return name === 'transact' ? async (...args: unknown[]) => (await waits(), call(...args)) : call;
      },
    });
  }

  hold(): void {
    this.#held = new Promise((resolve) => (this.#release = resolve));
  }

  release(): void {
    this.#held = undefined;
    this.#release();
  }
}

const clock = new ManualClock(Date.now());
const held = new HeldStore(new MemoryStore({ clock }));
const lines: Line[] = [];
let server: DevServer;
let admin: TestClient;
let user: TestClient;
before(async () => {
  server = await startDevServer({
    clock,
    store: held.store,
    log: recorder(lines),
    tokens: [{ token: 'user', user: { name: 'user', groups: [] } }],
    overrides: {
      authorizationModes: ['AlwaysAllow'],
      limits: { maxRequestsInflight: 3, maxMutatingRequestsInflight: 2, requestTimeoutMs: 60_000 },
    },
  });
  admin = new TestClient(server);
  user = new TestClient(server);
});
after(async () => {
  admin.close();
  user.close();
  await server.stop();
});

async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setImmediate(resolve));
}

async function inflight(kind: string): Promise<number> {
  const { text } = await admin.get('/metrics');
  return Number(new RegExp(`apiserver_current_inflight_requests{request_kind="${kind}"} (\\d+)`).exec(text)?.[1]);
}

const head = (): string => `Host: x\r\nAuthorization: Bearer ${server.token}\r\nContent-Type: application/json\r\n`;

/** Bytes as they are, on a connection of their own; what came back once the server has closed it. */
function raw(bytes: string, to: DevServer = server): { readonly closed: Promise<string> } {
  const socket = connect({ host: '127.0.0.1', port: to.port, ca: to.pki.ca });
  let got = '';
  socket.setEncoding('utf8').on('data', (text: string) => (got += text));
  socket.on('error', () => undefined);
  socket.write(bytes);
  return { closed: new Promise((resolve) => socket.on('close', () => resolve(got))) };
}

test('bodies have a limit, whether their length is told or not', async () => {
  const bytes = JSON.stringify({ metadata: { name: 'big' }, data: { x: 'y'.repeat(MOST_BYTES) } });
  assert.deepEqual(said(await admin.post(MAPS, bytes)), [413, 'RequestEntityTooLarge', `Request entity too large: limit is ${MOST_BYTES}`]);
  const piece = `${(64 * 1024).toString(16)}\r\n${'y'.repeat(64 * 1024)}\r\n`;
  const chunked = await raw(`POST ${MAPS} HTTP/1.1\r\n${head()}Transfer-Encoding: chunked\r\n\r\n${piece.repeat(64)}0\r\n\r\n`).closed;
  // Where the rest is still on its way, the connection may end before the answer is read.
  assert.match(chunked, /^$|^HTTP\/1\.1 413 .*"reason":"RequestEntityTooLarge"/s);
  // What fits into a body need not fit into the store.
  const less = await admin.post(MAPS, { metadata: { name: 'big' }, data: { x: 'y'.repeat(MOST_BYTES - 100_000) } });
  assert.ok([413, 422].includes(less.code), less.text.slice(0, 200));
  assert.equal((await admin.get(`${MAPS}/big`)).code, 404);
});

test('a compressed body is not unpacked, and YAML does not unfold', async () => {
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, ' '));
  const answer = await admin.post(MAPS, bomb, { headers: { 'Content-Encoding': 'gzip' } });
  assert.deepEqual([answer.code, (answer.json as Loose).reason], [415, 'UnsupportedMediaType']);
  const laughs = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 12; i++) {
    const [own, other] = [String.fromCodePoint(97 + i), String.fromCodePoint(96 + i)];
    laughs.push(`${own}: &${own} [${`*${other}, `.repeat(9)}]`);
  }
  assert.equal((await admin.post(MAPS, laughs.join('\n'), { type: 'application/yaml' })).code, 400);
});

test('bodies are no deeper than what walks through them can bear', async () => {
  const deep = (levels: number): string =>
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"deep"},"x":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  await admin.post(MAPS, { metadata: { name: 'deep' } });
  const sends: readonly ((text: string) => Promise<TestAnswer>)[] = [
    (text) => admin.post(MAPS, text),
    (text) => admin.put(`${MAPS}/deep`, text),
    (text) => admin.post(MAPS, text, { type: 'application/yaml' }),
    ...['merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml'].map(
      (type) => (text: string) => admin.send('PATCH', `${MAPS}/deep?fieldManager=me`, { body: text, type: `application/${type}` }),
    ),
    (text) =>
      admin.send('PATCH', `${MAPS}/deep`, { body: `[{"op":"add","path":"/x","value":${text}}]`, type: 'application/json-patch+json' }),
    (text) => admin.delete(`${MAPS}/deep?dryRun=All`, { body: text.replace('"ConfigMap"', '"DeleteOptions"') }),
  ];
  for (const [i, send] of sends.entries()) {
    const answer = await send(deep(200_000));
    assert.equal(answer.code, 400, `${i}: ${answer.text.slice(0, 300)}`);
    assert.match((answer.json as Loose).message, /exceeded max depth|nested too deeply|nested more than 100 levels/, String(i));
  }
  // Brackets in texts are no levels.
  const brackets = await admin.post(`${MAPS}?dryRun=All`, { metadata: { name: 'brackets' }, data: { x: '[{"\\'.repeat(2_000) } });
  assert.equal(brackets.code, 201);
  // Many small patches make an object deeper than one body may be.
  const controllers = '/apis/apps/v1/namespaces/default/controllerrevisions';
  await admin.post(controllers, { metadata: { name: 'deep' }, revision: 1, data: { n: {} } });
  let [path, code] = ['/data/n', 200];
  for (let i = 0; i < 40 && code === 200; i++) {
    const operation = { op: 'add', path: `${path}/n`, value: JSON.parse(`${'{"n":'.repeat(400)}{}${'}'.repeat(400)}`) as unknown };
    ({ code } = await admin.send('PATCH', `${controllers}/deep`, { body: [operation], type: 'application/json-patch+json' }));
    path += '/n'.repeat(401);
  }
  assert.ok(code !== 500, String(code));
});

test('so many at once and no more: 429 tells to come again, reads and writes count apart, and masters get in', async () => {
  held.hold();
  const writes = ['a', 'b'].map((name) => user.post(MAPS, { metadata: { name } }, { token: 'user' }));
  await eventually(async () => (await inflight('mutating')) === 2);
  const refused = await user.post(MAPS, { metadata: { name: 'c' } }, { token: 'user' });
  assert.deepEqual(said(refused), [429, 'TooManyRequests', 'Too many requests, please try again later.']);
  assert.equal(refused.headers['retry-after'], '1');
  assert.equal((await user.get(MAPS, { token: 'user' })).code, 200);
  const watches = await Promise.all(Array.from({ length: 5 }, () => user.watch(`${MAPS}?watch=1`, { token: 'user' })));
  assert.equal((await user.get(MAPS, { token: 'user' })).code, 200);
  const exempt = admin.post(MAPS, { metadata: { name: 'd' } });
  await eventually(async () => (await inflight('mutating')) === 3);
  held.release();
  assert.deepEqual(
    (await Promise.all([...writes, exempt])).map(({ code }) => code),
    [201, 201, 201],
  );
  assert.equal(await inflight('mutating'), 0);
  assert.equal((await user.post(MAPS, { metadata: { name: 'c' } }, { token: 'user' })).code, 201);
  for (const watch of watches) watch.close();
});

/** Moves time until it has settled. */
async function while_<T>(pending: Promise<T>, stepMs: number): Promise<T> {
  let settled = false;
  const done = pending.finally(() => (settled = true));
  await Promise.all([
    done,
    eventually(async () => {
      if (!settled) await clock.advance(stepMs);
      return settled;
    }),
  ]);
  return done;
}

test('a request that takes too long is answered with 504, and one that wants less time than the server gives gets less', async () => {
  held.hold();
  const startMs = clock.monotonicMs();
  const slow = user.post(MAPS, { metadata: { name: 'slow' } });
  await eventually(async () => (await inflight('mutating')) === 1);
  assert.deepEqual(said(await while_(slow, 1_000)), [504, 'Timeout', 'Timeout: request did not complete within the allotted timeout']);
  assert.ok(clock.monotonicMs() - startMs >= 60_000);
  const patientMs = clock.monotonicMs();
  const patient = user.post(`${MAPS}?timeout=5s`, { metadata: { name: 'slower' } });
  await eventually(async () => (await inflight('mutating')) === 2);
  assert.equal((await while_(patient, 1_000)).code, 504);
  assert.ok(clock.monotonicMs() - patientMs < 30_000);
  held.release();
  assert.equal((await user.get(`${MAPS}?timeout=3600s`)).code, 200);
  const wrong = await user.get(`${MAPS}?timeout=soon`);
  assert.deepEqual([wrong.code, (wrong.json as Loose).reason], [400, 'BadRequest']);
  await eventually(async () => (await inflight('mutating')) === 0);
});

test('a body that never ends, byte after byte, ends with the time for the request', async () => {
  const { closed } = raw(`POST ${MAPS} HTTP/1.1\r\n${head()}Content-Length: 100\r\n\r\n{`);
  await eventually(async () => (await inflight('mutating')) === 1);
  assert.match(await while_(closed, 1_000), /^HTTP\/1\.1 504 .*"reason":"Timeout"/s);
  await eventually(async () => (await inflight('mutating')) === 0);
});

test('heads that never end, line after line, end with the time for a head, and others are served meanwhile', async (t) => {
  const hasty = await startDevServer({
    overrides: { limits: { maxRequestsInflight: 3, maxMutatingRequestsInflight: 2, requestTimeoutMs: 60_000, headTimeoutMs: 100 } },
  });
  const other = new TestClient(hasty);
  t.after(async () => {
    other.close();
    await hasty.stop();
  });
  const heads = Array.from({ length: 20 }, (_, i) => raw(`GET /version HTTP/1.1\r\nHost: x\r\nX-${i}: y\r\n`, hasty).closed);
  assert.equal((await other.get('/version')).code, 200);
  for (const answer of await Promise.all(heads)) assert.match(answer, /^HTTP\/1\.1 408 Request Timeout.*"kind":"Status"/s);
  assert.equal((await other.get('/version')).code, 200);
});

test('a watch whose client does not read is cut, and costs no memory until then', async () => {
  const watch = await user.watch(`${MAPS}?watch=1`);
  watch.pause();
  const body = { data: { x: 'y'.repeat(500_000) } };
  // More than the connection's buffers hold, so that the server has to wait for the client.
  for (let i = 0; i < 40; i++) {
    body.data.x = String(i % 10).repeat(500_000);
    assert.equal((await admin.patch(`${MAPS}/a`, 'merge-patch', body)).code, 200);
  }
  const isCut = (): boolean => lines.some(({ message, fields }) => message === 'Cut a client that did not read' && fields['path'] === MAPS);
  await while_(eventually(isCut), 10_000);
  watch.resume();
  while ((await watch.next()) !== undefined);
  assert.match((await admin.get('/metrics')).text, /apiserver_terminated_watchers_total{resource="configmaps"} 1/);
});

test('a watch in which nothing happens says about once a minute that it lives, if it may', async () => {
  const [watch, plain] = await Promise.all([
    user.watch('/api/v1/namespaces/default/secrets?watch=1&allowWatchBookmarks=true'),
    user.watch('/api/v1/namespaces/default/secrets?watch=1'),
  ]);
  const startMs = clock.monotonicMs();
  for (let minute = 1; minute <= 3; minute++) {
    const event = await while_(watch.next(), 5_000);
    assert.deepEqual([event?.type, event?.object.kind], ['BOOKMARK', 'Secret']);
    assert.ok(clock.monotonicMs() - startMs >= minute * 60_000);
  }
  const plainly = plain.next();
  await admin.post('/api/v1/namespaces/default/secrets', { metadata: { name: 's' } });
  assert.equal((await plainly)?.type, 'ADDED');
  watch.close();
  plain.close();
});
