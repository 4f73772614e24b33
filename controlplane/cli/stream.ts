/**
 * exec and attach from a terminal: one WebSocket through the kubelet's socket to the container, with stdin, the size of the terminal and
 * the exit code.
 * Source: the remotecommand subprotocols of Kubernetes: a byte of channel in front of each message (0 stdin, 1 stdout, 2 stderr, 3 the
 * Status at the end, 4 terminal size); v5 adds 255 n, which closes channel n.
 */
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { AppError } from '#base/errors.ts';

export interface StreamRequest {
  readonly socket: string;
  /** /exec/... or /attach/... */
  readonly path: string;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
const [STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE] = [0, 1, 2, 3, 4, 255];

/** Answers with the exit code of the command. Throws KUBELET_ANSWER (refused), STREAM_BROKEN. */
export async function runStream(request: StreamRequest): Promise<number> {
  // A runtime refuses a subprotocol it does not know with 403 instead of taking the next one: so one is offered at a time.
  for (const protocol of PROTOCOLS) {
    const opened = await open(request, protocol);
    if (opened !== undefined) return converse(opened, protocol, request);
  }
  throw new AppError('KUBELET_ANSWER', 'The runtime speaks none of the subprotocols known here');
}

/** undefined: not this subprotocol. */
function open({ socket, path, signal }: StreamRequest, protocol: string): Promise<WebSocket | undefined> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://kubelet${path}`, [protocol], { createConnection: () => connect(socket) });
    signal.addEventListener('abort', () => ws.terminate(), { once: true });
    ws.once('open', () => (ws.pause(), resolve(ws)));
    ws.once('error', (err) =>
      reject(signal.aborted ? signal.reason : new AppError('KUBELET_UNREACHABLE', `Cannot reach the kubelet at ${socket}`, {}, err)),
    );
    ws.once('unexpected-response', (_, res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      res.on('end', () =>
        res.statusCode === 403 && protocol !== PROTOCOLS.at(-1)
          ? resolve(undefined)
          : reject(new AppError('KUBELET_ANSWER', text.trim() || `HTTP ${res.statusCode}`)),
      );
    });
  });
}

function converse(ws: WebSocket, protocol: string, { stdin, tty, signal, onNote }: StreamRequest): Promise<number> {
  const input = process.stdin;
  const raw = tty && input.isTTY;
  const send = (channel: number, data: Uint8Array): void => {
    if (ws.readyState === WebSocket.OPEN)
      ws.send(Buffer.concat([Buffer.of(channel), data]), () => ws.bufferedAmount === 0 && input.resume());
    if (ws.bufferedAmount > 1 << 20) input.pause();
  };
  const resize = (): void => send(RESIZE ?? 0, Buffer.from(JSON.stringify({ Width: process.stdout.columns, Height: process.stdout.rows })));
  return new Promise((resolve, reject) => {
    let status: string | undefined;
    const end = (): void => {
      if (raw) input.setRawMode(false);
      input.pause();
      process.stdout.off('resize', resize);
    };
    ws.on('message', (message: Buffer) => {
      const [channel, data] = [message[0], message.subarray(1)];
      if (channel === STDOUT) process.stdout.write(data);
      else if (channel === STDERR) process.stderr.write(data);
      else if (channel === STATUS) status = (status ?? '') + data.toString();
    });
    ws.on('close', () => {
      end();
      if (signal.aborted) return reject(signal.reason);
      if (status === undefined) return reject(new AppError('STREAM_BROKEN', 'The connection to the container broke off'));
      try {
        resolve(exitCode(status));
      } catch (err) {
        reject(err);
      }
    });
    ws.on('error', () => ws.terminate());
    if (tty && process.stdout.isTTY) {
      resize();
      process.stdout.on('resize', resize);
    }
    if (stdin) {
      if (raw) input.setRawMode(true);
      input.on('data', (data: Buffer) => send(STDIN ?? 0, data));
      input.on('end', () => {
        if (protocol === PROTOCOLS[0]) send(CLOSE ?? 255, Buffer.of(STDIN ?? 0));
        else
          onNote(
            'the runtime is too old to be told that stdin has ended: a command that reads to the end waits for ever (Ctrl-C ends it)\n',
          );
      });
      input.resume();
    }
    ws.resume();
  });
}

/** Of the Status at the end. Pure. Throws STREAM_BROKEN for what is no exit code. */
export function exitCode(text: string): number {
  const status = JSON.parse(text) as {
    status?: string;
    message?: string;
    details?: { causes?: readonly { reason?: string; message?: string }[] };
  };
  if (status.status === 'Success') return 0;
  const code = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (code !== undefined && /^\d{1,3}$/.test(code)) return Number(code);
  throw new AppError('STREAM_BROKEN', status.message ?? text);
}
