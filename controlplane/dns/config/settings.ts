/**
 * What kube-dns is asked to do. Pure. Throws: SETTINGS_INVALID with everything that is wrong.
 * Differs: upstream has no program of this name any more; flags are named as other components and CoreDNS' plugins name the same things.
 */
import { parseIp } from '#api/ip.ts';
import type { PodsMode } from '../answer.ts';
import { honoured } from '../../component/flagRows.ts';
import type { FlagValues, ProgramFlags } from '../../component/flags.ts';
import { Problems } from '../../component/settings.ts';
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

export const PROGRAM: ProgramFlags = {
  program: 'kube-dns',
  about: "Cluster DNS: answers for Services, EndpointSlices and pods, and forwards what is not the cluster's.",
  table: {
    kubeconfig: honoured('string', '', 'how to reach the API server; without it, by the service account of the pod'),
    listen: honoured('list', '0.0.0.0:53', 'addresses with ports for UDP and TCP, with commas'),
    domain: honoured('string', 'cluster.local', 'the domain of the cluster'),
    ttl: honoured('int', '5', 'seconds that answers about the cluster may be kept'),
    pods: honoured('string', 'insecure', 'names of pods by address: disabled, insecure (any address), verified (of pods that are there)'),
    'dns-service': honoured('string', 'kube-system/kube-dns', 'the Service that leads here; its address is that of ns.dns.DOMAIN'),
    config: honoured('string', '', 'file with stubDomains and upstreamNameservers, read again when it changes'),
    'resolv-conf': honoured('string', '/etc/resolv.conf', 'upstream servers, where --config names none; read again when it changes'),
    'cache-ttl': honoured('int', '30', 'seconds that answers of upstream servers are kept at most; 0: not at all'),
    'cache-size': honoured('int', '10000', 'answers that are kept at most, of the cluster and of upstream servers each'),
    'max-concurrent': honoured('int', '1000', 'questions to upstream servers at once; more are refused'),
    'max-tcp-connections': honoured('int', '1000', 'open connections of clients'),
    'tcp-idle-timeout': honoured('duration', '10s', 'a connection that says nothing for so long is closed'),
    'max-udp-size': honoured('int', '1232', 'bytes of an answer over UDP at most, whatever the client says it can take'),
    'lame-duck': honoured('duration', '5s', 'after SIGTERM: goes on for so long, while /ready says no'),
    'reload-interval': honoured('duration', '10s', 'how often the two files are looked at'),
    'health-bind-address': honoured('string', '0.0.0.0:8080', 'where /health is; empty: nowhere'),
    'ready-bind-address': honoured('string', '0.0.0.0:8181', 'where /ready is; empty: nowhere'),
    'metrics-bind-address': honoured('string', '0.0.0.0:9153', 'where /metrics is; empty: nowhere'),
    v: honoured('int', '0', 'from 4 on more is logged'),
  },
};

export function settingsOf(values: FlagValues): Settings {
  const problems = new Problems();
  const text = (flag: string): string => values.text(flag) ?? '';
  const wrong = (flag: string, want: string): string => `--${flag}: want ${want}, got ${JSON.stringify(text(flag))}`;
  const whole = (flag: string, ...range: readonly [number, number]): number => problems.between(values, flag, range);
  const address = (flag: string): Address | undefined => {
    const found = addressOf(text(flag));
    problems.check(text(flag) === '' || found !== undefined, wrong(flag, 'an address with a port, such as 0.0.0.0:8080'), 0);
    return found;
  };
  const pods = text('pods');
  problems.check(isMode(pods), wrong('pods', 'disabled, insecure or verified'), 0);
  const domain = nameOf(text('domain'));
  problems.check(domain?.includes('.') === true, wrong('domain', 'a domain such as cluster.local'), 0);
  problems.check(/^[^/]+\/[^/]+$/.test(text('dns-service')), wrong('dns-service', 'NAMESPACE/NAME'), 0);
  const given = values.list('listen');
  const listen = given.flatMap((one) => addressOf(one) ?? []);
  problems.check(
    listen.length > 0 && listen.length === given.length,
    wrong('listen', 'addresses with ports, such as 10.0.0.1:53,[fd00::1]:53'),
    0,
  );
  const settings: Settings = {
    kubeconfig: values.file('kubeconfig'),
    listen,
    domain: domain ?? '',
    ttlSeconds: whole('ttl', 0, 3_600), // as CoreDNS limits it
    pods: isMode(pods) ? pods : 'disabled',
    dnsService: text('dns-service'),
    config: values.file('config'),
    resolvConf: text('resolv-conf'),
    cacheSeconds: whole('cache-ttl', 0, 86_400),
    cacheSize: whole('cache-size', 0, 10_000_000),
    maxForwards: whole('max-concurrent', 1, 100_000),
    maxTcpConnections: whole('max-tcp-connections', 1, 100_000),
    tcpIdleMs: problems.positiveMs(values, 'tcp-idle-timeout'),
    maxUdpBytes: whole('max-udp-size', 512, 65_507),
    lameDuckMs: values.ms('lame-duck'),
    reloadMs: problems.positiveMs(values, 'reload-interval'),
    health: address('health-bind-address'),
    ready: address('ready-bind-address'),
    metrics: address('metrics-bind-address'),
    verbosity: whole('v', 0, 10),
  };
  problems.throwIfAny();
  return settings;
}

const isMode = (text: string): text is PodsMode => text === 'disabled' || text === 'insecure' || text === 'verified';

/** "10.0.0.1:53", "[fd00::1]:53"; with a port to fall back on, "10.0.0.1" and "fd00::1" too. */
export function addressOf(text: string, defaultPort?: number): Address | undefined {
  const [, v6, v4, port] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text.trim()) ?? [];
  const ip = parseIp(v6 ?? v4 ?? text.trim());
  const number = port === undefined ? defaultPort : Number(port);
  return ip === undefined || number === undefined || number > 65_535 ? undefined : { address: ip.canonical, port: number };
}
