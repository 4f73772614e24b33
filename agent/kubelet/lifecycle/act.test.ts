/** Hooks as they go over the wire, against real servers on the loopback, with TLS too. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTls } from 'node:https';
import { createServer as createTcp, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { LifecycleHandler, Probe } from '#api/kinds/core/probes.ts';
import { SystemClock } from '#base/clock.ts';
import { explain } from '#base/errors.ts';
import { CriClient } from '#cri/client.ts';
import { askOnce } from '../probes/act.ts';
import { makeSelfSigned } from '../server/selfSigned.ts';
import { runHook } from './act.ts';

async function listen(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function withTls(t: TestContext, answer: RequestListener): Promise<number> {
  const { certificate: cert, key } = makeSelfSigned('somebody-else', [], Date.now());
  return listen(t, createTls({ cert, key }, answer));
}

const target = { containerId: 'id', container: { name: 'c' }, ip: '127.0.0.1' };
const signal = new AbortController().signal;

async function hook(t: TestContext, handler: LifecycleHandler): Promise<string> {
  const clock = new SystemClock();
  const client = new CriClient({ endpoint: 'unix:///nowhere.sock', clock });
  t.after(() => client.close());
  return runHook({ client, clock }, handler, target, signal).then(
    () => 'done',
    (err: unknown) => `${(err as { code: string }).code}: ${explain(err)}`,
  );
}

test('hook by httpGet: path and headers arrive; whatever the answer, it was one; nobody there is a failure', async (t) => {
  const seen: string[] = [];
  const server = createServer((req, res) => {
    seen.push(`${req.method} ${req.url} ${req.headers['x-why'] as string}`);
    res.writeHead(500).end();
  });
  const port = await listen(t, server);
  const httpGet = { port, path: '/stop', httpHeaders: [{ name: 'X-Why', value: 'end' }] };
  assert.equal(await hook(t, { httpGet }), 'done');
  assert.deepEqual(seen, ['GET /stop end']);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  assert.match(
    await hook(t, { httpGet }),
    /^HOOK_FAILED: Get "http:\/\/127\.0\.0\.1:\d+\/stop": dial tcp .*: connect: connection refused$/,
  );
});

test('hook by tcpSocket: an open port will do, a closed one is a failure', async (t) => {
  let connections = 0;
  const server = createTcp((socket) => {
    connections++;
    socket.destroy();
  });
  const port = await listen(t, server);
  assert.equal(await hook(t, { tcpSocket: { port } }), 'done');
  await new Promise((resolve) => server.close(resolve));
  assert.equal(connections, 1);
  assert.match(await hook(t, { tcpSocket: { port } }), /^HOOK_FAILED: dial tcp .*: connect: connection refused$/);
});

test('HTTPS: hooks and probes ask with TLS and take any certificate; a server without TLS is bad', async (t) => {
  const seen: string[] = [];
  const port = await withTls(t, (req, res) => {
    seen.push(req.url ?? '');
    res.writeHead(req.url === '/sick' ? 503 : 200).end();
  });
  assert.equal(await hook(t, { httpGet: { port, scheme: 'HTTPS', path: '/hook' } }), 'done');
  const clock = new SystemClock();
  const client = new CriClient({ endpoint: 'unix:///nowhere.sock', clock });
  t.after(() => client.close());
  const ask = async (probe: Probe): Promise<string> => {
    const answer = await askOnce({ client, clock }, { ...target, container: { name: 'c' } }, probe, signal);
    return 'message' in answer ? `${answer.kind}: ${answer.message}` : answer.kind;
  };
  assert.equal(await ask({ httpGet: { port, scheme: 'HTTPS', path: '/well' } }), 'good');
  assert.equal(await ask({ httpGet: { port, scheme: 'HTTPS', path: '/sick' } }), 'bad: HTTP probe failed with statuscode: 503');
  assert.deepEqual(seen, ['/hook', '/well', '/sick']);
  const plain = await listen(
    t,
    createServer((_, res) => void res.end()),
  );
  assert.match(await ask({ httpGet: { port: plain, scheme: 'HTTPS' } }), /^bad: Get "https:/);
});
