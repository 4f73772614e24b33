import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import { joinDuplex } from './duplex.ts';

const servers: Server[] = [];
after(() => servers.forEach((server) => server.close()));

/** Two ends of one connection. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  for (const socket of [near, await accepted]) socket.on('error', () => undefined);
  return [near, await accepted];
}

const never = new AbortController().signal;

function readAll(socket: Socket): Promise<number> {
  let length = 0;
  return new Promise((resolve) => {
    socket.on('data', (piece: Buffer) => (length += piece.length));
    socket.once('end', () => resolve(length)).once('close', () => resolve(length));
  });
}

test('a side that takes its time gets all that the other has sent before it went', async () => {
  const written: string[] = [];
  const takes: (() => void)[] = [];
  const slow = new Duplex({
    read: () => undefined,
    write: (piece: Buffer, _, done) => {
      written.push(piece.toString());
      takes.push(done);
    },
  });
  const quick = new Duplex({ read: () => undefined, write: (_piece, _, done) => done() });
  const joined = joinDuplex(slow, quick, never);
  for (const piece of ['a', 'b', 'c', null]) quick.push(piece);
  quick.end();
  await new Promise((resolve) => quick.once('close', resolve));
  assert.ok(!slow.destroyed, 'it is not done yet');
  while (written.join('') !== 'abc') {
    takes.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  takes.shift()?.();
  slow.push(null);
  await joined;
  assert.ok(slow.writableFinished);
});

test('the end of one direction is passed on, and the other goes on', async () => {
  const [[client, a], [b, backend]] = [await pair(), await pair()];
  const joined = joinDuplex(a, b, never);
  client.end('question');
  const asked = await readAll(backend);
  backend.end('answer');
  assert.deepEqual([asked, await readAll(client)], [8, 6]);
  await joined;
});

test('the signal ends both, and one that is gone already ends the other', async () => {
  const [[client, a], [b, backend]] = [await pair(), await pair()];
  const stop = new AbortController();
  const joined = joinDuplex(a, b, stop.signal);
  stop.abort();
  await joined;
  assert.ok(a.destroyed && b.destroyed);
  for (const socket of [client, backend]) socket.destroy();

  const [[near, c], [d, far]] = [await pair(), await pair()];
  c.destroy();
  await new Promise((resolve) => c.once('close', resolve));
  const ended = joinDuplex(c, d, never);
  far.resume().on('end', () => far.end());
  await ended;
  assert.ok(d.destroyed);
  near.destroy();
});
