/**
 * The secure port: connections, limits, time-outs, and the writing of answers. What is asked and answered is the pipeline's business.
 *
 * Differs: HTTP/1.1 only. Measured on the machines this was built on, HTTP/2 in Node saves a third of the CPU of a small GET but doubles
 * the resident memory, cannot carry SPDY or WebSocket upgrades, and every watch event would be framed once per stream; all clients of
 * Kubernetes fall back to 1.1 by ALPN.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { http } from '#base/http.ts';
import type { Logger } from '#base/log.ts';
import type { Answer } from '../call.ts';
import type { Metrics } from '../metrics.ts';
import { Negotiator } from '../negotiate.ts';
import { answerOfError } from '../failures.ts';
import { badRequest, unavailable } from '../status.ts';
import { DialError } from './backend.ts';
import { Exchange } from './exchange.ts';
import { Deadlines, isLongRunning, timeoutMsOf, type Limits } from './limits.ts';
import { common, writeWhole, type ReplyContext } from './reply.ts';
import { makeSink } from './sink.ts';
import { tlsOptions, type TlsMaterial } from './tls.ts';

/** Go clients give up idle connections after 90 s; the side that closes later avoids a race with the next request. */
const KEEP_ALIVE_MS = 180_000;
const HEAD_MS = 32_000;
/** How exactly that is kept: connections are looked at all together. */
const LOOK_EVERY_MS = 5_000;
/** A URL and its headers together; upstream takes 1 MiB, but no client of Kubernetes sends a tenth of this. */
const MAX_HEADER_BYTES = 128 * 1024;

export interface HttpServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls: TlsMaterial;
  readonly limits: Limits;
  readonly pipeline: (exchange: Exchange) => Promise<Answer>;
  /** Whether the request's resource exists, for the labels of metrics. */
  readonly isKnown: (exchange: Exchange) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export class ApiHttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #stop = new AbortController();
  readonly #deadlines: Deadlines;
  readonly #negotiator = new Negotiator();
  readonly #open = new Set<Exchange>();
  /** The connections below TLS, by whom they are with: one whose tunnel was cut may outlive it. */
  readonly #raw = new Map<string, Socket>();

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, this.#stop.signal);
    const { headTimeoutMs = HEAD_MS, requestTimeoutMs } = options.limits;
    this.#server = createServer({
      ...tlsOptions(options.tls),
      keepAlive: true,
      noDelay: true,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, headTimeoutMs),
      keepAliveTimeout: KEEP_ALIVE_MS,
      handshakeTimeout: 10_000,
      shouldUpgradeCallback: (req: IncomingMessage) => wantsStream(req.url ?? ''),
    });
    this.#server.on('connection', (socket: Socket) => {
      const who = peerKey(socket);
      this.#raw.set(who, socket);
      socket.once('close', () => this.#raw.delete(who));
    });
    this.#server.on('request', (req, res) => void this.#serve(req, res));
    this.#server.on('upgrade', (req, socket, head) => void this.#serveUpgrade(req, socket, head));
    this.#server.on('clientError', (err, socket) => refuseMalformed(err, socket));
    // What scanners and half-open connections do to a handshake is not news.
    this.#server.on('tlsClientError', (err) => options.log.debug('TLS handshake failed', { err }));
  }

  async listen(): Promise<{ readonly port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (err) => {
        const next = codeOf(err) === 'EADDRINUSE' ? 'another process listens there; choose another --secure-port' : 'check --bind-address';
        reject(new AppError('LISTEN', `Cannot listen on ${host}:${port}: ${next}`, { host, port }, err));
      });
      this.#server.listen(port, host, resolve);
    });
    return { port: this.port };
  }

  /** Known once it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#options.port;
  }

  /** New connections get the new certificate and CA; those that are open go on. */
  setTls(tls: TlsMaterial): void {
    this.#server.setSecureContext(tlsOptions(tls));
  }

  get openRequests(): number {
    return this.#open.size;
  }

  /** Lets requests finish for a while, ends streams at once. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#stop.abort(unavailable('the server is shutting down'));
    for (const exchange of this.#open) {
      if (isLongRunning(exchange.info, exchange.query)) exchange.abort(unavailable('the server is shutting down'));
    }
    this.#server.closeIdleConnections();
    const hurry = new AbortController();
    const late = this.#options.clock.sleep(graceMs, hurry.signal).catch(() => undefined);
    await Promise.race([closed, late]);
    hurry.abort();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const exchange = new Exchange(req, { id: auditId(req), negotiator: this.#negotiator, startedAtMs: this.#options.clock.nowMs() });
    await this.#run(exchange, req, res);
  }

  async #serveUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const res = new http.ServerResponse(req);
    res.assignSocket(socket as never);
    let dropOf = (): void => undefined;
    const take = (): Duplex => {
      res.detachSocket(socket as never);
      if (head.length > 0) socket.unshift(head);
      // From now on the connection is the handler's; the request is over when it is.
      const raw = this.#raw.get(peerKey(socket as Socket));
      exchange.onAbort(() => drop());
      socket.once('close', () => drop());
      let isOver = false;
      const drop = (): void => {
        if (isOver) return;
        isOver = true;
        socket.destroy();
        // A TLS socket with something left to write does not take the connection below along.
        raw?.destroy();
        res.emit('close');
      };
      dropOf = drop;
      return socket;
    };
    socket.on('error', () => undefined);
    const upgrade = { protocol: req.headers.upgrade ?? '', take, drop: () => dropOf() };
    const exchange: Exchange = new Exchange(req, {
      id: auditId(req),
      negotiator: this.#negotiator,
      startedAtMs: this.#options.clock.nowMs(),
      upgrade,
    });
    res.shouldKeepAlive = false;
    // Not end(): what a refused client still sends is not read, so its end would never be seen.
    res.on('finish', () => (socket as Socket).destroySoon());
    await this.#run(exchange, req, res);
  }

  async #run(exchange: Exchange, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { clock, limits, log, metrics } = this.#options;
    const startedMs = clock.monotonicMs();
    const long = isLongRunning(exchange.info, exchange.query);
    this.#open.add(exchange);
    res.on('close', () => {
      this.#open.delete(exchange);
      this.#deadlines.remove(exchange);
      if (!res.writableFinished) exchange.abort(new AppError('CLIENT_GONE', 'The client has gone'));
      const seconds = long ? undefined : (clock.monotonicMs() - startedMs) / 1_000;
      exchange.record?.completed(res.statusCode);
      metrics.finished(exchange, { code: res.statusCode, seconds, known: this.#options.isKnown(exchange) });
    });
    exchange.onAbort((reason) => {
      if (!res.headersSent && !res.destroyed && codeOf(reason) !== 'CLIENT_GONE') {
        if (!req.complete) leaveBody(req, res);
        void this.#answer(exchange, res, answerOfError(reason));
      } else if (!long) res.destroy();
    });
    let answer: Answer;
    try {
      if (!long) this.#deadlines.add(exchange, timeoutMsOf(exchange.query, limits.requestTimeoutMs));
      answer = await this.#options.pipeline(exchange);
    } catch (err) {
      answer = answerOfError(err);
      if (answer.kind === 'value' && answer.code === 500) this.#logFailure(exchange, err);
    }
    try {
      if (!req.complete && answer.kind !== 'stream' && answer.kind !== 'taken') leaveBody(req, res);
      if (!res.headersSent) await this.#answer(exchange, res, answer);
    } catch (err) {
      if (!res.destroyed) log.warn('Cannot write answer', { path: exchange.path, err });
      res.destroy();
    }
  }

  async #answer(exchange: Exchange, res: ServerResponse, answer: Answer): Promise<void> {
    if (answer.kind === 'taken') return exchange.record?.started(101);
    if (answer.kind !== 'stream') exchange.record?.answered(answer);
    const retryAfterSeconds = answer.kind === 'value' ? retryAfter(answer.value) : undefined;
    const context: ReplyContext = {
      id: exchange.id,
      warnings: exchange.warnings,
      wanted: exchange.encoding,
      isHead: exchange.method === 'HEAD',
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    };
    if (answer.kind !== 'stream') return writeWhole(res, answer, context);
    const { code = 200, headers = [], contentType } = answer;
    const isEmpty = code === 204 || code === 304;
    const type = contentType === '' ? [] : ['Content-Type', contentType];
    res.writeHead(code, [...common(context), ...type, ...headers, ...(isEmpty ? [] : ['Transfer-Encoding', 'chunked'])]);
    res.flushHeaders();
    exchange.record?.started(code);
    const { clock, metrics, log } = this.#options;
    const info = exchange.info;
    const resource = info.kind === 'resource' ? info.resource : '';
    const labels = info.kind === 'resource' ? [info.verb.toUpperCase(), info.group, info.version, info.resource] : ['', '', '', ''];
    const onSlow = (): void => {
      metrics.slowClients.inc([resource]);
      log.warn('Cut a client that did not read', { path: exchange.path, user: exchange.user.name });
    };
    metrics.longRunning.inc(labels);
    try {
      await answer.run(makeSink({ res, hasBody: !context.isHead && !isEmpty, signal: exchange.signal, clock, onSlow }));
    } catch (err) {
      if (!exchange.signal.aborted) log.warn('Stream ended by an error', { path: exchange.path, err });
    } finally {
      metrics.longRunning.inc(labels, -1);
      res.end();
    }
  }

  /** Where a request leads (a kubelet, a pod) may be away, or not who it should be: that is no bug of ours. */
  #logFailure(exchange: Exchange, err: unknown): void {
    const { log } = this.#options;
    if (err instanceof Error && err.cause instanceof DialError)
      return log.warn('Cannot pass a request on', { path: exchange.path, user: exchange.user.name, err });
    log.error('Request failed', { method: exchange.method, path: exchange.path, user: exchange.user.name, err });
    if (err instanceof Error && !(err instanceof AppError)) log.debug('Stack', { stack: err.stack ?? explain(err) });
  }
}

/** Servers behind one another call a request the same. */
function auditId({ headers }: IncomingMessage): string {
  const told = headers['audit-id'];
  return typeof told === 'string' && /^[\x21-\x7e]{1,64}$/.test(told) ? told : randomUUID();
}

const peerKey = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

function retryAfter(value: unknown): number | undefined {
  const details = (value as { readonly details?: { readonly retryAfterSeconds?: number } } | undefined)?.details;
  return details?.retryAfterSeconds;
}

/** A refusal was decided before the body was read: what still comes is not worth reading, so the connection ends with the answer. */
function leaveBody(req: IncomingMessage, res: ServerResponse): void {
  if (req.headers['content-length'] === undefined && req.headers['transfer-encoding'] === undefined) return;
  res.shouldKeepAlive = false;
  res.on('finish', () => req.destroy());
}

function wantsStream(url: string): boolean {
  return /\/(exec|attach|portforward|proxy)(\/|\?|$)/.test(url);
}

const MALFORMED: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
};

/** What Node's parser refuses never becomes a request; it gets a Status all the same. */
function refuseMalformed(err: Error, socket: Duplex): void {
  const code = codeOf(err) ?? '';
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, phrase] = MALFORMED[code] ?? [400, 'Bad Request'];
  const body = JSON.stringify({ ...badRequest(phrase).status, code: status });
  const head = `HTTP/1.1 ${status} ${phrase}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}
