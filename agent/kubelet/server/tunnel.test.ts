import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { tunnel } from './tunnel.ts';

const servers: Server[] = [];
after(() => servers.forEach((server) => server.close()));
const never = new AbortController().signal;

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const near = connect({ port: await listen(server), host: '127.0.0.1', allowHalfOpen: true });
  return [near, await accepted];
}

const textOf = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    socket.on('data', (piece: Buffer) => (text += piece.toString())).once('end', () => resolve(text));
  });
const request = {
  method: 'POST',
  rawHeaders: ['Host', 'kubelet', 'Upgrade', 'SPDY/3.1', 'Authorization', 'Bearer x'],
} as unknown as IncomingMessage;

test('the head without credentials, what came behind it, and bytes both ways until both ends have gone', async () => {
  let asked: Promise<string> | undefined;
  const port = await listen(
    createServer({ allowHalfOpen: true }, (socket) => {
      asked = textOf(socket);
      void asked.then(() => socket.end('answer'));
    }),
  );
  const [client, socket] = await pair();
  const said = textOf(client);
  const done = tunnel({
    request,
    socket,
    head: Buffer.from('first '),
    url: new URL(`http://127.0.0.1:${port}/exec/1?a=b`),
    idleMs: 60_000,
    signal: never,
  });
  client.end('second');
  assert.equal(await said, 'answer');
  assert.equal(await asked, `POST /exec/1?a=b HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: SPDY/3.1\r\n\r\nfirst second`);
  await done;
});

test('a runtime that nobody reaches is told as 502', async () => {
  const server = createServer();
  const port = await listen(server);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  const [client, socket] = await pair();
  const said = textOf(client);
  const done = tunnel({ request, socket, head: Buffer.alloc(0), url: new URL(`http://127.0.0.1:${port}/`), idleMs: 60_000, signal: never });
  assert.match(await said, /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*Cannot reach the streaming server of the runtime: connect ECONNREFUSED/);
  client.end();
  await done;
});
