/**
 * exec and attach between a client that speaks WebSocket and a kubelet or runtime that speaks SPDY: channels become streams and back,
 * with the end of stdin, which the WebSockets of runtimes cannot say.
 * Source: the subprotocol v5.channel.k8s.io: a byte of channel in front of each message (0 stdin, 1 stdout, 2 stderr, 3 the Status at the
 * end, 4 terminal sizes), and 255 n closes channel n; towards the kubelet v4.channel.k8s.io, a stream for each, named by its header.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { SpdyClient, type SpdyStream } from './spdy.ts';

export const CLIENT_PROTOCOL = 'v5.channel.k8s.io';
/** The header with which SPDY says the same. */
export const BACKEND_HEADERS = { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' } as const;

const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
const CLOSE = 255;
type Name = keyof typeof CHANNELS;

/** What lies here for the client before the other side has to wait. */
const MOST_WAITING_BYTES = 1 << 20;

export interface CommandStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface Translation {
  readonly client: WebSocket;
  /** The connection behind the other side's 101, and what came with it. */
  readonly backend: Duplex;
  readonly first: Buffer;
  readonly wanted: CommandStreams;
  readonly signal: AbortSignal;
}

/** Resolves when both are closed; the signal closes them at once. */
export function translateCommand({ client, backend, first, wanted, signal }: Translation): Promise<void> {
  const spdy = new SpdyClient(backend);
  const streams = new Map<number, SpdyStream>();
  const talking = new Set<Name>();
  let hasStatus = false;

  const send = (channel: number, bytes: Uint8Array): void => {
    if (client.readyState !== client.OPEN) return;
    client.send(Buffer.concat([Buffer.of(channel), bytes]), () => client.bufferedAmount < MOST_WAITING_BYTES && backend.resume());
    if (client.bufferedAmount >= MOST_WAITING_BYTES) backend.pause();
  };
  const finish = (): void => {
    // Every command that ends says how; without a word the connection broke off, which is not a command that ended well.
    if (!hasStatus) send(CHANNELS.error, Buffer.from(JSON.stringify(internalError('the connection to the container broke off'))));
    hasStatus = true;
    client.close(1_000);
  };
  const open = (name: Name): void => {
    const channel = CHANNELS[name];
    const talks = name !== 'stdin' && name !== 'resize';
    if (talks) talking.add(name);
    const stream = spdy.open(
      { streamType: name },
      {
        data: (bytes) => {
          if (name === 'error') hasStatus = true;
          if (talks) send(channel, bytes);
        },
        end: () => {
          if (talking.delete(name) && talking.size === 0) finish();
        },
      },
    );
    if (!talks) streams.set(channel, stream);
  };

  return new Promise((resolve) => {
    let left = 2;
    const gone = (): void => {
      left -= 1;
      if (left > 0) return;
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const stop = (): void => {
      client.terminate();
      backend.destroy();
    };
    const push = (bytes: Buffer): void => {
      try {
        spdy.push(bytes);
      } catch {
        backend.destroy();
      }
    };
    backend.on('data', push);
    backend.on('drain', () => client.resume());
    backend.on('error', () => undefined);
    backend.once('end', () => backend.end());
    backend.once('close', () => {
      spdy.closed();
      gone();
    });
    client.on('message', (message: Buffer) => {
      const [channel = -1, what = -1] = message;
      if (channel === CLOSE) return streams.get(what)?.end();
      if (streams.get(channel)?.write(message.subarray(1)) === false) client.pause();
    });
    client.once('close', () => {
      backend.destroy();
      gone();
    });

    // The order of upstream's clients; the Status comes first so that nothing can end unnoticed.
    open('error');
    for (const name of ['stdin', 'stdout', 'stderr'] as const) if (wanted[name]) open(name);
    if (wanted.tty) open('resize');
    // Clients wait for a message before they take the connection for open. Source: upstream sends an empty one.
    send(wanted.stdout ? CHANNELS.stdout : wanted.stderr ? CHANNELS.stderr : CHANNELS.error, Buffer.alloc(0));
    if (first.length > 0) push(first);
    backend.resume();
    client.resume();
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** The other side could not be reached, or refused: said as the end of the command, which is where a client looks. */
export function refuseCommand(client: WebSocket, text: string): void {
  client.send(Buffer.concat([Buffer.of(CHANNELS.error), Buffer.from(JSON.stringify(internalError(text)))]));
  client.resume();
  client.close(1_000);
}

/** Source: upstream's words and fields of the Status InternalError. */
function internalError(text: string): object {
  const message = `Internal error occurred: ${text}`;
  return {
    metadata: {},
    status: 'Failure',
    message,
    reason: 'InternalError',
    details: { causes: [{ message: text }] },
    code: 500,
  };
}
