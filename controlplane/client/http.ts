/**
 * The transport over HTTP/1.1 with TLS and connections that are kept. When credentials change, new connections use the new ones: requests
 * under way finish on the old connection, streams end so that they come back with the new ones.
 * Why node:https and not undici: it is in the binary's snapshot and costs no memory to load; nothing here needs pipelining.
 */
import type { Agent as PlainAgent, IncomingMessage } from 'node:http';
import { Agent, request, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { ClientConfig } from './config.ts';
import type { Credentials, TlsTexts } from './credentials.ts';
import { badAnswer, unreachable } from './errors.ts';
import { MOST_BYTES, type ApiRequest, type ApiResponse, type Transport } from './transport.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { http } from '#base/http.ts';

/** Go servers close idle connections after 90 s at the earliest; whoever closes first should be us. */
const IDLE_SOCKET_MS = 60_000;
/** After so much silence the kernel asks whether the other end is still there, every second, and gives up after ten. */
const PROBE_AFTER_MS = 30_000;
/** As many as anybody has requests under way at once; fewer would be closed and made anew, with a handshake each, under load. */
const IDLE_SOCKETS = 32;

interface Line {
  readonly tls: TlsTexts;
  readonly agent: Agent | PlainAgent;
  readonly retired: AbortController;
}

export class HttpTransport implements Transport {
  readonly server: string;
  readonly #config: ClientConfig;
  readonly #credentials: Credentials;
  readonly #url: URL;
  readonly #prefix: string;
  readonly #mostBytes: number;
  #line: Line | undefined;

  constructor(config: ClientConfig, credentials: Credentials, mostBytes = MOST_BYTES) {
    this.server = config.server;
    this.#config = config;
    this.#credentials = credentials;
    this.#url = new URL(config.server);
    this.#prefix = this.#url.pathname.replace(/\/$/, '');
    this.#mostBytes = mostBytes;
  }

  async send(req: ApiRequest): Promise<ApiResponse> {
    const answer = await this.#sendOnce(req, 'when due');
    if (answer.status !== 401) return answer;
    // The token or certificate may have been renewed since it was read.
    const [before, now] = [await this.#credentials.get(), await this.#credentials.get('now')];
    if (before.headers['Authorization'] === now.headers['Authorization'] && before.tls === now.tls) {
      // A server looks at a certificate once a connection: what it did not believe then (clocks differ) it may believe on another one.
      if (now.tls.cert !== undefined) this.#retire();
      return answer;
    }
    for await (const _ of answer.body) void _;
    return this.#sendOnce(req, 'when due');
  }

  close(): void {
    this.#line?.retired.abort(new AppError('STOPPING', 'the client is closed'));
    this.#line?.agent.destroy();
    this.#line = undefined;
  }

  async #sendOnce(req: ApiRequest, look: 'when due' | 'now'): Promise<ApiResponse> {
    req.signal.throwIfAborted();
    const { headers, tls } = await this.#credentials.get(look);
    const line = this.#lineFor(tls);
    try {
      return await this.#exchange(req, line, headers);
    } catch (err) {
      // The server closed a kept connection at the moment we used it; what only reads may simply ask again.
      if (!(err instanceof Stale) || req.method !== 'GET') throw this.#failure(err, req.signal);
    }
    return this.#exchange(req, line, headers).catch((err: unknown) => {
      throw this.#failure(err, req.signal);
    });
  }

  #failure(err: unknown, signal: AbortSignal): AppError {
    signal.throwIfAborted();
    if (err instanceof AppError) return err;
    return unreachable(this.server, err instanceof Stale ? err.cause : err);
  }

  #lineFor(tls: TlsTexts): Line {
    if (this.#line?.tls === tls) return this.#line;
    this.#retire();
    return (this.#line = { tls, agent: this.#agentFor(tls), retired: new AbortController() });
  }

  /** Requests under way go on; whatever comes next is on a new connection. */
  #retire(): void {
    const old = this.#line;
    this.#line = undefined;
    if (old === undefined) return;
    old.agent.maxFreeSockets = 0;
    for (const sockets of Object.values(old.agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    old.retired.abort(new AppError('API_IDLE', 'the credentials have changed, connect again'));
  }

  #agentFor(tls: TlsTexts): Agent | PlainAgent {
    const kept = { keepAlive: true, maxFreeSockets: IDLE_SOCKETS, timeout: IDLE_SOCKET_MS, scheduling: 'lifo' } as const;
    if (this.#url.protocol === 'http:') return new http.Agent(kept);
    const { tlsServerName: name, insecureSkipTlsVerify: insecure } = this.#config;
    return new Agent({
      ...kept,
      ...tls,
      minVersion: 'TLSv1.2',
      // What the kubeconfig trusts is trusted as it is, also where it is no root: as Go's clients do it.
      allowPartialTrustChain: true,
      ...(insecure === true ? { rejectUnauthorized: false } : {}),
      // An address cannot be asked for by TLS, but the certificate can be checked for it.
      ...(name === undefined ? {} : isIP(name) > 0 ? { servername: '' } : { servername: name }),
      ...(name === undefined ? {} : { checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate) }),
    });
  }

  #exchange(req: ApiRequest, line: Line, headers: Readonly<Record<string, string | readonly string[]>>): Promise<ApiResponse> {
    const isStream = /[?&]watch=/.test(req.path);
    const signal = isStream ? AbortSignal.any([req.signal, line.retired.signal]) : req.signal;
    const hostname = this.#url.hostname.replace(/^\[|\]$/g, '');
    const options: RequestOptions = {
      method: req.method,
      hostname,
      port: this.#url.port,
      path: this.#prefix + req.path,
      headers: {
        ...req.headers,
        ...(headers as Record<string, string>),
        ...(req.body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(req.body)) }),
      },
      agent: line.agent,
    };
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const out = (this.#url.protocol === 'http:' ? http.request : request)(options, (res) => {
        const answer = { status: res.statusCode ?? 0, headers: res.headers };
        if (req.whole !== true) return resolve({ ...answer, body: this.#body(res, signal) });
        const chunks: Uint8Array[] = [];
        let size = 0;
        res.on('data', (chunk: Uint8Array) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > this.#mostBytes) res.destroy(badAnswer(`${req.method} ${req.path}`, `it is longer than ${this.#mostBytes} bytes`));
        });
        res.on('end', () => resolve({ ...answer, body: chunks }));
        res.on('error', (err) => reject(signal.aborted ? signal.reason : err));
      });
      // Node's own way to follow a signal costs as much as all the rest of a small request.
      const onAbort = (): void => void out.destroy(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      out.on('close', () => signal.removeEventListener('abort', onAbort));
      out.on('socket', (socket) => void (out.reusedSocket || socket.setKeepAlive(true, PROBE_AFTER_MS)));
      out.on('error', (err) =>
        reject(out.reusedSocket && codeOf(err) === 'ECONNRESET' ? new Stale(err) : signal.aborted ? signal.reason : err),
      );
      out.end(req.body);
    });
  }

  async *#body(res: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of res) yield chunk as Uint8Array;
    } catch (err) {
      throw signal.aborted ? signal.reason : unreachable(this.server, err);
    } finally {
      if (!res.complete) res.destroy();
    }
  }
}

/** A kept connection turned out to be closed. */
class Stale extends Error {
  constructor(cause: unknown) {
    super('the connection was closed', { cause });
  }
}
