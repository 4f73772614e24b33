/** Questions as they go over the wire, against real servers on the loopback. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTcp, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Server as GrpcServer, ServerCredentials, status as Status } from '@grpc/grpc-js';
import type { Container } from '#api/kinds/core/container.ts';
import type { Probe } from '#api/kinds/core/probes.ts';
import { ManualClock, SystemClock } from '#base/clock.ts';
import { CriClient } from '#cri/client.ts';
import { askOnce } from './act.ts';

const NEVER = new AbortController().signal;

async function listen(t: TestContext, server: Server | ReturnType<typeof createTcp>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function ask(probe: Probe, container: Container = { name: 'c' }): Promise<string> {
  const clock = new SystemClock();
  const client = new CriClient({ endpoint: 'unix:///nowhere.sock', clock });
  const answer = await askOnce({ client, clock }, { containerId: 'id', container, ip: '127.0.0.1' }, probe, NEVER);
  client.close();
  return 'message' in answer ? `${answer.kind}: ${answer.message}` : answer.kind;
}

test('httpGet: status, headers, named port, path with a query, redirects on the host and off it', async (t) => {
  const seen: IncomingMessage[] = [];
  const port = await listen(
    t,
    createServer((req, res) => {
      seen.push(req);
      const code = Number(/\d+/.exec(req.url ?? '')?.[0] ?? 200);
      if (req.url === '/away') res.writeHead(302, { location: 'http://localhost:1/' }).end('gone away');
      else if (req.url === '/near') res.writeHead(301, { location: '/200' }).end();
      else if (req.url === '/loop') res.writeHead(302, { location: '/loop' }).end();
      else res.writeHead(code).end('x'.repeat(100_000));
    }),
  );
  const c: Container = { name: 'c', ports: [{ name: 'web', containerPort: port }] };
  const get = (path: string): Promise<string> => ask({ httpGet: { port: 'web', path } }, c);
  assert.equal(await get('/200'), 'good');
  assert.equal(await get('/399'), 'warning: Probe terminated redirects, Response body: ' + 'x'.repeat(10 << 10));
  assert.equal(await get('/404'), 'bad: HTTP probe failed with statuscode: 404');
  assert.equal(await get('/503?a=b'), 'bad: HTTP probe failed with statuscode: 503');
  assert.equal(await get('/near'), 'good');
  assert.equal(await get('/away'), 'warning: Probe terminated redirects, Response body: gone away');
  assert.equal(await get('/loop'), `bad: Get "http://127.0.0.1:${port}/loop": stopped after 10 redirects`);
  const httpHeaders = [
    { name: 'Host', value: 'example.com' },
    { name: 'X-A', value: '1' },
    { name: 'x-a', value: '2' },
    { name: 'Accept', value: '' },
  ];
  assert.equal(await ask({ httpGet: { port, httpHeaders } }), 'good');
  const { headers } = seen.at(-1)!;
  assert.deepEqual(
    [headers.host, headers['x-a'], headers.accept, headers['user-agent']],
    ['example.com', '1, 2', undefined, 'kube-probe/1.36'],
  );
  assert.match(await ask({ httpGet: { port: 'nope' } }, c), /^error: couldn't find port: "nope" is no port of container c$/);
});

test('httpGet: nobody there, and somebody who never answers', async (t) => {
  const silent = createTcp();
  const port = await listen(t, silent);
  const clock = new ManualClock();
  const client = new CriClient({ endpoint: 'unix:///nowhere.sock', clock });
  const target = { containerId: 'id', container: { name: 'c' }, ip: '127.0.0.1' };
  const connected = new Promise((resolve) => silent.once('connection', resolve));
  const asked = askOnce({ client, clock }, target, { httpGet: { port }, timeoutSeconds: 3 }, NEVER);
  await connected;
  await clock.advance(3_000);
  assert.deepEqual(await asked, {
    kind: 'bad',
    message: `Get "http://127.0.0.1:${port}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  });
  silent.close();
  client.close();
  const free = await listen(t, createTcp());
  assert.equal(await ask({ tcpSocket: { port: free } }), 'good');
  const closed = createTcp();
  const gone = await listen(t, closed);
  await new Promise((resolve) => closed.close(resolve));
  assert.equal(
    await ask({ httpGet: { port: gone } }),
    `bad: Get "http://127.0.0.1:${gone}/": dial tcp 127.0.0.1:${gone}: connect: connection refused`,
  );
  assert.equal(await ask({ tcpSocket: { port: gone } }), `bad: dial tcp 127.0.0.1:${gone}: connect: connection refused`);
});

test('grpc: serving, not serving, another service, no health service, nobody there', async (t) => {
  const server = new GrpcServer();
  const raw = (b: Buffer): Buffer => b;
  const definition = (path: string): object => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  });
  server.addService({ Check: definition('/grpc.health.v1.Health/Check') } as never, {
    Check: (call: { request: Buffer }, callback: (err: object | null, answer?: Buffer) => void) => {
      const service = call.request.subarray(2).toString('utf8');
      if (service === 'none') callback({ code: Status.NOT_FOUND, details: 'unknown service' });
      else if (service === 'old') callback({ code: Status.UNIMPLEMENTED, details: 'unknown method Check' });
      else callback(null, Buffer.from([8, service === 'sick' ? 2 : 1]));
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (err, at) => (err === null ? resolve(at) : reject(err))),
  );
  t.after(() => server.forceShutdown());
  const check = (service?: string): Promise<string> => ask({ grpc: { port, ...(service === undefined ? {} : { service }) } });
  assert.equal(await check(), 'good');
  assert.equal(await check('sick'), 'bad: service unhealthy (responded with "NOT_SERVING")');
  assert.equal(await check('none'), 'bad: error: health rpc failed: unknown service');
  assert.match(await check('old'), /^bad: error: this server does not implement the grpc health protocol \(grpc\.health\.v1\.Health\): /);
  const closed = createTcp();
  const gone = await listen(t, closed);
  await new Promise((resolve) => closed.close(resolve));
  assert.match(await ask({ grpc: { port: gone } }), /^bad: (error: connecting to|timeout: failed to connect)/);
});
