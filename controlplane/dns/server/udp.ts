/** The UDP side: packets in and out. Throws: LISTEN_FAILED. */
import { createSocket, type Socket } from 'node:dgram';
import { AppError, codeOf, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Responder } from '../responder.ts';

export interface ListenAt {
  readonly address: string;
  readonly port: number;
}

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

export async function listenUdp({ address, port }: ListenAt, responder: Responder, log: Logger): Promise<Listening> {
  const isIpv6 = address.includes(':');
  // Addresses of clients are numbers: nothing has to be looked up to answer them.
  const socket = createSocket({
    type: isIpv6 ? 'udp6' : 'udp4',
    ipv6Only: isIpv6 && address !== '::',
    lookup: (host, _, done) => done(null, host, isIpv6 ? 6 : 4),
  });
  const via = { transport: 'udp', family: isIpv6 ? '2' : '1' } as const;
  socket.on('message', (bytes, { port: to, address: host }) => {
    const answer = responder.respond(bytes, via);
    if (answer === undefined) return;
    if (answer instanceof Promise) void answer.then((later) => later !== undefined && send(socket, later, to, host));
    else send(socket, answer, to, host);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (err) => reject(listenFailed(err, 'UDP', { address, port })));
    socket.bind({ address, port, exclusive: true }, resolve);
  });
  socket.removeAllListeners('error');
  socket.on('error', (err) => log.warn('UDP socket has an error', { address, port, err }));
  let isClosed = false;
  return {
    port: socket.address().port,
    close: () =>
      new Promise((resolve) => {
        if (isClosed) return resolve();
        isClosed = true;
        socket.close(() => resolve());
      }),
  };
}

/** A client that has gone does not matter to the others. */
function send(socket: Socket, answer: Buffer, port: number, host: string): void {
  try {
    socket.send(answer, port, host, ignore);
  } catch {
    // the socket was closed meanwhile, or the packet came from port 0
  }
}
const ignore = (): void => undefined;

export function listenFailed(err: unknown, protocol: string, { address, port }: ListenAt): AppError {
  const code = codeOf(err);
  const next =
    code === 'EADDRINUSE'
      ? 'another process has the port, find it with ss -lnp, or choose another --listen'
      : code === 'EACCES'
        ? 'ports below 1024 need root or CAP_NET_BIND_SERVICE'
        : explain(err);
  return new AppError('LISTEN_FAILED', `Cannot listen on ${protocol} ${address} port ${port}: ${next}`, { address, port });
}
