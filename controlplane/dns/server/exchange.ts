/**
 * Questions to upstream servers over real sockets. Each UDP question has a socket of its own: the kernel picks its port at random, and takes
 * packets from that server alone. Source: RFC 5452 (9.2: ports hard to guess), RFC 7766 (8: lengths over TCP).
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { AppError } from '#base/errors.ts';
import type { Exchange, Send, Settled } from '../forward/exchange.ts';
import type { Received } from '../forward/read.ts';
import { Frames, framed } from './frames.ts';

const settledOf = (received: Received): Settled | undefined => (received.kind === 'stray' ? undefined : received);

const udp: Send = ({ address, port }, message, read, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = createSocket({
      type: address.includes(':') ? 'udp6' : 'udp4',
      lookup: (host, _, done) => done(null, host, host.includes(':') ? 6 : 4),
    });
    const finish = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners('message').close();
      settle();
    };
    const onAbort = (): void => finish(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (err) => finish(() => reject(err)));
    socket.on('message', (bytes) => {
      const settled = settledOf(read(bytes));
      if (settled !== undefined) finish(() => resolve(settled));
    });
    socket.connect(port, address, (failure?: Error) => {
      if (failure !== undefined) return finish(() => reject(failure));
      if (!signal.aborted) socket.send(message, (err) => err === null || finish(() => reject(err)));
    });
  });

const tcp: Send = ({ address, port }, message, read, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host: address, port, noDelay: true });
    const frames = new Frames();
    const finish = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = (): void => finish(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', (err) => finish(() => reject(err)));
    socket.on('close', () => finish(() => reject(new AppError('FORWARD_CLOSED', `${address} closed the connection`))));
    socket.on('data', (chunk: Buffer) => {
      for (const bytes of frames.take(chunk)) {
        const settled = settledOf(read(bytes));
        if (settled !== undefined) return finish(() => resolve(settled));
      }
    });
    socket.write(framed(message));
  });

export const socketExchange: Exchange = { udp, tcp };
