/**
 * The kubelet's root-only unix socket: the HTTP API, and what `kijabi get|describe|events|explain` need beyond it, without any API server.
 * Plain HTTP and JSON; the mode of the socket (0600) is the authorisation.
 */
import { chmod, unlink } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Node } from '#api/kinds/core/node.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { http } from '#base/http.ts';
import { networkTimes } from '../../linux/cniResults.ts';
import { makeDirectory } from '../../linux/makeDirectory.ts';
import type { EventLog, PodEvent } from '../events.ts';
import type { PodHistory } from '../pods/history.ts';
import { localSocket } from '../paths.ts';
import type { FileSetView } from '../sources/fileSet.ts';
import type { KnownPod } from '../pods/workers.ts';
import type { ProbeFound } from '../probes/prober.ts';
import type { Step, Timeline } from '../timeline.ts';
import { readCall, refuseUpgrade, sendJson, serveCall, serveUpgrade, statusOf, type ApiDeps } from './api.ts';
import type { PodFeed } from './podFeed.ts';

export interface LocalServerDeps {
  /** The HTTP API, served here too: who may open the socket may do everything. */
  readonly api: ApiDeps;
  readonly feed: PodFeed;
  readonly events: EventLog;
  readonly timeline: Timeline;
  readonly manifests: () => FileSetView;
  /** The last ends of a pod's containers. */
  readonly terminations: (key: string) => PodHistory;
  /** Containers of a pod that wait, and until when. */
  readonly nextTries: (key: string) => readonly { readonly container: string; readonly atMs: number }[];
  /** What the probes of a pod's containers found last. */
  readonly probes: (key: string) => readonly ProbeFound[];
  readonly node: (signal: AbortSignal) => Promise<Node>;
}

/** Where the CNI library of the runtime keeps results; a runtime that sees another directory there leaves us without that step. */
const CNI_RESULTS = '/var/lib/cni/results';

/** Listens until signal aborts. Throws KUBELET_RUNNING when another kubelet answers on the socket. */
export async function serveLocal(deps: LocalServerDeps, signal: AbortSignal): Promise<void> {
  const { paths } = deps.api;
  const path = localSocket(paths);
  await makeRoot(paths.rootDir, path);
  if (await answers(path))
    throw new AppError(
      'KUBELET_RUNNING',
      `Another kubelet runs with root directory ${paths.rootDir}: stop it, or give this one another --root-dir`,
      { path },
    );
  await unlink(path).catch((err: unknown) => {
    if (codeOf(err) !== 'ENOENT') throw err;
  });
  const server = http.createServer({ requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 8 << 10 }, (req, res) => {
    answer(deps, req, res, signal).catch((err: unknown) => refuse(res, err));
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const upgrade = { request, socket, head };
    Promise.resolve()
      .then(() => serveUpgrade(deps.api, readCall(request).target, upgrade, signal))
      .catch((err: unknown) => refuseUpgrade(upgrade, err));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve)).catch((err: unknown) => {
    throw unusable(paths.rootDir, err);
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
  const { target } = readCall(req);
  const [what, namespace = '', name = ''] = target.segments;
  const get = req.method === 'GET';
  if (get && what === 'timeline') {
    const key = `${namespace}/${name}`;
    return sendJson(res, {
      steps: withNetwork(deps.timeline.of(key), deps.api.workers.pod(key)),
      nextTries: deps.nextTries(key),
      terminations: deps.terminations(key),
      probes: deps.probes(key),
    });
  }
  if (get && what === 'events' && target.query.get('watch') === 'true') return followEvents(deps.events, res);
  if (get && what === 'events')
    return sendJson(res, { events: deps.events.list({ ...pick(target.query, 'namespace'), ...pick(target.query, 'pod') }) });
  if (get && what === 'node') return sendJson(res, await deps.node(signal));
  if (get && what === 'manifests') {
    const { pods, refusals } = deps.manifests();
    return sendJson(res, { pods: pods.map(({ key, file }) => ({ key, file })), refusals });
  }
  if (get && what === 'pods' && target.query.get('watch') === 'true') return deps.feed.serve(deps.api.workers, res);
  return serveCall(deps.api, { req, res, target, signal });
}

/** The network of the pod that is there now is made while its sandbox is, in one call of the CRI: the plugins leave their own traces. */
function withNetwork(steps: readonly Step[], known: KnownPod | undefined): readonly Step[] {
  const network = networkTimes(CNI_RESULTS).find(({ podUid }) => podUid === known?.pod.metadata.uid);
  if (network === undefined || steps.length === 0) return steps;
  const { startedAtMs, tookMs } = network;
  const detail = known?.status?.podIP;
  const step = { step: 'network', startedAtMs, tookMs, ...(detail === undefined ? {} : { detail }) };
  return [...steps, step].sort((a, b) => a.startedAtMs - b.startedAtMs);
}

/** A reader that does not read is dropped. */
const MOST_WAITING_BYTES = 1 << 20;

/** All there are, then each as it comes; one JSON object a line. */
function followEvents(events: EventLog, res: ServerResponse): void {
  const send = (event: PodEvent): void => {
    if (res.writableLength > MOST_WAITING_BYTES) return void res.destroy();
    res.write(`${JSON.stringify(event)}\n`);
  };
  res.writeHead(200, { 'content-type': 'application/json' });
  res.flushHeaders();
  for (const event of events.list()) send(event);
  res.once('close', events.subscribe(send));
}

function pick<K extends string>(query: URLSearchParams, key: K): { [P in K]?: string } {
  const value = query.get(key);
  return (value === null ? {} : { [key]: value }) as { [P in K]?: string };
}

/** As JSON, with the code: tools branch on it. */
function refuse(res: ServerResponse, err: unknown): void {
  if (res.headersSent) return void res.destroy();
  res
    .writeHead(statusOf(err), { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: { code: codeOf(err) ?? 'INTERNAL', message: explain(err) } }));
}
