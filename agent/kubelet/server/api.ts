/**
 * The kubelet's HTTP API: which path is served by what. The same on 10250 with TLS and, without asking who calls, on the local socket.
 * Paths and answers are upstream's.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { METRICS_CONTENT_TYPE } from '#base/metrics.ts';
import type { KubeletMetrics } from '../metrics/kubeletMetrics.ts';
import type { StatsCollector } from './stats/observe.ts';
import { asked, parseTarget, type Asked, type Target } from './access.ts';
import { serveContainerLogs, type LogDeps } from './containerLogs.ts';
import { serveFiles } from './files.ts';
import { serveHealth, type HealthDeps } from './health.ts';
import { runningPods } from './runningPods.ts';
import { runCommand, serveStream, STREAMS, type StreamDeps, type StreamKind, type Upgrade } from './streams.ts';

export interface ApiDeps extends LogDeps, StreamDeps {
  readonly health: HealthDeps;
  /** KubeletConfiguration as it is in effect, without secrets. */
  readonly configz: () => unknown;
  readonly metrics: KubeletMetrics;
  readonly stats: StatsCollector;
  /** enableDebuggingHandlers: without it no logs and no commands. */
  readonly debugging: boolean;
  /** Served as /logs/; undefined: not at all. */
  readonly systemLogs: string | undefined;
}

export interface Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly target: Target;
  readonly signal: AbortSignal;
}

type Handler = (deps: ApiDeps, call: Call) => Promise<void> | void;

interface Route {
  readonly methods: readonly string[];
  readonly handle: Handler;
  readonly debugging?: true;
  /** Served to everybody by the read-only port. */
  readonly readOnly?: true;
}

const READ = ['GET', 'HEAD'] as const;

const needsUpgrade: Handler = () => {
  throw new AppError('BAD_REQUEST', 'Upgrade request required');
};

/** Nothing lies below the path. */
function alone(handle: Handler): Handler {
  return (deps, call) => {
    const { segments } = call.target;
    if (segments.slice(1).some((segment) => segment !== '')) throw new AppError('NOT_FOUND', `/${segments.join('/')}: no such path`);
    return handle(deps, call);
  };
}

function flag({ query }: Target, name: string): boolean {
  const value = query.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false') throw new AppError('BAD_REQUEST', `${name}: want true or false, got ${JSON.stringify(value)}`);
  return value === 'true';
}

const ROUTES: Readonly<Record<string, Route>> = {
  healthz: { methods: READ, readOnly: true, handle: ({ health }, { target, res }) => serveHealth(health, target, res) },
  pods: { methods: READ, readOnly: true, handle: alone(({ workers }, { res }) => sendJson(res, podList(workers))) },
  stats: {
    methods: ['GET', 'HEAD', 'POST'],
    readOnly: true,
    handle: async ({ stats }, { target, res, signal }) => {
      if (target.segments[1] !== 'summary' || target.segments.length > 2) throw new AppError('NOT_FOUND', 'there is /stats/summary');
      const { summary, cpuAndMemory } = await import('./stats/views.ts');
      const whole = summary(await stats.collect(signal));
      sendJson(res, flag(target, 'only_cpu_and_memory') ? cpuAndMemory(whole) : whole);
    },
  },
  metrics: {
    methods: READ,
    readOnly: true,
    handle: async (deps, { target, res, signal }) => {
      const text = await metricsText(deps, target.segments, signal);
      res.writeHead(200, { 'content-type': METRICS_CONTENT_TYPE }).end(text);
    },
  },
  configz: { methods: READ, handle: alone(({ configz }, { res }) => sendJson(res, { kubeletconfig: configz() })) },
  runningpods: {
    methods: READ,
    debugging: true,
    handle: alone(async ({ runtime }, { res, signal }) => sendJson(res, await runningPods(runtime, signal))),
  },
  containerLogs: {
    methods: READ,
    debugging: true,
    handle: (deps, { target, res, signal }) => serveContainerLogs(deps, target, res, signal),
  },
  logs: {
    methods: READ,
    debugging: true,
    handle: ({ systemLogs }, { target, res, signal }) => {
      if (systemLogs === undefined) throw new AppError('METHOD_NOT_ALLOWED', 'logs endpoint is disabled (enableSystemLogHandler: false)');
      if (target.query.has('query')) throw new AppError('BAD_REQUEST', 'query: enableSystemLogQuery is not honoured by this kubelet');
      return serveFiles(systemLogs, target.segments.slice(1), res, signal);
    },
  },
  run: {
    methods: ['POST'],
    debugging: true,
    handle: async (deps, { target, res, signal }) => {
      const output = await runCommand(deps, target, signal);
      res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(output);
    },
  },
  exec: { methods: ['GET', 'POST'], debugging: true, handle: needsUpgrade },
  attach: { methods: ['GET', 'POST'], debugging: true, handle: needsUpgrade },
  portForward: { methods: ['GET', 'POST'], debugging: true, handle: needsUpgrade },
};

const METRICS_PATHS = '/metrics, /metrics/resource, /metrics/cadvisor, /metrics/probes and /metrics/slis';

async function metricsText({ metrics, stats }: ApiDeps, [, which, ...more]: readonly string[], signal: AbortSignal): Promise<string> {
  if (more.length > 0) throw new AppError('NOT_FOUND', `there are ${METRICS_PATHS}`);
  switch (which) {
    case undefined:
    case '': {
      const volumes = await stats.volumes(signal);
      if (volumes.length === 0) return metrics.registry.text();
      return metrics.registry.text() + (await import('./stats/views.ts')).volumeMetrics(volumes);
    }
    case 'probes':
      return metrics.probes.registry.text();
    case 'slis':
      return metrics.slis.text();
    case 'resource':
    case 'cadvisor': {
      const views = await import('./stats/views.ts');
      const measured = await stats.collect(signal);
      return which === 'resource' ? views.resourceMetrics(measured) : views.cadvisorMetrics(measured, await stats.details(measured));
    }
    default:
      throw new AppError('NOT_FOUND', `/metrics/${which}: there are ${METRICS_PATHS}`);
  }
}

/** What a call is, before anything is done for it. Throws BAD_REQUEST. */
export function readCall(req: IncomingMessage): { readonly target: Target; readonly asked: Asked } {
  const target = parseTarget(req.url ?? '');
  if (target === undefined) throw new AppError('BAD_REQUEST', 'not a path');
  const what = asked(req.method ?? '', target.segments[0] ?? '');
  if (what === undefined) throw new AppError('METHOD_NOT_ALLOWED', `${req.method} is not served here`);
  return { target, asked: what };
}

/** Throws what refuse tells the caller. */
export async function serveCall(deps: ApiDeps, call: Call, only?: 'readOnly'): Promise<void> {
  const { req, target } = call;
  const name = target.segments[0] ?? '';
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined;
  if (route === undefined || (only === 'readOnly' && route.readOnly !== true))
    throw new AppError('NOT_FOUND', `/${target.segments.join('/')}: no such path`);
  if (route.debugging === true && !deps.debugging) throw switchedOff();
  if (!route.methods.includes(req.method ?? ''))
    throw new AppError('METHOD_NOT_ALLOWED', `${req.method} is not served here, only ${route.methods.join(' and ')}`);
  const { metrics, clock } = deps;
  const startedMs = clock.monotonicMs();
  const done = metrics.requests.served({
    method: req.method ?? '',
    path: name === 'metrics' ? target.segments.join('/') : name,
    readOnly: only !== undefined,
    isLong: target.query.get('follow') === 'true',
  });
  call.res.once('close', () => done((clock.monotonicMs() - startedMs) / 1_000));
  await route.handle(deps, call);
}

export async function serveUpgrade(deps: ApiDeps, target: Target, upgrade: Upgrade, signal: AbortSignal): Promise<void> {
  const kind = target.segments[0] ?? '';
  if (isStream(kind) && !deps.debugging) throw switchedOff();
  if (!isStream(kind)) throw new AppError('NOT_FOUND', `/${target.segments.join('/')}: nothing to upgrade here`);
  const { method = '' } = upgrade.request;
  if (!ROUTES[kind]?.methods.includes(method)) throw new AppError('METHOD_NOT_ALLOWED', `${method} is not served here`);
  const startedMs = deps.clock.monotonicMs();
  const done = deps.metrics.requests.served({ method, path: kind, readOnly: false, isLong: true });
  upgrade.socket.once('close', () => done((deps.clock.monotonicMs() - startedMs) / 1_000));
  await serveStream(deps, { kind, target, upgrade }, signal);
}

/** 405, as upstream. */
function switchedOff(): AppError {
  return new AppError('METHOD_NOT_ALLOWED', 'Debug endpoints are disabled (enableDebuggingHandlers: false)');
}

function isStream(kind: string): kind is StreamKind {
  return (STREAMS as readonly string[]).includes(kind);
}

export function podList(workers: ApiDeps['workers']): object {
  return {
    kind: 'PodList',
    apiVersion: 'v1',
    metadata: {},
    items: workers.pods().map(({ pod, status }) => ({ ...pod, apiVersion: 'v1', kind: 'Pod', status: status ?? pod.status })),
  };
}

export function sendJson(res: ServerResponse, body: unknown): void {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

const HTTP_STATUS: Readonly<Record<string, number>> = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  ENOENT: 404,
  METHOD_NOT_ALLOWED: 405,
  UNPROCESSABLE: 422,
  CRI_NOT_FOUND: 404,
  CRI_UNAVAILABLE: 503,
};

export function statusOf(err: unknown): number {
  return HTTP_STATUS[codeOf(err) ?? ''] ?? 500;
}

/** As upstream: a line of text. */
export function refuseAsText(res: ServerResponse, err: unknown): void {
  if (res.headersSent) return void res.destroy();
  res
    .writeHead(statusOf(err), { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' })
    .end(`${explain(err)}\n`);
}

const REASONS: Readonly<Record<number, string>> = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found' };

/** An upgrade that does not happen. */
export function refuseUpgrade({ socket }: Upgrade, err: unknown): void {
  if (!socket.writable) return void socket.destroy();
  const body = `${explain(err)}\n`;
  const status = statusOf(err);
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
