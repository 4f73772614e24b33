/**
 * Reads and checks a KubeProxyConfiguration: structure, then rules, every problem with its line. Pure.
 * Throws: AppError CONFIG_INVALID.
 */
import { durationMs } from '#api/formats.ts';
import { formatProblem, type Problem } from '#api/problem.ts';
import { compile } from '#api/validate.ts';
import { locateProblem, readDocuments } from '#api/yamlSource.ts';
import { AppError } from '#base/errors.ts';
import { parseCidr, parseIp } from '../ip.ts';
import { API_VERSION, KIND, kubeProxyConfigurationSchema, type KubeProxyConfiguration } from './kubeProxyConfiguration.ts';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Throws CONFIG_INVALID with every problem the file has. */
export function loadConfig(file: string, bytes: Uint8Array): KubeProxyConfiguration {
  const read = readDocuments(bytes);
  const problems: string[] = [];
  if (read.kind === 'problems') for (const p of read.problems) problems.push(`${file}:${p.line}:${p.column}: ${p.message}`);
  const documents = read.kind === 'documents' ? read.documents : [];
  const [document] = documents;
  if (read.kind === 'documents' && documents.length !== 1) problems.push(`${file}: want one ${KIND} document, got ${documents.length}`);
  const config = (document?.value ?? {}) as KubeProxyConfiguration;
  if (document !== undefined) {
    const structure = compile(kubeProxyConfigurationSchema)(config);
    const rules = structure.length > 0 ? [] : checkConfig(config);
    for (const problem of [...structure, ...identity(config), ...rules]) {
      const { line, column } = locateProblem(document, problem);
      problems.push(`${file}:${line}:${column}: ${formatProblem(problem)}`);
    }
  }
  if (problems.length > 0)
    throw new AppError('CONFIG_INVALID', `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n${problems.join('\n')}`, {
      file,
    });
  return config;
}

function identity({ apiVersion, kind }: KubeProxyConfiguration): Problem[] {
  return [
    ...(apiVersion === API_VERSION
      ? []
      : [invalid(['apiVersion'], apiVersion, `want ${API_VERSION}, got ${JSON.stringify(apiVersion) ?? 'nothing'}`)]),
    ...(kind === KIND ? [] : [invalid(['kind'], kind, `want ${KIND}, got ${JSON.stringify(kind) ?? 'nothing'}`)]),
  ];
}

function invalid(path: readonly (string | number)[], value: unknown, message: string): Problem {
  return { path, kind: 'invalid', message, value };
}

/** Rules beyond the structure, for the file and the flags alike. */
export function checkConfig(config: KubeProxyConfiguration): Problem[] {
  const problems: Problem[] = [];
  const refuse = (path: readonly (string | number)[], value: unknown, want: string): unknown =>
    problems.push(invalid(path, value, `${want}, got ${JSON.stringify(value)}`));
  const unsupported = (path: readonly string[], value: unknown): unknown =>
    problems.push(invalid(path, value, 'this proxy does not honour it: remove it'));

  if (isSet(config.bindAddress) && parseIp(config.bindAddress ?? '') === undefined)
    refuse(['bindAddress'], config.bindAddress, 'want an IP address');
  for (const field of ['healthzBindAddress', 'metricsBindAddress'] as const) {
    if (isSet(config[field]) && parseHostPort(config[field] ?? '', 1) === undefined) refuse([field], config[field], 'want IP:port');
  }
  for (const [path, text] of durations(config)) {
    if (isSet(text) && (durationMs(text ?? '') ?? -1) < 0) refuse(path, text, 'want a duration of 0 or more, such as 30s');
  }
  for (const mode of ['iptables', 'ipvs', 'nftables'] as const) {
    const { syncPeriod, minSyncPeriod } = config[mode] ?? {};
    if (msOf(minSyncPeriod, 1_000) > msOf(syncPeriod, 30_000))
      refuse([mode, 'minSyncPeriod'], minSyncPeriod, 'want no more than syncPeriod');
  }
  checkClusterCidr(config, refuse);
  checkDetectLocal(config, refuse);
  (config.nodePortAddresses ?? []).forEach((text, i) => {
    if (!['primary', 'localhost', 'all'].includes(text) && parseCidr(text) === undefined)
      refuse(['nodePortAddresses', i], text, 'want a CIDR, primary, localhost or all');
  });
  (config.ipvs?.excludeCIDRs ?? []).forEach((text, i) => {
    if (parseCidr(text) === undefined) refuse(['ipvs', 'excludeCIDRs', i], text, 'want a CIDR');
  });
  for (const gate of Object.keys(config.featureGates ?? {})) unsupported(['featureGates', gate], config.featureGates?.[gate]);
  if (config.enableProfiling === true) unsupported(['enableProfiling'], true);
  if (config.windowsRunAsService === true) unsupported(['windowsRunAsService'], true);
  if (isSet(config.portRange)) unsupported(['portRange'], config.portRange);
  if (isSet(config.showHiddenMetricsForVersion)) unsupported(['showHiddenMetricsForVersion'], config.showHiddenMetricsForVersion);
  if (config.logging?.format === 'json') unsupported(['logging', 'format'], 'json');
  if ((config.logging?.vmodule ?? []).length > 0) unsupported(['logging', 'vmodule'], config.logging?.vmodule);
  for (const [field, value] of Object.entries(config.winkernel ?? {}))
    if (value !== '' && value !== false && value !== null) unsupported(['winkernel', field], value);
  return problems;
}

export function isSet(text: string | null | undefined): boolean {
  return text !== undefined && text !== null && text !== '';
}

function durations({
  iptables,
  ipvs,
  nftables,
  conntrack,
  configSyncPeriod,
  logging,
}: KubeProxyConfiguration): [string[], string | undefined][] {
  const of = (name: string, group: object | undefined): [string[], string | undefined][] =>
    Object.entries(group ?? {}).flatMap(([field, value]) => (/(Period|Timeout)$/.test(field) ? [[[name, field], value as string]] : []));
  return [
    ...of('iptables', iptables),
    ...of('ipvs', ipvs),
    ...of('nftables', nftables),
    ...of('conntrack', conntrack),
    [['configSyncPeriod'], configSyncPeriod],
    [['logging', 'flushFrequency'], typeof logging?.flushFrequency === 'string' ? logging.flushFrequency : undefined],
  ];
}

type Refuse = (path: readonly (string | number)[], value: unknown, want: string) => unknown;

function checkClusterCidr({ clusterCIDR }: KubeProxyConfiguration, refuse: Refuse): void {
  if (!isSet(clusterCIDR)) return;
  const cidrs = (clusterCIDR ?? '').split(',').map((c) => parseCidr(c.trim()));
  const families = new Set(cidrs.map((c) => c?.family));
  if (cidrs.includes(undefined) || cidrs.length > 2 || families.size !== cidrs.length) {
    refuse(['clusterCIDR'], clusterCIDR, 'want a CIDR, or an IPv4 and an IPv6 one with a comma between');
  }
}

const INTERFACE = /^[^\s/"!+]{1,15}$/;

function checkDetectLocal({ detectLocalMode, detectLocal }: KubeProxyConfiguration, refuse: Refuse): void {
  const { bridgeInterface = '', interfaceNamePrefix = '' } = detectLocal ?? {};
  if (detectLocalMode === 'BridgeInterface' && !INTERFACE.test(bridgeInterface))
    refuse(['detectLocal', 'bridgeInterface'], bridgeInterface, 'want the name of the bridge of the pods');
  if (detectLocalMode === 'InterfaceNamePrefix' && !INTERFACE.test(interfaceNamePrefix)) {
    refuse(['detectLocal', 'interfaceNamePrefix'], interfaceNamePrefix, 'want what the names of the interfaces of pods start with');
  }
}

/** undefined: not of that form. The port may be left out where a default is given. */
export function parseHostPort(text: string, defaultPort: number): HostPort | undefined {
  const bare = parseIp(text);
  if (bare !== undefined) return { host: bare.text, port: defaultPort };
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, v6, v4 = '', port] = match;
  const ip = parseIp(v6 ?? (v4 === '' ? '0.0.0.0' : v4));
  const number = Number(port);
  return ip === undefined || number < 1 || number > 65_535 ? undefined : { host: ip.text, port: number };
}

/** Zero means: not set. */
export function msOf(text: string | undefined, otherwise: number): number {
  const ms = isSet(text) ? durationMs(text ?? '') : 0;
  return ms === undefined || ms === 0 ? otherwise : ms;
}
