import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import type { Sink } from '../call.ts';
import { chunkOf, contentOf } from './chunk.ts';
import { makeSink } from './sink.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

async function serve(t: TestContext, answer: (sink: Sink, path: string) => Promise<void> | void): Promise<number> {
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    res.writeHead(200, ['Transfer-Encoding', 'chunked']);
    res.flushHeaders();
    const { signal } = new AbortController();
    const sink = makeSink({ res, hasBody: req.method !== 'HEAD', signal, clock: new SystemClock(), onSlow: () => undefined });
    void (async () => answer(sink, req.url ?? ''))();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function get(port: number, method = 'GET'): Promise<string> {
  const req = request({ host: '127.0.0.1', port, method, agent: false });
  req.end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of res) text += String(chunk);
  return text;
}

test('a chunk is its pieces with their length before them', () => {
  const chunk = chunkOf([bytes('abc'), bytes('x'.repeat(20))]);
  assert.equal(Buffer.from(chunk).toString(), `17\r\nabc${'x'.repeat(20)}\r\n`);
  assert.equal(Buffer.from(contentOf(chunk)).toString(), `abc${'x'.repeat(20)}`);
});

test('what is written packed and unpacked arrives in its order', async (t) => {
  const port = await serve(t, (sink) => {
    sink.write(bytes('one '));
    sink.writeChunk(chunkOf([bytes('two '), bytes('three ')]));
    sink.write(bytes('four '));
    sink.writeChunk(chunkOf([bytes('five')]));
    sink.end();
  });
  assert.equal(await get(port), 'one two three four five');
});

test('an answer to HEAD has no body, and the connection goes on', async (t) => {
  const port = await serve(t, (sink) => {
    sink.writeChunk(chunkOf([bytes('never sent')]));
    sink.end();
  });
  assert.equal(await get(port, 'HEAD'), '');
});

test('an answer whose turn has not come is kept until the one before it has ended', async (t) => {
  const second = Promise.withResolvers<void>();
  const port = await serve(t, async (sink, path) => {
    if (path === '/first') await second.promise;
    sink.writeChunk(chunkOf([bytes(`${path} `)]));
    sink.end();
    if (path === '/second') second.resolve();
  });
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /first HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  const bodies = text.match(/7\r\n\/first \r\n0\r\n\r\n[^]*8\r\n\/second \r\n0\r\n\r\n$/);
  assert.ok(bodies, text);
});

test('a client that does not read makes the sink full until it does', async (t) => {
  const chunk = chunkOf([Buffer.alloc(1_000_000, 'x')]);
  const sent = Promise.withResolvers<number>();
  const port = await serve(t, async (sink) => {
    let count = 1;
    while (sink.writeChunk(chunk)) count += 1;
    sent.resolve(count);
    await sink.drained();
    sink.end();
  });
  const req = request({ host: '127.0.0.1', port, agent: false });
  req.end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  const wanted = (await sent.promise) * 1_000_000;
  let length = 0;
  for await (const part of res) length += (part as Buffer).length;
  assert.equal(length, wanted);
});
