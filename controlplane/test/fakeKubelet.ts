/** A kubelet for tests: HTTPS with a client certificate, plain answers, and upgrades that echo. It writes down what it was asked. */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { DevServer } from '../apiserver/dev/start.ts';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** CN of the client's certificate. */
  readonly client: string;
}

export class FakeKubelet {
  readonly seen: Seen[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  /** Below TLS: what a client cut off may stay behind. */
  readonly #raw = new Set<Duplex>();
  readonly #answer: (req: IncomingMessage, res: ServerResponse) => void;

  private constructor(tls: { readonly cert: string; readonly key: string; readonly ca: string }, answer: FakeKubelet['answer']) {
    this.#answer = answer;
    this.#server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true });
    this.#server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      this.#note(req);
      this.#answer(req, res);
    });
    this.#server.on('upgrade', (req: IncomingMessage, socket: Duplex) => this.#upgrade(req, socket));
    this.#server.on('connection', (socket: Duplex) => this.#raw.add(socket));
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    });
  }

  get answer(): (req: IncomingMessage, res: ServerResponse) => void {
    return this.#answer;
  }

  static async start(server: DevServer, answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<FakeKubelet> {
    const { certificate, key } = server.pki.server;
    const kubelet = new FakeKubelet({ cert: certificate, key, ca: server.pki.ca }, answer);
    await new Promise<void>((resolve) => kubelet.#server.listen(0, '127.0.0.1', resolve));
    return kubelet;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of [...this.#sockets, ...this.#raw]) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #note(req: IncomingMessage): void {
    const client = (req.socket as TLSSocket).getPeerCertificate().subject.CN;
    this.seen.push({ method: req.method ?? '', url: req.url ?? '', headers: req.headers, client: String(client) });
  }

  /** Of upgrades by paths with "speaks": what happens behind the 101. */
  speaks: ((socket: Duplex, path: string) => void) | undefined;

  /** 101 and an echo; a path with "refuse" is answered with 404 in plain text, as containerd's streaming does. */
  #upgrade(req: IncomingMessage, socket: Duplex): void {
    this.#note(req);
    if (req.url?.includes('refuse') === true) {
      const text = 'container not found ("refuse")';
      socket.end(`HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
      return;
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${req.headers.upgrade}\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`,
    );
    if (this.speaks !== undefined && req.url?.includes('speaks') === true) return this.speaks(socket, req.url);
    socket.write('hello ');
    socket.pipe(socket);
  }
}
