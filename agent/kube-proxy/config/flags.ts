/**
 * The command line of kube-proxy. Pure: text in, options or one clear complaint out.
 *
 * Flags are upstream's and become the fields of a KubeProxyConfiguration. As upstream says of them, most count only without --config;
 * which ones were given in vain is told, so that nothing is ignored silently.
 */
import { parseArgs } from 'node:util';
import { AppError } from '#base/errors.ts';
import type { Draft } from '#api/schema.ts';
import type { KubeProxyConfiguration } from './kubeProxyConfiguration.ts';

type Kind = 'string' | 'int' | 'boolean' | 'list' | 'duration';

/** Flag -> the field it sets. */
const FIELDS: Readonly<Record<string, readonly [kind: Kind, ...path: string[]]>> = {
  'bind-address': ['string', 'bindAddress'],
  'healthz-bind-address': ['string', 'healthzBindAddress'],
  'metrics-bind-address': ['string', 'metricsBindAddress'],
  'bind-address-hard-fail': ['boolean', 'bindAddressHardFail'],
  profiling: ['boolean', 'enableProfiling'],
  'proxy-mode': ['string', 'mode'],
  kubeconfig: ['string', 'clientConnection', 'kubeconfig'],
  'kube-api-content-type': ['string', 'clientConnection', 'contentType'],
  'kube-api-burst': ['int', 'clientConnection', 'burst'],
  'kube-api-qps': ['int', 'clientConnection', 'qps'],
  'iptables-masquerade-bit': ['int', 'iptables', 'masqueradeBit'],
  'masquerade-all': ['boolean', 'iptables', 'masqueradeAll'],
  'iptables-localhost-nodeports': ['boolean', 'iptables', 'localhostNodePorts'],
  'iptables-sync-period': ['duration', 'iptables', 'syncPeriod'],
  'iptables-min-sync-period': ['duration', 'iptables', 'minSyncPeriod'],
  'ipvs-sync-period': ['duration', 'ipvs', 'syncPeriod'],
  'ipvs-min-sync-period': ['duration', 'ipvs', 'minSyncPeriod'],
  'ipvs-scheduler': ['string', 'ipvs', 'scheduler'],
  'ipvs-exclude-cidrs': ['list', 'ipvs', 'excludeCIDRs'],
  'ipvs-strict-arp': ['boolean', 'ipvs', 'strictARP'],
  'ipvs-tcp-timeout': ['duration', 'ipvs', 'tcpTimeout'],
  'ipvs-tcpfin-timeout': ['duration', 'ipvs', 'tcpFinTimeout'],
  'ipvs-udp-timeout': ['duration', 'ipvs', 'udpTimeout'],
  'detect-local-mode': ['string', 'detectLocalMode'],
  'pod-bridge-interface': ['string', 'detectLocal', 'bridgeInterface'],
  'pod-interface-name-prefix': ['string', 'detectLocal', 'interfaceNamePrefix'],
  'cluster-cidr': ['string', 'clusterCIDR'],
  'nodeport-addresses': ['list', 'nodePortAddresses'],
  'oom-score-adj': ['int', 'oomScoreAdj'],
  'conntrack-max-per-core': ['int', 'conntrack', 'maxPerCore'],
  'conntrack-min': ['int', 'conntrack', 'min'],
  'conntrack-tcp-timeout-established': ['duration', 'conntrack', 'tcpEstablishedTimeout'],
  'conntrack-tcp-timeout-close-wait': ['duration', 'conntrack', 'tcpCloseWaitTimeout'],
  'conntrack-tcp-be-liberal': ['boolean', 'conntrack', 'tcpBeLiberal'],
  'conntrack-udp-timeout': ['duration', 'conntrack', 'udpTimeout'],
  'conntrack-udp-timeout-stream': ['duration', 'conntrack', 'udpStreamTimeout'],
  'config-sync-period': ['duration', 'configSyncPeriod'],
  'logging-format': ['string', 'logging', 'format'],
  'show-hidden-metrics-for-version': ['string', 'showHiddenMetricsForVersion'],
};

/** Flags that stand for a field; hostname-override, v and feature-gates do too, in ways of their own. */
export const CONFIG_FLAGS: readonly string[] = Object.keys(FIELDS);

export type Command =
  | { readonly kind: 'run' }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'cleanup' }
  | { readonly kind: 'initOnly' }
  | { readonly kind: 'writeConfig'; readonly file: string }
  | { readonly kind: 'explain'; readonly service: string; readonly output: 'text' | 'json' };

export interface Flags {
  readonly command: Command;
  readonly config: string | undefined;
  readonly hostnameOverride: string | undefined;
  /** Where services come from without an API server; undefined: not said. */
  readonly servicesDir: string | undefined;
  readonly kubeletSocket: string | undefined;
  /** A unix socket that answers as the metrics address does, for root alone. */
  readonly socket: string | undefined;
  /** Address of the API server, instead of the kubeconfig's. */
  readonly master: string | undefined;
  readonly verbosity: number | undefined;
  /** What the flags say of the configuration; empty with --config. */
  readonly fields: KubeProxyConfiguration;
  /** Flags that --config makes meaningless. */
  readonly inVain: readonly string[];
}

export const DEFAULT_SERVICES_DIR = '/etc/kubernetes/services';
export const DEFAULT_KUBELET_SOCKET = '/var/lib/kubelet/kubelet.sock';

const OWN = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  config: { type: 'string' },
  'hostname-override': { type: 'string' },
  'services-dir': { type: 'string' },
  'kubelet-socket': { type: 'string' },
  master: { type: 'string' },
  socket: { type: 'string' },
  cleanup: { type: 'boolean' },
  'init-only': { type: 'boolean' },
  'write-config-to': { type: 'string' },
  explain: { type: 'string' },
  output: { type: 'string', short: 'o' },
  'feature-gates': { type: 'string' },
  'healthz-port': { type: 'string' },
  'metrics-port': { type: 'string' },
  v: { type: 'string', short: 'v' },
} as const;

export const USAGE = `Usage: kube-proxy [flags]

The service proxy of the node: turns Services and EndpointSlices into kernel rules.

      --config FILE                     KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1); most flags count only without it
      --proxy-mode MODE                 iptables (default), ipvs or nftables
      --kubeconfig FILE                 API server to take Services from; in a pod the service account is used without it; elsewhere
                                        they are read from a directory
      --master URL                      address of the API server, instead of the one in the kubeconfig
      --services-dir DIR                Service, Endpoints and EndpointSlice documents (default ${DEFAULT_SERVICES_DIR})
      --kubelet-socket FILE             asked for the pods that the selectors of services match (default ${DEFAULT_KUBELET_SOCKET})
      --hostname-override NAME          name of this node (default: the host's name)
      --bind-address IP                 the node's own address, where it is not to be found out
      --cluster-cidr CIDR[,CIDR]        addresses of pods, for --detect-local-mode=ClusterCIDR
      --detect-local-mode MODE          ClusterCIDR (default), NodeCIDR, BridgeInterface or InterfaceNamePrefix
      --masquerade-all                  masquerade everything sent to cluster IPs
      --nodeport-addresses LIST         CIDRs, or primary, localhost, all (default all; primary in nftables mode)
      --healthz-bind-address IP:PORT    /healthz and /livez (default 0.0.0.0:10256)
      --metrics-bind-address IP:PORT    /metrics, /proxyMode, /configz, /explain (default 127.0.0.1:10249)
      --socket FILE                     answers there too what is asked on the metrics address, to root alone
      --explain NAMESPACE/NAME          say which rules serve a service, and end (-o json for programs)
      --cleanup                         remove every rule of this proxy and end
      --init-only                       set what needs full root, and end
      --write-config-to FILE            write the configuration with its defaults, and end
  -v, --v LEVEL                         0 to 3 say what matters, 4 and more also say every sync
      --version                         print the version and exit
  -h, --help                            print this and exit

More flags, all as in upstream's kube-proxy:
${Object.keys(FIELDS)
  .map((flag) => `      --${flag}`)
  .join('\n')}
`;

export function parseFlags(argv: readonly string[]): Flags {
  const values = parse(argv);
  const config = text(values, 'config');
  const given = Object.keys(FIELDS).filter((flag) => values[flag] !== undefined);
  const others = ['feature-gates', 'healthz-port', 'metrics-port'].filter((flag) => values[flag] !== undefined);
  const fields: Draft<KubeProxyConfiguration> & Record<string, unknown> = {};
  if (config === undefined) {
    for (const flag of given) setField(fields, flag, values[flag]);
    setPorts(fields, values);
    setGates(fields, values['feature-gates']);
  }
  return {
    command: commandOf(values),
    config,
    hostnameOverride: text(values, 'hostname-override'),
    servicesDir: text(values, 'services-dir'),
    kubeletSocket: text(values, 'kubelet-socket'),
    socket: text(values, 'socket'),
    master: text(values, 'master'),
    verbosity: values['v'] === undefined ? undefined : whole('v', values['v']),
    fields,
    inVain: config === undefined ? [] : [...given, ...others],
  };
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function parse(argv: readonly string[]): Values {
  const own: Readonly<Record<string, { readonly type: 'string' | 'boolean'; readonly short?: string }>> = OWN;
  const options = {
    ...own,
    ...Object.fromEntries(
      Object.entries(FIELDS).map(([flag, [kind]]) => [flag, { type: kind === 'boolean' ? 'boolean' : 'string' } as const]),
    ),
  };
  try {
    return parseArgs({ args: argv.flatMap(splitBoolean), options, strict: true, allowPositionals: false, allowNegative: true }).values;
  } catch (err) {
    throw new AppError('FLAG_INVALID', `${(err as Error).message.split('. To specify')[0]}; kube-proxy --help lists the flags`);
  }
}

/** Go's flags take --name=true and --name=false for booleans; false means as if it were not there, which is its default except for one. */
function splitBoolean(arg: string): string[] {
  if (arg.startsWith('-v=')) return [`-${arg}`];
  const [, name = '', value = ''] = /^--([a-z-]+)=(true|false)$/.exec(arg) ?? [];
  const isBoolean = FIELDS[name]?.[0] === 'boolean' || ['cleanup', 'init-only', 'help', 'version'].includes(name);
  if (!isBoolean) return [arg];
  return value === 'true' ? [`--${name}`] : name === 'iptables-localhost-nodeports' ? [`--no-${name}`] : [];
}

function commandOf(values: Values): Command {
  const output = values['output'] ?? 'text';
  if (output !== 'text' && output !== 'json')
    throw new AppError('FLAG_INVALID', `--output: want text or json, got ${JSON.stringify(output)}`);
  const service = text(values, 'explain');
  const file = text(values, 'write-config-to');
  if (values['help'] === true) return { kind: 'help' };
  if (values['version'] === true) return { kind: 'version' };
  if (service !== undefined) return { kind: 'explain', service: service.includes('/') ? service : `default/${service}`, output };
  if (file !== undefined) return { kind: 'writeConfig', file };
  if (values['cleanup'] === true) return { kind: 'cleanup' };
  return values['init-only'] === true ? { kind: 'initOnly' } : { kind: 'run' };
}

function text(values: Values, flag: string): string | undefined {
  const value = values[flag];
  return typeof value === 'string' ? value : undefined;
}

function whole(flag: string, value: unknown): number {
  const n = Number(value);
  if (!Number.isInteger(n) || value === '')
    throw new AppError('FLAG_INVALID', `--${flag}: want a whole number, got ${JSON.stringify(value)}`);
  return n;
}

function setField(fields: Record<string, unknown>, flag: string, given: string | boolean | undefined): void {
  const [kind = 'string', ...path] = FIELDS[flag] ?? [];
  const value =
    kind === 'int'
      ? whole(flag, given)
      : kind === 'list'
        ? String(given)
            .split(',')
            .filter((s) => s !== '')
        : given;
  const last = path.pop() ?? '';
  let at = fields;
  for (const name of path) at = (at[name] ??= {}) as Record<string, unknown>;
  at[last] = value;
}

/** "A=true,B=false". Which gates there are is the configuration's affair. */
function setGates(fields: Draft<KubeProxyConfiguration>, given: string | boolean | undefined): void {
  if (given === undefined) return;
  const gates = String(given)
    .split(',')
    .filter((gate) => gate !== '')
    .map((gate): [string, boolean] => {
      const [, name, value] = /^(\w+)=(true|false)$/.exec(gate.trim()) ?? [];
      if (name === undefined)
        throw new AppError('FLAG_INVALID', `--feature-gates: want NAME=true or NAME=false, got ${JSON.stringify(gate)}`);
      return [name, value === 'true'];
    });
  fields.featureGates = Object.fromEntries(gates);
}

/** The old port flags: 0 switches the server off. */
function setPorts(fields: Draft<KubeProxyConfiguration>, values: Values): void {
  const v6 = (fields.bindAddress ?? '').includes(':');
  const [healthz, metrics] = [values['healthz-port'], values['metrics-port']];
  if (healthz !== undefined)
    fields.healthzBindAddress = whole('healthz-port', healthz) === 0 ? '' : `${v6 ? '[::]' : '0.0.0.0'}:${String(healthz)}`;
  if (metrics !== undefined)
    fields.metricsBindAddress = whole('metrics-port', metrics) === 0 ? '' : `${v6 ? '[::1]' : '127.0.0.1'}:${String(metrics)}`;
}
