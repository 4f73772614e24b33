/**
 * The TCP side: several questions on one connection, answered as the answers come. What a client may cost is bounded: connections, silence,
 * questions under way, what it does not read.
 * Units: milliseconds, bytes. Throws: LISTEN_FAILED.
 * Source: RFC 7766 (6.2.1.1: answers in any order; 6.2.3: idle connections are closed).
 */
import { createServer, type Socket } from 'node:net';
import type { Responder } from '../responder.ts';
import { LONGEST_QUERY } from '../wire.ts';
import { framed, Frames } from './frames.ts';
import { listenFailed, type ListenAt, type Listening } from './udp.ts';

export interface TcpLimits {
  readonly connections: number;
  readonly idleMs: number;
}

const MOST_UNDER_WAY = 100;
const MOST_UNREAD_BYTES = 1 << 20;

export interface TcpListening extends Listening {
  readonly connections: number;
}

export async function listenTcp({ address, port }: ListenAt, responder: Responder, limits: TcpLimits): Promise<TcpListening> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    if (sockets.size >= limits.connections) return void socket.destroy();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, responder, limits.idleMs);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err) => reject(listenFailed(err, 'TCP', { address, port })));
    server.listen({ host: address, port, exclusive: true, ipv6Only: address !== '::' && address.includes(':') }, resolve);
  });
  server.removeAllListeners('error').on('error', () => undefined); // a connection that could not be taken: the client tries again
  const at = server.address();
  return {
    port: typeof at === 'object' && at !== null ? at.port : 0,
    get connections() {
      return sockets.size;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serve(socket: Socket, responder: Responder, idleMs: number): void {
  const frames = new Frames();
  const via = { transport: 'tcp', family: socket.remoteFamily === 'IPv6' ? '2' : '1' } as const;
  let underWay = 0;
  const send = (answer: Buffer): void => {
    if (socket.destroyed) return;
    socket.write(framed(answer));
    if (socket.writableLength > MOST_UNREAD_BYTES) socket.destroy(); // it asks and does not read
  };
  const later = async (answer: Promise<Buffer | undefined>): Promise<void> => {
    underWay += 1;
    if (underWay >= MOST_UNDER_WAY) socket.pause();
    const bytes = await answer; // never rejects
    underWay -= 1;
    if (bytes !== undefined) send(bytes);
    if (underWay < MOST_UNDER_WAY) socket.resume();
  };
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    for (const bytes of frames.take(chunk)) {
      const answer = responder.respond(bytes, via);
      if (answer instanceof Promise) void later(answer);
      else if (answer !== undefined) send(answer);
    }
    if ((frames.expectedBytes ?? 0) > LONGEST_QUERY) socket.destroy();
  });
}
