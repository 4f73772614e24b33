/** A small client for tests of the API server: plain requests over its own TLS connection, and watches as a queue of events. */
import { Agent, request } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { DevServer } from '../dev/start.ts';

export interface TestAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; undefined: it is none. */
  readonly json: unknown;
}

export interface TestRequest {
  readonly body?: unknown;
  /** Default application/json. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** null: no credentials. */
  readonly token?: string | null;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: {
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly resourceVersion: string; readonly annotations?: Readonly<Record<string, string>> };
    readonly code?: number;
    readonly message?: string;
  };
}

export class TestClient {
  readonly #server: DevServer;
  readonly #agent: Agent;

  constructor(server: DevServer, credentials?: { readonly certificate: string; readonly key: string }) {
    this.#server = server;
    this.#agent = new Agent({
      keepAlive: true,
      ca: server.pki.ca,
      ...(credentials === undefined ? {} : { cert: credentials.certificate, key: credentials.key }),
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  get(path: string, options: TestRequest = {}): Promise<TestAnswer> {
    return this.send('GET', path, options);
  }

  post(path: string, body: unknown, options: TestRequest = {}): Promise<TestAnswer> {
    return this.send('POST', path, { ...options, body });
  }

  put(path: string, body: unknown, options: TestRequest = {}): Promise<TestAnswer> {
    return this.send('PUT', path, { ...options, body });
  }

  delete(path: string, options: TestRequest = {}): Promise<TestAnswer> {
    return this.send('DELETE', path, options);
  }

  patch(path: string, type: 'json-patch' | 'merge-patch' | 'strategic-merge-patch' | 'apply-patch', body: unknown): Promise<TestAnswer> {
    const suffix = type === 'apply-patch' ? 'yaml' : 'json';
    return this.send('PATCH', path, { body, type: `application/${type}+${suffix}` });
  }

  async send(method: string, path: string, options: TestRequest = {}): Promise<TestAnswer> {
    const res = await this.#open(method, path, options);
    const chunks: Buffer[] = [];
    for await (const chunk of res) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    return { code: res.statusCode ?? 0, headers: res.headers, text, json: parsed(text) };
  }

  async watch(path: string, options: TestRequest = {}): Promise<TestWatch> {
    const res = await this.#open('GET', path, options);
    if (res.statusCode !== 200) {
      const chunks: Buffer[] = [];
      for await (const chunk of res) chunks.push(chunk as Buffer);
      throw new Error(`watch refused with ${res.statusCode}: ${Buffer.concat(chunks).toString()}`);
    }
    return new TestWatch(res);
  }

  #open(method: string, path: string, { body, type = 'application/json', headers = {}, token }: TestRequest): Promise<IncomingMessage> {
    const bytes = body === undefined ? undefined : Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body);
    const bearer = token === null ? {} : { Authorization: `Bearer ${token ?? this.#server.token}` };
    return new Promise((resolve, reject) => {
      const req = request(
        {
          host: '127.0.0.1',
          port: this.#server.port,
          method,
          path,
          agent: this.#agent,
          headers: {
            ...bearer,
            ...(bytes === undefined ? {} : { 'Content-Type': type, 'Content-Length': String(Buffer.byteLength(bytes)) }),
            ...headers,
          },
        },
        resolve,
      );
      req.on('error', reject);
      req.end(bytes);
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The events of one watch, in order; next() waits for one. */
export class TestWatch {
  readonly #res: IncomingMessage;
  readonly #events: WatchEvent[] = [];
  #waiting: ((event: WatchEvent | undefined) => void)[] = [];
  #rest = '';
  #ended = false;

  constructor(res: IncomingMessage) {
    this.#res = res;
    res.setEncoding('utf8');
    res.on('data', (text: string) => this.#take(text));
    res.on('close', () => this.#end());
    res.on('error', () => this.#end());
  }

  /** undefined: the watch is over. */
  next(): Promise<WatchEvent | undefined> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve(event);
    return this.#ended ? Promise.resolve(undefined) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async take(count: number): Promise<readonly WatchEvent[]> {
    const out: WatchEvent[] = [];
    while (out.length < count) {
      const event = await this.next();
      if (event === undefined) throw new Error(`the watch ended after ${out.length} of ${count} events`);
      out.push(event);
    }
    return out;
  }

  close(): void {
    this.#res.destroy();
  }

  /** Stops reading, so that the server has to wait. */
  pause(): void {
    this.#res.pause();
  }

  resume(): void {
    this.#res.resume();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line) as WatchEvent;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#events.push(event);
      else waiting(event);
    }
  }

  #end(): void {
    this.#ended = true;
    for (const waiting of this.#waiting) waiting(undefined);
    this.#waiting = [];
  }
}
