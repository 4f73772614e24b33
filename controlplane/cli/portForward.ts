/**
 * `kijabi port-forward`: ports of this machine's loopback lead to ports of a pod, through the kubelet. One WebSocket a connection.
 * Source: the subprotocol portforward v4.channel.k8s.io: a byte of channel in front of each message, 0 data and 1 error, and in each
 * channel first the port in two bytes, the low one first.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { AppError, codeOf } from '#base/errors.ts';
import { findPod, kubeletSocket } from './node.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi port-forward POD [LOCAL:]REMOTE... [--address ADDRESS] [-n NAMESPACE] [--socket PATH]

Leads ports of this machine to ports of a pod until it is stopped. ":80" takes any free local port.
`;

const OPTIONS = {
  address: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  socket: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface Ports {
  readonly local: number;
  readonly remote: number;
}

/** Pure. Throws USAGE. */
export function parsePorts(text: string): Ports {
  const [, local, remote] = /^(?:(\d{0,5}):)?(\d{1,5})$/.exec(text) ?? [];
  const ports = { local: Number(local ?? remote), remote: Number(remote) };
  if (remote === undefined || ports.remote < 1 || ports.remote > 65_535 || ports.local > 65_535)
    throw new AppError('USAGE', `cannot read ports ${JSON.stringify(text)}: want REMOTE or LOCAL:REMOTE, 1 to 65535`);
  return ports;
}

export const portForwardCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const [name, ...rest] = positionals;
  if (name === undefined || rest.length === 0) throw new AppError('USAGE', `say which pod and which ports\n${USAGE}`);
  const all = rest.map(parsePorts);
  const socket = kubeletSocket(io, values.socket);
  const { metadata } = await findPod(io, socket, name, values.namespace);
  const path = `/portForward/${encodeURIComponent(metadata.namespace ?? 'default')}/${encodeURIComponent(metadata.name ?? '')}`;
  const host = values.address ?? '127.0.0.1';
  const stops = await Promise.all(all.map((ports) => listen({ io, socket, path, host, ...ports })));
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (const stop of stops) stop();
  return 0;
};

interface Forward extends Ports {
  readonly io: Io;
  readonly socket: string;
  readonly path: string;
  readonly host: string;
}

async function listen(forward: Forward): Promise<() => void> {
  const { io, host, local, remote } = forward;
  const open = new Set<Socket>();
  const server = createServer((near) => {
    open.add(near);
    near.once('close', () => open.delete(near));
    io.out(`Handling connection for ${local}\n`);
    join(forward, near);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(local, host, resolve)).catch((err: unknown) => {
    const taken = codeOf(err) === 'EADDRINUSE';
    throw new AppError(
      'PORT_TAKEN',
      taken ? `Port ${local} on ${host} is taken: give another one as LOCAL:${remote}` : `Cannot listen on ${host}:${local}`,
      {},
      err,
    );
  });
  io.out(`Forwarding from ${host}:${(server.address() as AddressInfo).port} -> ${remote}\n`);
  return () => {
    server.close();
    for (const near of open) near.destroy();
  };
}

function join({ io, socket, path, remote }: Forward, near: Socket): void {
  const ws = new WebSocket(`ws://kubelet${path}?port=${remote}`, ['v4.channel.k8s.io'], { createConnection: () => connect(socket) });
  const heads = new Set<number>();
  near.pause();
  ws.on('open', () => near.resume());
  near.on('data', (data: Buffer) => {
    near.pause(); // one piece under way: memory stays bounded whatever the pod does
    ws.send(Buffer.concat([Buffer.of(0), data]), () => near.resume());
  });
  near.on('error', () => near.destroy()).on('close', () => ws.close());
  ws.on('message', (message: Buffer) => {
    const channel = message[0] ?? 0;
    if (!heads.has(channel)) return void heads.add(channel); // the port
    const data = message.subarray(1);
    if (channel !== 0) io.err(`an error occurred forwarding to port ${remote}: ${data.toString().trim()}\n`);
    else if (!near.write(data)) {
      ws.pause();
      near.once('drain', () => ws.resume());
    }
  });
  ws.on('close', () => near.end());
  ws.on('error', (err) => {
    io.err(`an error occurred forwarding to port ${remote}: ${err.message}\n`);
    near.destroy();
  });
}
