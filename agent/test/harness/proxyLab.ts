/**
 * A node with three pods and a client outside, each a network namespace with veths, and the real kube-proxy on the node.
 *
 *   client 192.0.2.2 fd02::2 --- node 192.0.2.1 fd02::1 --- pod N 10.244.N.2 fd44:N::2
 *
 * Everything is made for one test file and removed by close(), whatever happened.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa, type ResultPromise } from 'execa';
import { stringify } from 'yaml';
import { NetNs } from '../proxyNet.ts';
import { until } from './until.ts';

const PEER = new URL('peer.ts', import.meta.url).pathname;
const MAIN = new URL('../../kube-proxy/main.ts', import.meta.url).pathname;
const NODE_NAME = 'lab-node';
export const CLIENT = { IPv4: '192.0.2.2', IPv6: 'fd02::2' } as const;
export const NODE = { IPv4: '192.0.2.1', IPv6: 'fd02::1' } as const;
export const podIp = (n: number, family: 'IPv4' | 'IPv6' = 'IPv4'): string => (family === 'IPv4' ? `10.244.${n}.2` : `fd44:${n}::2`);
const PODS = 3;

export interface LabEndpoint {
  readonly pod: number;
  /** On this node. Default true. */
  readonly local?: boolean;
  readonly conditions?: Readonly<Record<string, boolean>>;
}

export interface LabService {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly endpoints: readonly LabEndpoint[];
  readonly loadBalancerIp?: string;
}

export interface LabOptions {
  readonly proxyArgs: readonly string[];
  /** Where it takes services from; default: the directory that serve() writes. */
  readonly source?: readonly string[];
  /** Before the proxy starts. */
  readonly prepare?: (node: NetNs) => Promise<void>;
}

const PROXY_OPTIONS = { reject: false, all: true, buffer: false } as const;
type Child = ResultPromise<{ stdout: 'pipe'; stdin: 'pipe'; stderr: 'ignore'; reject: false; buffer: false }>;

export class ProxyLab {
  readonly node: NetNs;
  readonly client: NetNs;
  readonly pods: readonly NetNs[];
  readonly servicesDir: string;
  readonly #options: LabOptions;
  readonly #all: readonly NetNs[];
  readonly #children = new Set<Child>();
  #proxy: ResultPromise<typeof PROXY_OPTIONS> | undefined;
  #services: Record<string, LabService> = {};
  log = '';

  private constructor(
    options: LabOptions,
    { node, client, pods, all }: Pick<ProxyLab, 'node' | 'client' | 'pods'> & { readonly all: readonly NetNs[] },
  ) {
    this.#options = options;
    this.#all = all;
    this.node = node;
    this.client = client;
    this.pods = pods;
    this.servicesDir = mkdtempSync(join(tmpdir(), 'kijabi-services-'));
  }

  static async make(options: LabOptions): Promise<ProxyLab> {
    const made: NetNs[] = [];
    let lab: ProxyLab | undefined;
    const ns = async (role: string): Promise<NetNs> => {
      const one = await NetNs.make(role);
      made.push(one);
      return one;
    };
    try {
      const node = await ns('node');
      const client = await ns('client');
      const pods: NetNs[] = [];
      for (let n = 1; n <= PODS; n++) pods.push(await ns(`pod${n}`));
      for (const name of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) await node.run('sysctl', '-qw', `${name}=1`);
      // The kernel refuses one client only once a second; the tests refuse more often.
      for (const name of ['net.ipv4.icmp_ratelimit', 'net.ipv6.icmp.ratelimit']) await node.run('sysctl', '-qw', `${name}=0`);
      await wire(node, client, { name: 'c0', gateway: ['192.0.2.1/24', 'fd02::1/64'], address: ['192.0.2.2/24', 'fd02::2/64'] });
      for (const [i, pod] of pods.entries()) {
        const n = i + 1;
        await wire(node, pod, {
          name: `p${n}`,
          gateway: [`10.244.${n}.1/24`, `fd44:${n}::1/64`],
          address: [`10.244.${n}.2/24`, `fd44:${n}::2/64`],
        });
      }
      // The way out of a node: what no rule takes goes there and gets no answer.
      const outside = await ns('outside');
      await wire(node, outside, { name: 'up0', gateway: ['10.0.2.1/24', 'fd02:2::1/64'], address: ['10.0.2.2/24', 'fd02:2::2/64'] });
      for (const ip of ['10.0.2.2', 'fd02:2::2']) await sh('ip', '-n', node.name, 'route', 'add', 'default', 'via', ip);
      await options.prepare?.(node);
      lab = new ProxyLab(options, { node, client, pods, all: made });
      for (const [i, pod] of pods.entries()) await lab.#serve(pod, `p${i + 1}`);
      await lab.startProxy();
      return lab;
    } catch (err) {
      if (lab === undefined) for (const one of made) await one.remove();
      else await lab.close();
      throw err;
    }
  }

  async #serve(ns: NetNs, name: string): Promise<void> {
    const child = this.#spawn(ns, ['serve', name, '8080']);
    await nextLine(child);
  }

  #spawn(ns: NetNs, args: readonly string[]): Child {
    const [program = '', ...rest] = [...ns.via, process.execPath, PEER, ...args];
    const child = execa(program, rest, {
      reject: false,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'ignore',
      buffer: false,
    }) as unknown as Child;
    this.#children.add(child);
    return child;
  }

  /** more: instead of the arguments the lab was made with. */
  async startProxy(more: readonly string[] = this.#options.proxyArgs): Promise<void> {
    const [program = '', ...rest] = [
      ...this.node.via,
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      MAIN,
      ...(this.#options.source ?? [`--services-dir=${this.servicesDir}`]),
      `--hostname-override=${NODE_NAME}`,
      '--cluster-cidr=10.244.0.0/16,fd44::/16',
      '--iptables-min-sync-period=10ms',
      '--conntrack-max-per-core=0',
      '-v=4',
      ...more,
    ];
    this.log = '';
    const proxy = execa(program, rest, PROXY_OPTIONS);
    this.#proxy = proxy;
    proxy.all.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    let ended = false;
    void proxy.then(() => (ended = true));
    await until('the proxy is ready', () => {
      if (ended) throw new Error(`the proxy ended: ${this.log}`);
      return this.log.includes('Service proxy is ready');
    }).catch((err: unknown) => {
      throw new Error(`the proxy says: ${this.log}`, { cause: err });
    });
  }

  async stopProxy(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#proxy?.kill(signal);
    await this.#proxy;
    this.#proxy = undefined;
  }

  /** Replaces all services, and waits until the kernel holds them. */
  async serve(services: Record<string, LabService>): Promise<void> {
    this.#services = services;
    writeFileSync(
      join(this.servicesDir, '.next'),
      Object.entries(services)
        .flatMap(([name, s]) => documentsOf(name, s))
        .map((d) => `---\n${stringify(d)}`)
        .join(''),
    );
    await sh('mv', join(this.servicesDir, '.next'), join(this.servicesDir, 'all.yaml'));
    await until(`the rules are written, log: ${this.log.slice(-500)}`, () => this.#isWritten());
  }

  async #isWritten(): Promise<boolean> {
    for (const [name, { endpoints }] of Object.entries(this.#services)) {
      const answer = JSON.parse(await this.ask(`/explain/service/lab/${name}?output=json`, '{}')) as {
        ports?: { endpoints: { endpoint: string; state: string }[] }[];
        missing?: number;
        lastWritten?: { pendingSince?: string }[];
      };
      const want = endpoints
        .filter((e) => e.conditions?.['ready'] !== false)
        .map((e) => `p${e.pod}`)
        .sort();
      for (const port of answer.ports ?? []) {
        const got = port.endpoints
          .filter((e) => e.state === 'ready')
          .map((e) => `p${/^(?:10\.244\.|\[fd44:)(\d)/.exec(e.endpoint)?.[1] ?? '?'}`)
          .sort();
        if (JSON.stringify(got) !== JSON.stringify(want)) return false;
      }
      if (answer.ports === undefined || answer.missing !== 0 || answer.lastWritten?.some((l) => l.pendingSince !== undefined) !== false)
        return false;
    }
    const left = await this.ask('/explain/drift?output=json', '{}');
    return (JSON.parse(left) as { drift?: string[] }).drift?.length === 0;
  }

  /** Of the proxy's metrics address. */
  async ask(path: string, otherwise?: string): Promise<string> {
    try {
      return await this.node.run('curl', '-sSf', `http://127.0.0.1:10249${path}`);
    } catch (err) {
      if (otherwise !== undefined) return otherwise;
      throw err;
    }
  }

  /** From a namespace: N connections to an address, and who answered how often ("p1 10.244.3.2": 5). */
  async connect(
    from: NetNs,
    to: { readonly host: string; readonly port: number; readonly protocol?: 'tcp' | 'udp'; readonly count?: number },
  ): Promise<Record<string, number>> {
    const out = await from.run(process.execPath, PEER, 'ask', to.protocol ?? 'tcp', to.host, String(to.port), String(to.count ?? 1));
    return JSON.parse(out) as Record<string, number>;
  }

  /** One connection that stays: say() sends a line and returns the answer, reset() breaks it off, which nobody has to remember. */
  async hold(from: NetNs, args: readonly string[]): Promise<{ say: () => Promise<string>; reset: () => void; close: () => Promise<void> }> {
    const child = this.#spawn(from, args);
    const lines: string[] = [];
    createInterface(child.stdout).on('line', (line) => lines.push(line));
    await until('connected', () => lines.length > 0);
    return {
      say: async () => {
        const before = lines.length;
        child.stdin.write('?\n');
        await until('an answer', () => lines.length > before, 2_000).catch(() => undefined);
        return lines.length > before ? (lines.at(-1) ?? '') : 'no answer';
      },
      reset: () => void child.stdin.write('reset\n'),
      close: async () => {
        child.kill('SIGKILL');
        this.#children.delete(child);
        await child;
      },
    };
  }

  async close(): Promise<void> {
    await this.stopProxy('SIGKILL');
    for (const child of this.#children) {
      child.kill('SIGKILL');
      await child;
    }
    for (const ns of this.#all) await ns.remove();
    rmSync(this.servicesDir, { recursive: true });
  }
}

async function sh(program: string, ...args: string[]): Promise<void> {
  await execa(program, args);
}

function nextLine(child: Child): Promise<string> {
  return new Promise((resolve) => createInterface(child.stdout).once('line', resolve));
}

interface Wire {
  readonly name: string;
  readonly gateway: readonly [string, string];
  readonly address: readonly [string, string];
}

async function wire(node: NetNs, far: NetNs, { name, gateway, address }: Wire): Promise<void> {
  await sh('ip', '-n', node.name, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far.name);
  for (const [ns, link, [v4, v6]] of [
    [node, name, gateway],
    [far, 'eth0', address],
  ] as const) {
    await sh('ip', '-n', ns.name, 'addr', 'add', v4, 'dev', link);
    await sh('ip', '-n', ns.name, 'addr', 'add', v6, 'dev', link, 'nodad');
    await sh('ip', '-n', ns.name, 'link', 'set', link, 'up');
  }
  for (const ip of gateway.map((g) => g.split('/')[0] ?? '')) await sh('ip', '-n', far.name, 'route', 'add', 'default', 'via', ip);
}

function documentsOf(name: string, { spec, endpoints, loadBalancerIp }: LabService): unknown[] {
  const ports = (spec['ports'] as { name?: string; protocol?: string }[]).map(({ name = '', protocol = 'TCP' }) => ({
    name,
    protocol,
    port: 8080,
  }));
  const metadata = { namespace: 'lab', name };
  const slices = (['IPv4', 'IPv6'] as const).map((addressType) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, name: `${name}-${addressType.toLowerCase()}`, labels: { 'kubernetes.io/service-name': name } },
    addressType,
    ports,
    endpoints: endpoints.map(({ pod, local = true, conditions = { ready: true } }) => ({
      addresses: [podIp(pod, addressType)],
      conditions,
      nodeName: local ? NODE_NAME : 'elsewhere',
    })),
  }));
  const status = loadBalancerIp === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip: loadBalancerIp }] } } };
  return [{ apiVersion: 'v1', kind: 'Service', metadata, spec, ...status }, ...slices];
}
