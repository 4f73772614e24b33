/** Clients of a test kubelet's HTTPS port, which listens in a network namespace: plain requests, WebSockets, and kubectl. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { execa } from 'execa';
import { WebSocket } from 'ws';

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface TestPki {
  readonly caFile: string;
  /** A client certificate with these subject fields, such as /O=system:masters/CN=admin. */
  issue(name: string, subject: string): Promise<Identity>;
}

export async function makeTestPki(dir: string): Promise<TestPki> {
  mkdirSync(dir, { recursive: true });
  const openssl = (...args: readonly string[]) => execa('openssl', args, { cwd: dir });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test-ca', '-days', '2');
  return {
    caFile: join(dir, 'ca.crt'),
    async issue(name, subject) {
      await openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
      writeFileSync(join(dir, `${name}.ext`), 'extendedKeyUsage=clientAuth\n');
      const sign = ['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1'];
      await openssl(...sign, '-out', `${name}.crt`, '-extfile', `${name}.ext`);
      return { cert: readFileSync(join(dir, `${name}.crt`), 'utf8'), key: readFileSync(join(dir, `${name}.key`), 'utf8') };
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
}

export interface Frames {
  /** By channel: 1 stdout, 2 stderr, 3 the Status at the end. */
  readonly channels: Readonly<Record<number, string>>;
}

export class KubeletHttp {
  readonly #socketPath: string;
  readonly #end: () => Promise<void>;
  /** What the kubelet's certificate is checked against. */
  ca = '';

  private constructor(socketPath: string, end: () => Promise<void>) {
    this.#socketPath = socketPath;
    this.#end = end;
  }

  static async open({ netns, dir, port = 10_250 }: { netns: string; dir: string; port?: number }): Promise<KubeletHttp> {
    const path = join(dir, `relay-${port}.sock`);
    const relay = new URL('relay.ts', import.meta.url).pathname;
    const child = execa(
      'nsenter',
      [`--net=/run/netns/${netns}`, process.execPath, '--disable-warning=ExperimentalWarning', relay, path, '127.0.0.1', String(port)],
      { buffer: false, reject: false },
    );
    for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') break;
    return new KubeletHttp(path, async () => {
      child.stdin.end();
      await child;
    });
  }

  close(): Promise<void> {
    return this.#end();
  }

  #tls(identity: Identity | undefined) {
    return { ...identity, ca: this.ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] };
  }

  ask(
    path: string,
    as?: Identity,
    { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const req = request({ socketPath: this.#socketPath, path, method, headers, agent: false, ...this.#tls(as) }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, text, headers: res.headers }));
        res.on('error', reject);
      });
      req.on('error', reject).end();
    });
  }

  /** The raw connection, for upgrades. */
  connect(as?: Identity): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ path: this.#socketPath, ...this.#tls(as) }, () => resolve(socket)).once('error', reject);
    });
  }

  /** Opens a stream as kubectl does; answers with the frames once the other side has closed. Throws what refuses the upgrade. */
  async stream(path: string, as: Identity | undefined, onOpen: (socket: WebSocket) => void = () => undefined): Promise<Frames> {
    const under = await this.connect(as);
    const socket = new WebSocket(`ws://localhost${path}`, ['v4.channel.k8s.io'], { createConnection: () => under as never });
    const channels: Record<number, string> = {};
    return new Promise((resolve, reject) => {
      socket.on('unexpected-response', (_, res) => {
        let text = '';
        res.on('data', (piece: Buffer) => (text += piece.toString()));
        res.on('end', () => reject(new Error(`${res.statusCode} ${text}`)));
      });
      socket.on('message', (data: Buffer) => {
        const channel = data[0] ?? -1;
        channels[channel] = (channels[channel] ?? '') + data.subarray(1).toString();
      });
      socket
        .on('open', () => onOpen(socket))
        .on('close', () => resolve({ channels }))
        .on('error', reject);
    });
  }

  /**
   * As much of an API server as kubectl needs to run exec, attach, port-forward and logs: it names the pods and hands streams on.
   * Answers with the URL for --server.
   */
  async front(as: Identity): Promise<{ url: string; close: () => void }> {
    const server = createServer((req, res) => {
      const { pathname, search } = new URL(req.url ?? '', 'http://x');
      const [, namespace, name, sub] = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)(?:\/(\w+))?$/.exec(pathname) ?? [];
      const json = (body: unknown): void => void res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (pathname === '/api') return json({ kind: 'APIVersions', versions: ['v1'] });
      if (pathname === '/apis') return json({ kind: 'APIGroupList', apiVersion: 'v1', groups: [] });
      if (pathname === '/api/v1')
        return json({
          kind: 'APIResourceList',
          groupVersion: 'v1',
          resources: [{ name: 'pods', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get', 'list'], shortNames: ['po'] }],
        });
      if (name === undefined) return void res.writeHead(404).end();
      const container = new URLSearchParams(search).get('container') ?? 'c';
      const path = sub === 'log' ? `/containerLogs/${namespace}/${name}/${container}${search}` : '/pods';
      this.ask(path, as).then(
        ({ text }) => {
          if (sub === 'log') return void res.writeHead(200, { 'content-type': 'text/plain' }).end(text);
          const { items } = JSON.parse(text) as { items: { metadata: { name: string; namespace: string } }[] };
          return json(items.find((p) => p.metadata.name === name && p.metadata.namespace === namespace));
        },
        (err: unknown) => res.writeHead(500).end(String(err)),
      );
    });
    server.on('upgrade', (req: IncomingMessage, near: Duplex) => {
      const { pathname, searchParams: q } = new URL(req.url ?? '', 'http://x');
      const [, namespace, name, sub] = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/(\w+)$/.exec(pathname) ?? [];
      const query = new URLSearchParams();
      for (const command of q.getAll('command')) query.append('command', command);
      for (const [api, kubelet] of [
        ['stdin', 'input'],
        ['stdout', 'output'],
        ['stderr', 'error'],
        ['tty', 'tty'],
      ] as const)
        if (q.get(api) === 'true') query.set(kubelet, '1');
      for (const port of q.getAll('ports')) query.append('port', port);
      const path =
        sub === 'portforward'
          ? `/portForward/${namespace}/${name}?${query.toString()}`
          : `/${sub}/${namespace}/${name}/${q.get('container') ?? 'c'}?${query.toString()}`;
      const head = [`${req.method} ${path} HTTP/1.1`];
      for (let i = 0; i < req.rawHeaders.length; i += 2) head.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`);
      this.connect(as).then(
        (far) => {
          far.write(`${head.join('\r\n')}\r\n\r\n`);
          near.on('error', () => far.destroy()).pipe(far);
          far.on('error', () => near.destroy()).pipe(near);
        },
        () => near.destroy(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close: () => (server.close(), server.closeAllConnections()),
    };
  }
}
