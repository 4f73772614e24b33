/**
 * The kubelet's root-only unix socket: what `kijabi get|describe|logs|explain` need without any API server. Read only.
 * Plain HTTP and JSON; the mode of the socket (0600) is the authorisation.
 */
import { chmod, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { makeDirectory } from '../../linux/makeDirectory.ts';
import type { EventLog } from '../events.ts';
import { containerLog, localSocket, podLogs, podName, type Paths } from '../paths.ts';
import type { PodWorkers } from '../pods/workers.ts';
import type { FileSetView } from '../sources/fileSet.ts';
import type { Timeline } from '../timeline.ts';
import { readLog } from './logs.ts';

export interface LocalServerDeps {
  readonly paths: Paths;
  readonly workers: PodWorkers;
  readonly events: EventLog;
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly log: Logger;
  readonly health: () => Health;
  readonly manifests: () => FileSetView;
}

export interface Health {
  readonly ok: boolean;
  readonly problems: readonly string[];
}

/** Listens until signal aborts. Throws KUBELET_RUNNING when another kubelet answers on the socket. */
export async function serveLocal(deps: LocalServerDeps, signal: AbortSignal): Promise<void> {
  const path = localSocket(deps.paths);
  await makeRoot(deps.paths.rootDir, path);
  if (await answers(path))
    throw new AppError(
      'KUBELET_RUNNING',
      `Another kubelet runs with root directory ${deps.paths.rootDir}: stop it, or give this one another --root-dir`,
      { path },
    );
  await unlink(path).catch((err: unknown) => {
    if (codeOf(err) !== 'ENOENT') throw err;
  });
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 8 << 10 }, (req, res) => {
    answer(deps, req, res, signal).catch((err: unknown) => refuse(res, err));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve)).catch((err: unknown) => {
    throw unusable(deps.paths.rootDir, err);
  });
  await chmod(path, 0o600);
  signal.addEventListener(
    'abort',
    () => {
      server.close();
      server.closeAllConnections();
    },
    { once: true },
  );
}

/** sockaddr_un holds 108 bytes with the zero at the end. */
const LONGEST_SOCKET_PATH = 107;

async function makeRoot(rootDir: string, socket: string): Promise<void> {
  const bytes = Buffer.byteLength(socket);
  if (bytes > LONGEST_SOCKET_PATH)
    throw new AppError(
      'ROOT_DIR_UNUSABLE',
      `Root directory ${rootDir} is too long by ${bytes - LONGEST_SOCKET_PATH} bytes for a socket in it: give a shorter --root-dir`,
    );
  await makeDirectory(rootDir, 0o755).catch((err: unknown) => {
    throw unusable(rootDir, err);
  });
}

function unusable(rootDir: string, err: unknown): AppError {
  return new AppError('ROOT_DIR_UNUSABLE', `Cannot use root directory ${rootDir}: make it writable, or give another --root-dir`, {}, err);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    }).once('error', () => resolve(false));
  });
}

async function answer(deps: LocalServerDeps, req: IncomingMessage, res: ServerResponse, signal: AbortSignal): Promise<void> {
  const url = new URL(req.url ?? '/', 'http://kubelet');
  const [what, ...rest] = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  if (req.method !== 'GET') throw new AppError('BAD_REQUEST', `${req.method} is not served here, only GET`);
  const [namespace = '', name = '', container = ''] = rest;
  switch (what) {
    case 'healthz':
      return health(res, deps.health());
    case 'pods':
      return json(res, {
        apiVersion: 'v1',
        kind: 'PodList',
        metadata: {},
        items: deps.workers.pods().map(({ pod, status }) => ({ ...pod, apiVersion: 'v1', kind: 'Pod', status: status ?? pod.status })),
      });
    case 'timeline':
      return json(res, { steps: deps.timeline.of(`${namespace}/${name}`) });
    case 'events':
      return json(res, { events: deps.events.list({ ...pick(url, 'namespace'), ...pick(url, 'pod') }) });
    case 'manifests':
      return json(res, { pods: deps.manifests().pods.map(({ key, file }) => ({ key, file })), refusals: deps.manifests().refusals });
    case 'containerLogs':
      return logs(deps, res, { namespace, name, container, query: url.searchParams }, signal);
    default:
      throw new AppError('NOT_FOUND', `${url.pathname}: no such path`);
  }
}

export function health(res: ServerResponse, { ok, problems }: Health): void {
  res.writeHead(ok ? 200 : 500, { 'content-type': 'text/plain; charset=utf-8' }).end(ok ? 'ok' : `${problems.join('\n')}\n`);
}

function pick<K extends string>(url: URL, key: K): { [P in K]?: string } {
  const value = url.searchParams.get(key);
  return (value === null ? {} : { [key]: value }) as { [P in K]?: string };
}

interface LogRequest {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
  readonly query: URLSearchParams;
}

async function logs(
  deps: LocalServerDeps,
  res: ServerResponse,
  { namespace, name, container, query }: LogRequest,
  signal: AbortSignal,
): Promise<void> {
  const key = `${namespace}/${name}`;
  const known = deps.workers.pod(key);
  if (known === undefined) throw new AppError('NOT_FOUND', `pods "${name}" not found`);
  const specs = [...(known.pod.spec.initContainers ?? []), ...known.pod.spec.containers];
  if (!specs.some((c) => c.name === container))
    throw new AppError('BAD_REQUEST', `container ${container} is not valid for pod ${name}: it has ${specs.map((c) => c.name).join(', ')}`);
  const attempts = (known.objects?.containers ?? [])
    .filter((c) => c.name === container && c.uid === known.pod.metadata.uid)
    .toSorted((a, b) => b.attempt - a.attempt);
  const wanted = attempts[query.get('previous') === 'true' ? 1 : 0];
  if (wanted === undefined) {
    const what = query.get('previous') === 'true' ? 'previous terminated container' : 'container';
    throw new AppError('BAD_REQUEST', `${what} "${container}" in pod "${name}" not found`);
  }
  const sinceSeconds = number(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const closed = new AbortController();
  res.once('close', () => closed.abort());
  const file = join(podLogs(deps.paths, podName(known.pod)), containerLog(container, wanted.attempt));
  const options = {
    timestamps: query.get('timestamps') === 'true',
    stream: undefined,
    follow: query.get('follow') === 'true',
    tailLines: number(query, 'tailLines'),
    limitBytes: number(query, 'limitBytes'),
    sinceMs:
      sinceSeconds !== undefined ? deps.clock.nowMs() - sinceSeconds * 1_000 : sinceTime !== null ? Date.parse(sinceTime) : undefined,
    clock: deps.clock,
    stillRuns: () => deps.workers.pod(key)?.objects?.containers.some((c) => c.id === wanted.id && c.state === 'running') === true,
  };
  res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  res.flushHeaders();
  for await (const text of readLog(file, options, AbortSignal.any([signal, closed.signal]))) {
    if (!res.write(text)) await new Promise<void>((resolve) => res.once('drain', resolve).once('close', resolve));
  }
  res.end();
}

function number(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new AppError('BAD_REQUEST', `${key}: want a whole number, got ${JSON.stringify(text)}`);
  return Number(text);
}

function json(res: ServerResponse, body: unknown): void {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const HTTP_STATUS: Readonly<Record<string, number>> = { NOT_FOUND: 404, BAD_REQUEST: 400, ENOENT: 404 };

function refuse(res: ServerResponse, err: unknown): void {
  if (res.headersSent) return void res.destroy();
  res
    .writeHead(HTTP_STATUS[codeOf(err) ?? ''] ?? 500, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: { code: codeOf(err) ?? 'INTERNAL', message: explain(err) } }));
}
