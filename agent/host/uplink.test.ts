import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { forwardPort, waitUplink } from './uplink.ts';

/** slirp4netns's side of its API: one JSON request per connection, answered when the writing side is closed. */
class FakeSlirp {
  readonly requests: object[] = [];
  readonly busy = new Set<number>();
  answer: string | undefined;
  readonly #server: Server;

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      let text = '';
      socket.on('data', (chunk) => (text += String(chunk)));
      socket.on('end', () => socket.end(this.answer ?? this.#reply(JSON.parse(text) as Request)));
    });
  }

  #reply(request: Request): string {
    this.requests.push(request);
    const taken = request.arguments !== undefined && this.busy.has(request.arguments.host_port);
    return JSON.stringify(taken ? { error: { desc: 'bad request: add_hostfwd: slirp_add_hostfwd failed' } } : { return: { id: 1 } });
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve) => this.#server.listen(path, resolve));
  }

  close(): void {
    this.#server.close();
  }
}

interface Request {
  readonly execute: string;
  readonly arguments?: { readonly host_port: number };
}

let directory: string;
let socket: string;
let slirp: FakeSlirp;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kijabi-uplink-'));
  socket = join(directory, 's');
  slirp = new FakeSlirp();
});
afterEach(() => {
  slirp.close();
  rmSync(directory, { recursive: true });
});

const { signal } = new AbortController();

test('forwardPort: on loopback only, to the namespace’s own address', async () => {
  await slirp.listen(socket);
  assert.equal(await forwardPort({ socket, wantedPort: undefined, firstPort: 18_080, guestAddress: '10.0.2.100', signal }), 18_080);
  assert.deepEqual(slirp.requests, [
    {
      execute: 'add_hostfwd',
      arguments: { proto: 'tcp', host_addr: '127.0.0.1', host_port: 18_080, guest_addr: '10.0.2.100', guest_port: 18_080 },
    },
  ]);
});

test('forwardPort: the next free one, but not instead of one that was asked for', async () => {
  await slirp.listen(socket);
  slirp.busy.add(18_080).add(18_081);
  assert.equal(await forwardPort({ socket, wantedPort: undefined, firstPort: 18_080, guestAddress: '10.0.2.100', signal }), 18_082);
  const busy = forwardPort({ socket, wantedPort: 18_081, firstPort: 18_080, guestAddress: '10.0.2.100', signal });
  await assert.rejects(busy, { code: 'PORT_BUSY', message: /127\.0\.0\.1:18081.*--port/ });
});

test('forwardPort: an answer that is none', async () => {
  await slirp.listen(socket);
  slirp.answer = 'hello';
  await assert.rejects(forwardPort({ socket, wantedPort: 1, firstPort: 1, guestAddress: '10.0.2.100', signal }), {
    code: 'UPLINK_FAILED',
    message: /hello/,
  });
});

test('waitUplink: waits for the socket, and ends with the signal', async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const stopped = waitUplink(socket, clock, stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(stopped);
  const waiting = waitUplink(socket, clock, signal);
  await slirp.listen(socket);
  const done = waiting.then(() => true);
  for (let ready = false; !ready;) {
    await clock.advance(5);
    ready = await Promise.race([done, new Promise<false>((resolve) => setImmediate(resolve, false))]);
  }
});
