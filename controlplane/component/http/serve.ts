/**
 * What a daemon of the control plane serves: /healthz, /livez and /readyz (with ?verbose, ?exclude= and single checks), /metrics, and what
 * else it is given, over TLS. HTTP/1.1 only.
 * Throws: AppError SERVER_PORT_TAKEN, SERVER_FAILED, TLS_FILE.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { METRICS_CONTENT_TYPE, type MetricsRegistry } from '#base/metrics.ts';
import { peerOf } from '#base/peer.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { openReviewer, type Reviewer } from '#client/reviews.ts';
import type { ServingSettings } from '../settings.ts';
import { DelegatedAuth } from './auth.ts';
import { answerAll, answerOne } from './health.ts';
import { keyPairOf, readPem } from './keyPair.ts';

export interface HealthCheck {
  readonly name: string;
  /** Why it fails; undefined: it is well. */
  readonly problem: () => string | undefined;
}

export interface Answer {
  readonly code: number;
  readonly type: string;
  readonly text: string;
}

export interface ServeOptions {
  /** "kube-scheduler", for messages and certificates. */
  readonly program: string;
  readonly settings: ServingSettings;
  readonly checks: readonly HealthCheck[];
  readonly metrics: MetricsRegistry;
  /** More paths, for whoever may get them; undefined: no such path. */
  readonly route?: (path: string, query: URLSearchParams, signal: AbortSignal) => Promise<Answer | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
}

const LIMITS = { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 16 << 10 } as const;
const MOST_CONNECTIONS = 500;
const PLAIN = 'text/plain; charset=utf-8';

/** Listens until the signal aborts. Answers with the port. */
export async function serve(options: ServeOptions, signal: AbortSignal): Promise<number> {
  const { settings, program, clock, log } = options;
  const [pair, ca, authentication, authorization] = await Promise.all([
    keyPairOf({ program, settings, nowMs: clock.nowMs(), log }),
    settings.clientCa === undefined ? undefined : readPem(settings.clientCa, '--client-ca-file'),
    reviewerOf(settings.authenticationKubeconfig, options, signal),
    reviewerOf(settings.authorizationKubeconfig, options, signal),
  ]);
  const auth = new DelegatedAuth({ ...settings, clock, authentication, authorization });
  const server = createServer(
    {
      cert: pair.certificate,
      key: pair.key,
      minVersion: settings.minVersion,
      ALPNProtocols: ['http/1.1'],
      // A caller without a good certificate may have a token: authentication decides, not the handshake.
      ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }),
      ...LIMITS,
    },
    (req, res) => {
      answer(req, { ...options, auth }, signal).then(
        (found) => send(res, found, req.method === 'HEAD'),
        (err: unknown) => {
          log.warn('Cannot answer a request', { path: pathOf(req), err });
          send(res, { code: 500, type: PLAIN, text: 'Internal Server Error\n' }, false);
        },
      );
    },
  );
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err) => {
      const taken = codeOf(err) === 'EADDRINUSE';
      const message = taken
        ? `Port ${settings.port} on ${settings.host} is taken: another ${program} runs here, or choose --secure-port`
        : `Cannot listen on ${settings.host}:${settings.port}`;
      reject(new AppError(taken ? 'SERVER_PORT_TAKEN' : 'SERVER_FAILED', message, { port: settings.port }, err));
    });
    server.listen(settings.port, settings.host, resolve);
  });
  signal.addEventListener('abort', () => (server.close(), server.closeAllConnections()), { once: true });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : settings.port;
}

async function reviewerOf(
  file: string | undefined,
  { clock, log, program }: ServeOptions,
  signal: AbortSignal,
): Promise<Reviewer | undefined> {
  return file === undefined ? undefined : openReviewer(await loadKubeconfig(file), { clock, log, userAgent: program }, signal);
}

const pathOf = (req: IncomingMessage): string => (req.url ?? '').split('?')[0] ?? '';

async function answer(req: IncomingMessage, parts: ServeOptions & { readonly auth: DelegatedAuth }, signal: AbortSignal): Promise<Answer> {
  const { auth, checks, metrics, route } = parts;
  const path = pathOf(req);
  const method = req.method ?? '';
  const refusal = await auth.refuse(peerOf(req.socket), { method, path, authorization: req.headers.authorization }, signal);
  if (refusal !== undefined) return { code: refusal.code, type: PLAIN, text: `${refusal.why}\n` };
  if (method !== 'GET' && method !== 'HEAD') return { code: 405, type: PLAIN, text: 'Method Not Allowed\n' };
  const query = new URLSearchParams((req.url ?? '').split('?').slice(1).join('?'));
  const [, health = '', check] = /^\/(healthz|livez|readyz)(?:\/([^/]+))?\/?$/.exec(path) ?? [];
  if (health !== '') return healthOf({ path: health, check, checks, query });
  if (path === '/metrics') return { code: 200, type: METRICS_CONTENT_TYPE, text: metrics.text() };
  return (await route?.(path, query, signal)) ?? { code: 404, type: PLAIN, text: '404 page not found\n' };
}

interface HealthAsked {
  readonly path: string;
  readonly check: string | undefined;
  readonly checks: readonly HealthCheck[];
  readonly query: URLSearchParams;
}

/** Pure but for the checks. */
export function healthOf({ path, check, checks, query }: HealthAsked): Answer {
  if (check !== undefined) {
    const found = checks.find(({ name }) => name === check);
    if (found === undefined) return { code: 404, type: PLAIN, text: '404 page not found\n' };
    return { type: PLAIN, ...answerOne(found.problem()) };
  }
  const outcomes = checks.map(({ name, problem }) => ({ name, why: problem() }));
  return { type: PLAIN, ...answerAll(path, outcomes, { exclude: query.getAll('exclude'), verbose: query.has('verbose') }) };
}

function send(res: ServerResponse, { code, type, text }: Answer, isHead: boolean): void {
  res
    .writeHead(code, {
      'content-type': type,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      ...(code === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    })
    .end(isHead ? undefined : text);
}
