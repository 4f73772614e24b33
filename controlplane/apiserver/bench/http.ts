/** The smallest HTTP/1.1 client that can load a server: one connection per client, requests written as bytes, answers counted, not decoded. */
import { connect, type TLSSocket } from 'node:tls';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  readonly ca: string | undefined;
}

export interface BenchAnswer {
  readonly code: number;
  readonly body: Buffer;
}

/** One request at a time. */
export class BenchClient {
  readonly #socket: TLSSocket;
  readonly #head: string;
  #chunks: Buffer[] = [];
  #have = 0;
  #need: number | 'head' | 'chunked' = 'head';
  #headText = '';
  #resolve: ((answer: BenchAnswer) => void) | undefined;
  #reject: ((err: Error) => void) | undefined;

  private constructor(socket: TLSSocket, target: Target) {
    this.#socket = socket;
    this.#head = `Host: ${target.host}:${target.port}\r\nAuthorization: Bearer ${target.token}\r\nAccept: application/json\r\n`;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (err) => this.#reject?.(err));
    socket.on('close', () => this.#reject?.(new Error('connection closed')));
  }

  static open(target: Target): Promise<BenchClient> {
    return new Promise((resolve, reject) => {
      const tls = target.ca === undefined ? { rejectUnauthorized: false } : { ca: target.ca };
      const socket = connect({ host: target.host, port: target.port, ALPNProtocols: ['http/1.1'], ...tls }, () => {
        socket.setNoDelay(true);
        resolve(new BenchClient(socket, target));
      });
      socket.once('error', reject);
    });
  }

  send(method: string, path: string, body?: Buffer, type = 'application/json'): Promise<BenchAnswer> {
    const length = body === undefined ? '' : `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`;
    const head = `${method} ${path} HTTP/1.1\r\n${this.#head}${length}\r\n`;
    const promise = new Promise<BenchAnswer>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#socket.write(body === undefined ? head : Buffer.concat([Buffer.from(head), body]));
    return promise;
  }

  /** Raw bytes of an answer without an end, such as a watch. Resolves when its head has come. */
  stream(path: string, onData: (chunk: Buffer) => void): Promise<void> {
    this.#socket.removeAllListeners('data');
    this.#socket.write(`GET ${path} HTTP/1.1\r\n${this.#head}\r\n`);
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#socket.once('data', (head: Buffer) => {
        this.#socket.on('data', onData);
        const end = head.indexOf('\r\n\r\n');
        if (!head.toString('latin1', 0, 12).endsWith(' 200')) reject(new Error(`watch: ${head.toString()}`));
        else resolve(onData(head.subarray(end)));
      });
    });
  }

  close(): void {
    this.#reject = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#have += chunk.length;
    if (this.#need === 'head') {
      const all = this.#join();
      const end = all.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#headText = all.toString('latin1', 0, end);
      this.#chunks = [all.subarray(end + 4)];
      this.#have -= end + 4;
      const length = /content-length: (\d+)/i.exec(this.#headText)?.[1];
      this.#need = length === undefined ? 'chunked' : Number(length);
    }
    if (this.#need === 'chunked') {
      const last = this.#chunks.at(-1);
      if (last === undefined || !last.subarray(-5).equals(END)) return;
    } else if (this.#have < this.#need) return;
    const answer = { code: Number(this.#headText.slice(9, 12)), body: this.#join() };
    this.#chunks = [];
    this.#have = 0;
    this.#need = 'head';
    this.#resolve?.(answer);
  }

  #join(): Buffer {
    const [only] = this.#chunks;
    if (this.#chunks.length === 1 && only !== undefined) return only;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

const END = Buffer.from('0\r\n\r\n');
