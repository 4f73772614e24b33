/**
 * exec, attach and portForward: what the query asks for becomes a single-use URL of the runtime, and the connection is joined with it;
 * run: one command, and what it wrote.
 * Source: the query parameters of upstream's kubelet: command, input, output, error, tty; port.
 * Throws: AppError NOT_FOUND, BAD_REQUEST; CRI_*.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '#base/errors.ts';
import type { CriRuntime } from '../runtime/cri.ts';
import type { PodWorkers } from '../pods/workers.ts';
import { runningContainer, readySandbox } from './find.ts';
import { translateOrTunnel } from './translate.ts';
import { tunnel } from './tunnel.ts';
import type { Target } from './access.ts';

export interface StreamDeps {
  readonly workers: PodWorkers;
  readonly runtime: CriRuntime;
  readonly streamIdleMs: number;
}

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

export interface StreamOptions {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Pure. Throws BAD_REQUEST. */
export function streamOptions(query: URLSearchParams): StreamOptions {
  const on = (name: string): boolean => query.get(name) === '1' || query.get(name) === 'true';
  const tty = on('tty');
  const options = { tty, stdin: on('input'), stdout: on('output'), stderr: !tty && on('error') };
  if (!options.stdin && !options.stdout && !options.stderr)
    throw new AppError('BAD_REQUEST', 'you must specify at least 1 of stdin, stdout, stderr');
  return options;
}

/** Pure. Throws BAD_REQUEST. */
export function forwardedPorts(query: URLSearchParams): number[] {
  return query.getAll('port').flatMap((list) =>
    list.split(',').map((text) => {
      const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
      if (port < 1 || port > 65_535) throw new AppError('BAD_REQUEST', `port: want 1 to 65535, got ${JSON.stringify(text)}`);
      return port;
    }),
  );
}

export const STREAMS = ['exec', 'attach', 'portForward'] as const;
export type StreamKind = (typeof STREAMS)[number];

export async function serveStream(
  deps: StreamDeps,
  { kind, target, upgrade }: { readonly kind: StreamKind; readonly target: Target; readonly upgrade: Upgrade },
  signal: AbortSignal,
): Promise<void> {
  const { url: text, wanted } = await streamUrl(deps, kind, target, signal);
  const url = URL.parse(text);
  if (url === null) throw new AppError('STREAM_URL', `The runtime gave no URL to ${kind}: ${JSON.stringify(text)}`);
  // WebSockets say their ports in the query; SPDY says them inside.
  if (kind === 'portForward') for (const port of forwardedPorts(target.query)) url.searchParams.append('port', String(port));
  const joined = { ...upgrade, url, idleMs: deps.streamIdleMs, signal };
  await (wanted === undefined ? tunnel(joined) : translateOrTunnel(joined, wanted));
}

async function streamUrl(
  { workers, runtime }: StreamDeps,
  kind: StreamKind,
  { segments, query }: Target,
  signal: AbortSignal,
): Promise<{ readonly url: string; readonly wanted?: StreamOptions }> {
  const cri = runtime.client.runtime;
  if (kind === 'portForward')
    return cri.portForward({ pod_sandbox_id: readySandbox(workers, segments.slice(1)).id, port: forwardedPorts(query) }, { signal });
  const { spec, running } = runningContainer(workers, segments.slice(1));
  if (kind === 'exec') {
    const cmd = query.getAll('command');
    if (cmd.length === 0) throw new AppError('BAD_REQUEST', 'command: want at least one');
    const wanted = streamOptions(query);
    return { ...(await cri.exec({ container_id: running.id, cmd, ...wanted }, { signal })), wanted };
  }
  const asked = streamOptions(query);
  // As upstream: whether there is a terminal was decided when the container was made.
  const tty = spec.tty === true;
  const wanted = { ...asked, tty, stderr: asked.stderr && !tty };
  return { ...(await cri.attach({ container_id: running.id, ...wanted }, { signal })), wanted };
}

/** /run: stdout and stderr of one command, one after the other. */
export async function runCommand({ workers, runtime }: StreamDeps, { segments, query }: Target, signal: AbortSignal): Promise<Buffer> {
  const { running } = runningContainer(workers, segments.slice(1));
  const cmd = (query.get('cmd') ?? '').split(' ').filter((word) => word !== '');
  if (cmd.length === 0) throw new AppError('BAD_REQUEST', 'cmd: want a command');
  // No deadline: upstream has none, and the caller may hang up.
  const { stdout, stderr, exit_code } = await runtime.client.runtime.execSync(
    { container_id: running.id, cmd, timeout: '0' },
    { signal, deadlineMs: Infinity },
  );
  const all = Buffer.concat([stdout, stderr]);
  if (exit_code !== 0) throw new AppError('COMMAND_FAILED', `command '${cmd.join(' ')}' exited with ${exit_code}: ${all.toString()}`);
  return all;
}
