/** Real etcd members for tests and benchmarks: on loopback, in temporary directories, on ports that were free. Needs Debian's etcd. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

export const ETCD = '/usr/bin/etcd';
export const ETCDCTL = '/usr/bin/etcdctl';

/** Why etcd cannot be tested here; undefined: it can. */
export const noEtcd: string | undefined =
  existsSync(ETCD) && existsSync(ETCDCTL) ? undefined : 'etcd and etcdctl are not installed (apt install etcd-server etcd-client)';

export interface TestEtcdOptions {
  readonly members?: number;
  /** More flags, such as --quota-backend-bytes. */
  readonly flags?: readonly string[];
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

interface Member {
  readonly name: string;
  readonly endpoint: string;
  readonly flags: readonly string[];
  process: ReturnType<typeof start> | undefined;
}

// What it would say is of no use to a test's reader; a test says what it waited for.
const start = (flags: readonly string[]) => execa(ETCD, flags, { reject: false, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' });

export class TestEtcd {
  readonly #dir: string;
  readonly #members: readonly Member[];

  static async start({ members = 1, flags = [], tls }: TestEtcdOptions = {}): Promise<TestEtcd> {
    const dir = await mkdtemp(join(tmpdir(), 'kijabi-etcd-'));
    const ports = await freePorts(2 * members);
    const names = Array.from({ length: members }, (_, i) => `m${i}`);
    const peers = names.map((_, i) => `http://127.0.0.1:${ports[2 * i] ?? 0}`);
    const cluster = names.map((name, i) => `${name}=${peers[i] ?? ''}`).join(',');
    const made = names.map((name, i): Member => {
      const endpoint = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${ports[2 * i + 1] ?? 0}`;
      const peer = peers[i] ?? '';
      return {
        name,
        endpoint,
        process: undefined,
        flags: [
          ...Object.entries({
            name,
            'data-dir': join(dir, name),
            'log-level': 'error',
            'listen-client-urls': tls === undefined ? endpoint : `${endpoint},${endpoint.replace('127.0.0.1', '127.0.0.2')}`,
            'advertise-client-urls': endpoint,
            'listen-peer-urls': peer,
            'initial-advertise-peer-urls': peer,
            'initial-cluster': cluster,
            // Elections in a fraction of a second.
            'heartbeat-interval': '50',
            'election-timeout': '500',
            ...(tls === undefined
              ? {}
              : { 'cert-file': tls.cert, 'key-file': tls.key, 'trusted-ca-file': tls.ca, 'client-cert-auth': 'true' }),
          }).map(([flag, value]) => `--${flag}=${value}`),
          ...flags,
        ],
      };
    });
    const etcd = new TestEtcd(dir, made);
    for (let i = 0; i < members; i++) etcd.run(i);
    return etcd;
  }

  private constructor(dir: string, members: readonly Member[]) {
    this.#dir = dir;
    this.#members = members;
  }

  get endpoints(): readonly string[] {
    return this.#members.map((m) => m.endpoint);
  }

  get dir(): string {
    return this.#dir;
  }

  /** The resident size of one member. */
  pid(member: number): number | undefined {
    return this.#members[member]?.process?.pid;
  }

  /** Starts a member, for the first time or again. */
  run(member: number): void {
    const found = this.#members[member];
    if (found !== undefined && found.process === undefined) {
      found.process = start(found.flags);
    }
  }

  /** Sends a signal without waiting: SIGSTOP, SIGCONT. */
  signal(member: number, name: NodeJS.Signals): void {
    this.#members[member]?.process?.kill(name);
  }

  async kill(member: number): Promise<void> {
    const found = this.#members[member];
    if (found?.process === undefined) return;
    found.process.kill('SIGKILL');
    await found.process;
    found.process = undefined;
  }

  async etcdctl(...args: readonly string[]): Promise<string> {
    const { stdout } = await execa(ETCDCTL, ['--endpoints', this.endpoints.join(','), ...args], { env: { ETCDCTL_API: '3' } });
    return stdout;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((_, i) => this.kill(i)));
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** All at once, so that none is given twice. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => resolve(server));
      });
    }),
  );
  return Promise.all(
    servers.map((server) => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      return new Promise<number>((resolve) => server.close(() => resolve(port)));
    }),
  );
}
