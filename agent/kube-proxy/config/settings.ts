/**
 * What the proxy runs with: the configuration file or the flags, with upstream's defaults under them. Pure.
 *
 * Units: …Ms milliseconds, …Seconds seconds.
 * Throws: AppError CONFIG_INVALID.
 */
import { durationMs } from '#api/formats.ts';
import { formatProblem } from '#api/problem.ts';
import { compile } from '#api/validate.ts';
import { AppError } from '#base/errors.ts';
import { parseCidr, parseIp, type Family } from '../ip.ts';
import type { LocalTraffic, Mode } from '../proxier.ts';
import { DEFAULT_KUBELET_SOCKET, DEFAULT_SERVICES_DIR, type Flags } from './flags.ts';
import { API_VERSION, KIND, kubeProxyConfigurationSchema, type KubeProxyConfiguration } from './kubeProxyConfiguration.ts';
import { checkConfig, isSet, msOf, parseHostPort, type HostPort } from './load.ts';

export interface IpvsSettings {
  readonly scheduler: string;
  readonly excludeCidrs: readonly string[];
  readonly strictArp: boolean;
  /** 0 leaves the kernel's value. */
  readonly tcpTimeoutSeconds: number;
  readonly tcpFinTimeoutSeconds: number;
  readonly udpTimeoutSeconds: number;
}

export interface ConntrackSettings {
  readonly maxPerCore: number;
  readonly min: number;
  readonly tcpEstablishedSeconds: number;
  readonly tcpCloseWaitSeconds: number;
  readonly tcpBeLiberal: boolean;
  readonly udpSeconds: number;
  readonly udpStreamSeconds: number;
}

/** How local traffic is told, before the node's facts are known. */
export type LocalDetection =
  | { readonly kind: 'clusterCidr'; readonly cidrs: Readonly<Partial<Record<Family, string>>> }
  | { readonly kind: 'nodeCidr' }
  | LocalTraffic;

/** Where Services and their endpoints come from. */
export type ServiceSource =
  | { readonly kind: 'directory'; readonly directory: string; readonly kubeletSocket: string }
  | { readonly kind: 'kubeconfig'; readonly file: string }
  /** The service account of the pod the proxy runs in. */
  | { readonly kind: 'inCluster' };

export interface Surroundings {
  /** The environment of a pod with a service account. */
  readonly inPod: boolean;
}

export interface Settings {
  readonly mode: Mode;
  /** Why that mode. */
  readonly modeBecause: string;
  readonly hostnameOverride: string | undefined;
  readonly source: ServiceSource;
  /** Why that source. */
  readonly sourceBecause: string;
  /** URL of the API server, instead of the one in the kubeconfig. */
  readonly master: string | undefined;
  /** Requests a second to the API server; 0: the default, negative: no limit. */
  readonly client: { readonly qps: number; readonly burst: number };
  /** The node's own address as configured; undefined: to be found out. */
  readonly bindAddress: string | undefined;
  readonly healthz: HostPort | undefined;
  readonly metrics: HostPort | undefined;
  readonly socket: string | undefined;
  readonly bindAddressHardFail: boolean;
  readonly masqueradeBit: number;
  readonly masqueradeAll: boolean;
  readonly localhostNodePorts: boolean;
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
  readonly ipvs: IpvsSettings;
  readonly localDetection: LocalDetection;
  /** CIDRs and keywords; empty: the default of the mode. */
  readonly nodePortAddresses: readonly string[];
  readonly oomScoreAdj: number;
  readonly conntrack: ConntrackSettings;
  readonly verbosity: number;
  /** As it was given. */
  readonly configuration: KubeProxyConfiguration;
}

const HEALTHZ_PORT = 10_256;
const METRICS_PORT = 10_249;

export function settingsOf(flags: Flags, file: KubeProxyConfiguration | undefined, { inPod }: Surroundings = { inPod: false }): Settings {
  const config = file ?? flags.fields;
  if (file === undefined) {
    const problems = [...compile(kubeProxyConfigurationSchema)(config), ...checkConfig(config)];
    if (problems.length > 0) throw new AppError('CONFIG_INVALID', problems.map(formatProblem).join('; '));
  }
  const mode: Mode = isSet(config.mode) ? (config.mode as Mode) : 'iptables';
  const ofMode = config[mode] ?? {};
  const rules = mode === 'nftables' ? config.nftables : config.iptables;
  const v6 = (config.bindAddress ?? '').includes(':');
  const bindAddress = parseIp(config.bindAddress ?? '')?.text;
  const address = (text: string | undefined, host: string, port: number): HostPort | undefined =>
    text === '' && file === undefined ? undefined : isSet(text) ? parseHostPort(text ?? '', port) : { host, port };
  return {
    mode,
    modeBecause: isSet(config.mode) ? (file === undefined ? '--proxy-mode says so' : 'the configuration says so') : 'it is the default',
    hostnameOverride: flags.hostnameOverride ?? (isSet(config.hostnameOverride) ? config.hostnameOverride : undefined),
    ...sourceOf(flags, config, inPod),
    master: flags.master,
    client: { qps: config.clientConnection?.qps ?? 0, burst: config.clientConnection?.burst ?? 0 },
    bindAddress: bindAddress === '0.0.0.0' || bindAddress === '::' ? undefined : bindAddress,
    healthz: address(config.healthzBindAddress, v6 ? '::' : '0.0.0.0', HEALTHZ_PORT),
    metrics: address(config.metricsBindAddress, v6 ? '::1' : '127.0.0.1', METRICS_PORT),
    socket: flags.socket,
    bindAddressHardFail: config.bindAddressHardFail ?? false,
    masqueradeBit: rules?.masqueradeBit ?? 14,
    masqueradeAll: rules?.masqueradeAll ?? false,
    localhostNodePorts: mode === 'iptables' && (config.iptables?.localhostNodePorts ?? true),
    minSyncPeriodMs: msOf(ofMode.minSyncPeriod, 1_000),
    syncPeriodMs: msOf(ofMode.syncPeriod, 30_000),
    ipvs: ipvsOf(config),
    localDetection: localDetectionOf(config),
    nodePortAddresses: config.nodePortAddresses ?? [],
    oomScoreAdj: config.oomScoreAdj ?? -999,
    conntrack: conntrackOf(config),
    verbosity: flags.verbosity ?? config.logging?.verbosity ?? 0,
    configuration: config,
  };
}

/**
 * Differs: upstream always needs an API server. Without a kubeconfig, and outside of a pod, services come from a directory here, so that a
 * host without any control plane has them too.
 */
function sourceOf(
  { servicesDir, kubeletSocket = DEFAULT_KUBELET_SOCKET, master }: Flags,
  { clientConnection }: KubeProxyConfiguration,
  inPod: boolean,
): Pick<Settings, 'source' | 'sourceBecause'> {
  const file = clientConnection?.kubeconfig ?? '';
  if (servicesDir !== undefined && (file !== '' || master !== undefined)) {
    const other = file === '' ? '--master' : `the kubeconfig ${file}`;
    throw new AppError('CONFIG_INVALID', `--services-dir and ${other} name two sources of services: leave one of them out`);
  }
  if (file !== '') return { source: { kind: 'kubeconfig', file }, sourceBecause: 'a kubeconfig is given' };
  if (servicesDir === undefined && inPod) return { source: { kind: 'inCluster' }, sourceBecause: 'this is a pod of a cluster' };
  if (master !== undefined) throw new AppError('CONFIG_INVALID', '--master needs --kubeconfig: who is the proxy to be there?');
  return {
    source: { kind: 'directory', directory: servicesDir ?? DEFAULT_SERVICES_DIR, kubeletSocket },
    sourceBecause: servicesDir === undefined ? 'no kubeconfig is given' : '--services-dir says so',
  };
}

function secondsOf(text: string | null | undefined, otherwise: number): number {
  if (text === undefined || text === null) return otherwise;
  return Math.floor((durationMs(text) ?? 0) / 1_000);
}

function ipvsOf({ ipvs }: KubeProxyConfiguration): IpvsSettings {
  return {
    scheduler: isSet(ipvs?.scheduler) ? (ipvs?.scheduler ?? 'rr') : 'rr',
    excludeCidrs: (ipvs?.excludeCIDRs ?? []).flatMap((c) => parseCidr(c)?.text ?? []),
    strictArp: ipvs?.strictARP ?? false,
    tcpTimeoutSeconds: secondsOf(ipvs?.tcpTimeout, 0),
    tcpFinTimeoutSeconds: secondsOf(ipvs?.tcpFinTimeout, 0),
    udpTimeoutSeconds: secondsOf(ipvs?.udpTimeout, 0),
  };
}

function conntrackOf({ conntrack }: KubeProxyConfiguration): ConntrackSettings {
  return {
    maxPerCore: conntrack?.maxPerCore ?? 32_768,
    min: conntrack?.min ?? 131_072,
    tcpEstablishedSeconds: secondsOf(conntrack?.tcpEstablishedTimeout, 86_400),
    tcpCloseWaitSeconds: secondsOf(conntrack?.tcpCloseWaitTimeout, 3_600),
    tcpBeLiberal: conntrack?.tcpBeLiberal ?? false,
    udpSeconds: secondsOf(conntrack?.udpTimeout, 0),
    udpStreamSeconds: secondsOf(conntrack?.udpStreamTimeout, 0),
  };
}

function localDetectionOf({ detectLocalMode, detectLocal, clusterCIDR }: KubeProxyConfiguration): LocalDetection {
  if (detectLocalMode === 'NodeCIDR') return { kind: 'nodeCidr' };
  if (detectLocalMode === 'BridgeInterface') return { kind: 'bridge', name: detectLocal?.bridgeInterface ?? '' };
  if (detectLocalMode === 'InterfaceNamePrefix') return { kind: 'interfacePrefix', prefix: detectLocal?.interfaceNamePrefix ?? '' };
  const cidrs = (clusterCIDR ?? '').split(',').flatMap((c) => parseCidr(c.trim()) ?? []);
  return { kind: 'clusterCidr', cidrs: Object.fromEntries(cidrs.map((c) => [c.family, c.text])) };
}

/** The configuration with everything that counts written out. */
export function defaulted(settings: Settings): Readonly<Record<string, unknown>> {
  const { mode, masqueradeBit, masqueradeAll, localhostNodePorts, conntrack, healthz, metrics, configuration } = settings;
  const address = (at: HostPort | undefined): string =>
    at === undefined ? '' : `${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`;
  const periods = { syncPeriod: `${settings.syncPeriodMs / 1_000}s`, minSyncPeriod: `${settings.minSyncPeriodMs / 1_000}s` };
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    ...configuration,
    mode,
    bindAddress: settings.bindAddress ?? '0.0.0.0',
    healthzBindAddress: address(healthz),
    metricsBindAddress: address(metrics),
    oomScoreAdj: settings.oomScoreAdj,
    ...(mode === 'iptables' ? { iptables: { masqueradeBit, masqueradeAll, localhostNodePorts, ...periods } } : {}),
    ...(mode === 'nftables' ? { nftables: { masqueradeBit, masqueradeAll, ...periods } } : {}),
    ...(mode === 'ipvs' ? { ipvs: { ...configuration.ipvs, scheduler: settings.ipvs.scheduler, ...periods } } : {}),
    conntrack: {
      maxPerCore: conntrack.maxPerCore,
      min: conntrack.min,
      tcpEstablishedTimeout: `${conntrack.tcpEstablishedSeconds}s`,
      tcpCloseWaitTimeout: `${conntrack.tcpCloseWaitSeconds}s`,
      tcpBeLiberal: conntrack.tcpBeLiberal,
      udpTimeout: `${conntrack.udpSeconds}s`,
      udpStreamTimeout: `${conntrack.udpStreamSeconds}s`,
    },
  };
}
