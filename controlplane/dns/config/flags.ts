/**
 * The command line of kube-dns. Pure. Throws AppError FLAG_INVALID with everything that is wrong.
 * Differs: upstream has no program of this name any more; flags are named as other components and CoreDNS' plugins name the same things.
 */
import { parseArgs } from 'node:util';
import { durationMs, isDuration } from '#api/formats.ts';
import { parseIp } from '#api/ip.ts';
import { closest } from '#api/suggest.ts';
import { AppError } from '#base/errors.ts';
import type { PodsMode } from '../answer.ts';
import { nameOf } from '../records.ts';

export interface Address {
  readonly address: string;
  readonly port: number;
}

export interface Settings {
  /** undefined: the service account of the pod. */
  readonly kubeconfig: string | undefined;
  readonly listen: readonly Address[];
  readonly domain: string;
  readonly ttlSeconds: number;
  readonly pods: PodsMode;
  readonly dnsService: string;
  readonly config: string | undefined;
  readonly resolvConf: string;
  readonly cacheSeconds: number;
  readonly cacheSize: number;
  readonly maxForwards: number;
  readonly maxTcpConnections: number;
  readonly tcpIdleMs: number;
  readonly maxUdpBytes: number;
  readonly lameDuckMs: number;
  readonly reloadMs: number;
  /** undefined: is not served. */
  readonly health: Address | undefined;
  readonly ready: Address | undefined;
  readonly metrics: Address | undefined;
  readonly verbosity: number;
}

export type CommandLine = { readonly kind: 'help' } | { readonly kind: 'version' } | { readonly kind: 'run'; readonly settings: Settings };

type Row = readonly [initial: string, help: string];

export const FLAGS = {
  kubeconfig: ['', 'how to reach the API server (default: the service account of the pod)'],
  listen: ['0.0.0.0:53', 'addresses with ports for UDP and TCP, with commas'],
  domain: ['cluster.local', 'the domain of the cluster'],
  ttl: ['5', 'seconds that answers about the cluster may be kept'],
  pods: ['insecure', 'names of pods by address: disabled, insecure (any address), verified (of pods that are there)'],
  'dns-service': ['kube-system/kube-dns', 'the Service that leads here; its address is that of ns.dns.DOMAIN'],
  config: ['', 'file with stubDomains and upstreamNameservers, read again when it changes'],
  'resolv-conf': ['/etc/resolv.conf', 'upstream servers, where the file above names none; read again when it changes'],
  'cache-ttl': ['30', 'seconds that answers of upstream servers are kept at most; 0: not at all'],
  'cache-size': ['10000', 'answers that are kept at most, of the cluster and of upstream servers each'],
  'max-concurrent': ['1000', 'questions to upstream servers at once; more are refused'],
  'max-tcp-connections': ['1000', 'open connections of clients'],
  'tcp-idle-timeout': ['10s', 'a connection that says nothing for so long is closed'],
  'max-udp-size': ['1232', 'bytes of an answer over UDP at most, whatever the client says it can take'],
  'lame-duck': ['5s', 'after SIGTERM: goes on for so long, while /ready says no'],
  'reload-interval': ['10s', 'how often the two files are looked at'],
  'health-bind-address': ['0.0.0.0:8080', 'where /health is; empty: nowhere'],
  'ready-bind-address': ['0.0.0.0:8181', 'where /ready is; empty: nowhere'],
  'metrics-bind-address': ['0.0.0.0:9153', 'where /metrics is; empty: nowhere'],
  v: ['0', 'from 4 on more is logged'],
} as const satisfies Record<string, Row>;

type Flag = keyof typeof FLAGS;

export const USAGE = `Usage: kube-dns [flags]

Cluster DNS: answers for Services, EndpointSlices and pods, and forwards what is not the cluster's.

${Object.entries(FLAGS)
  .map(([name, [initial, help]]) => `      ${`--${name}`.padEnd(24)} ${help}${initial === '' ? '' : ` (default ${initial})`}`)
  .join('\n')}
      --version                print the version and exit
  -h, --help                   print this and exit
`;

const OPTIONS = {
  ...Object.fromEntries(Object.keys(FLAGS).map((name) => [name, { type: 'string' as const, ...(name === 'v' ? { short: 'v' } : {}) }])),
  help: { type: 'boolean' as const, short: 'h' },
  version: { type: 'boolean' as const },
};

export function parseFlags(argv: readonly string[]): CommandLine {
  const problems: string[] = [];
  const { tokens } = parseArgs({ args: [...argv], options: OPTIONS, strict: false, allowPositionals: true, tokens: true });
  const given = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') problems.push(`unexpected argument ${JSON.stringify(token.value)}`);
    if (token.kind !== 'option') continue;
    if (!Object.hasOwn(OPTIONS, token.name)) {
      const [meant, edits] = closest(Object.keys(OPTIONS), token.name);
      problems.push(`${token.rawName}: unknown flag${meant === undefined || edits > 3 ? '' : `, did you mean --${meant}?`}`);
    } else if (token.name === 'help' || token.name === 'version') given.set(token.name, 'true');
    else if (token.value === undefined) problems.push(`${token.rawName}: needs a value`);
    else given.set(token.name, token.value);
  }
  if (problems.length === 0 && given.has('help')) return { kind: 'help' };
  if (problems.length === 0 && given.has('version')) return { kind: 'version' };
  const settings = new Reading(given, problems).settings();
  if (problems.length > 0) throw new AppError('FLAG_INVALID', problems.join('; '));
  return { kind: 'run', settings };
}

const WHOLE = /^\d{1,9}$/;

class Reading {
  readonly #given: ReadonlyMap<string, string>;
  readonly #problems: string[];

  constructor(given: ReadonlyMap<string, string>, problems: string[]) {
    this.#given = given;
    this.#problems = problems;
  }

  settings(): Settings {
    const text = (flag: Flag): string => this.#text(flag);
    const file = (flag: Flag): string | undefined => (text(flag) === '' ? undefined : text(flag));
    const pods = text('pods');
    if (!isMode(pods)) this.#problem('pods', 'want disabled, insecure or verified');
    const domain = nameOf(text('domain'));
    if (domain === undefined || !domain.includes('.')) this.#problem('domain', 'want a domain such as cluster.local');
    if (!/^[^/]+\/[^/]+$/.test(text('dns-service'))) this.#problem('dns-service', 'want NAMESPACE/NAME');
    const listen = text('listen')
      .split(',')
      .flatMap((one) => addressOf(one) ?? []);
    if (listen.length !== text('listen').split(',').length)
      this.#problem('listen', 'want addresses with ports, such as 10.0.0.1:53,[fd00::1]:53');
    return {
      kubeconfig: file('kubeconfig'),
      listen,
      domain: domain ?? '',
      ttlSeconds: this.#whole('ttl', 0, 3_600), // as CoreDNS limits it
      pods: isMode(pods) ? pods : 'disabled',
      dnsService: text('dns-service'),
      config: file('config'),
      resolvConf: text('resolv-conf'),
      cacheSeconds: this.#whole('cache-ttl', 0, 86_400),
      cacheSize: this.#whole('cache-size', 0, 10_000_000),
      maxForwards: this.#whole('max-concurrent', 1, 100_000),
      maxTcpConnections: this.#whole('max-tcp-connections', 1, 100_000),
      tcpIdleMs: this.#ms('tcp-idle-timeout'),
      maxUdpBytes: this.#whole('max-udp-size', 512, 65_507),
      lameDuckMs: this.#ms('lame-duck'),
      reloadMs: this.#ms('reload-interval'),
      health: this.#address('health-bind-address'),
      ready: this.#address('ready-bind-address'),
      metrics: this.#address('metrics-bind-address'),
      verbosity: this.#whole('v', 0, 10),
    };
  }

  #text(flag: Flag): string {
    return this.#given.get(flag) ?? FLAGS[flag][0];
  }

  #problem(flag: Flag, want: string): void {
    this.#problems.push(`--${flag}: ${want}, got ${JSON.stringify(this.#text(flag))}`);
  }

  #whole(flag: Flag, least: number, most: number): number {
    const value = Number(this.#text(flag));
    if (!WHOLE.test(this.#text(flag)) || value < least || value > most) this.#problem(flag, `want a whole number from ${least} to ${most}`);
    return value;
  }

  #ms(flag: Flag): number {
    const text = this.#text(flag);
    if (!isDuration(text)) this.#problem(flag, 'want a duration such as 5s');
    return durationMs(text) ?? 0;
  }

  #address(flag: Flag): Address | undefined {
    if (this.#text(flag) === '') return undefined;
    const found = addressOf(this.#text(flag));
    if (found === undefined) this.#problem(flag, 'want an address with a port, such as 0.0.0.0:8080');
    return found;
  }
}

const isMode = (text: string): text is PodsMode => text === 'disabled' || text === 'insecure' || text === 'verified';

/** "10.0.0.1:53", "[fd00::1]:53"; with a port to fall back on, "10.0.0.1" and "fd00::1" too. */
export function addressOf(text: string, defaultPort?: number): Address | undefined {
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text.trim()) ?? [];
  const ip = parseIp(v6 ?? v4 ?? text.trim());
  const number = port === undefined ? defaultPort : Number(port);
  return ip === undefined || number === undefined || number > 65_535 ? undefined : { address: ip.canonical, port: number };
}
