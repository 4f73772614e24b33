/**
 * What the kubelet runs with: the configuration file, the flags over it, defaults under it. Pure.
 * Every problem of the file is collected and told at once, with its place.
 * Throws: AppError CONFIG_INVALID.
 */
import { join } from 'node:path';
import { applyDefaults } from '#api/defaults.ts';
import { durationMs } from '#api/formats.ts';
import type { Draft } from '#api/schema.ts';
import { AppError } from '#base/errors.ts';
import { thresholdsOf, type Threshold } from '../eviction/thresholds.ts';
import type { GcRules } from '../images/gc.ts';
import { VERIFICATION_POLICIES, type Verification } from '../images/records/decide.ts';
import { CgroupNames } from '../pods/cgroupNames.ts';
import type { DeadContainers } from '../pods/plan.ts';
import type { CrashBackoff } from '../pods/restart.ts';
import type { RotationOptions } from '../logs/act.ts';
import type { ShutdownPeriod } from '../shutdown/plan.ts';
import { sizeOf } from './checks.ts';
import { clusterSettings, type ClusterSettings } from './clusterFields.ts';
import type { Flags } from './flags.ts';
import { kubeletConfigurationSchema, type KubeletConfiguration } from './kubeletConfiguration.ts';
import { merge, mergeConfig, readLayer } from './layers.ts';
import { resourceSettings, type ResourceSettings } from './resourceFields.ts';
import { serverSettings, type ServerSettings } from './serverFields.ts';
import { shutdownSettings } from './shutdownFields.ts';

export interface StaticPodUrl {
  readonly url: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly everyMs: number;
}

export interface Settings {
  readonly server: ServerSettings;
  readonly certDir: string;
  readonly logRotation: RotationOptions;
  /** The API server that the kubelet joins; undefined: it stands alone. */
  readonly kubeconfig: string | undefined;
  readonly bootstrapKubeconfig: string | undefined;
  readonly cluster: ClusterSettings;
  readonly mostImages: number;
  /** What /configz shows: the file with the defaults, without secrets. */
  readonly configz: unknown;
  /** undefined: no directory is read. */
  readonly staticPodPath: string | undefined;
  readonly staticPodUrl: StaticPodUrl | undefined;
  readonly syncFrequencyMs: number;
  readonly containerGc: DeadContainers;
  readonly oomScoreAdj: number;
  /** What has to be so, or the kubelet does not start. */
  readonly demands: { readonly swapOff: boolean; readonly cgroupV2: boolean; readonly kernelDefaults: boolean };
  readonly podCidr: string | undefined;
  /** Empty: found out. */
  readonly nodeIps: readonly string[];
  readonly verbosity: number;
  readonly podLogsDir: string;
  readonly rootDir: string;
  readonly hostnameOverride: string | undefined;
  readonly containerRuntimeEndpoint: string;
  readonly runtimeRequestTimeoutMs: number;
  readonly fileCheckFrequencyMs: number;
  readonly cgroupNames: CgroupNames;
  readonly resolvConf: string;
  readonly healthz: { readonly host: string; readonly port: number };
  readonly podPidsLimit: number | undefined;
  readonly maxParallelImagePulls: number;
  readonly registryPulls: { readonly qps: number; readonly burst: number };
  readonly pullVerification: Verification;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly seccompDefault: boolean;
  readonly allowedUnsafeSysctls: readonly string[];
  readonly crashBackoff: CrashBackoff;
  readonly maxPods: number;
  readonly podsPerCore: number;
  readonly resources: ResourceSettings;
  readonly shutdown: readonly ShutdownPeriod[];
  readonly imageGc: GcRules;
  readonly eviction: {
    readonly thresholds: readonly Threshold[];
    readonly transitionMs: number;
    readonly maxGraceMs: number;
  };
}

const CRASH_BASE_MS = 10_000;
/** Images are big and disks are not: without a limit in the file, so many at once. */
const PULLS_AT_ONCE = 5;

/** Throws CONFIG_INVALID with every problem the file has. */
export function loadConfig(file: string, bytes: Uint8Array): KubeletConfiguration {
  return mergeConfig([readLayer(file, bytes)]);
}

export function settingsOf(flags: Flags, given: KubeletConfiguration): Settings {
  const asked = merge(given, flags.fields) as KubeletConfiguration;
  const config = withoutNulls(asked) as Draft<KubeletConfiguration>;
  applyDefaults(kubeletConfigurationSchema, config as never);
  const staticPodPath = config.staticPodPath || undefined;
  const staticPodUrl = config.staticPodURL || undefined;
  if (flags.bootstrapKubeconfig !== undefined && flags.kubeconfig === undefined)
    throw new AppError('FLAG_INVALID', '--bootstrap-kubeconfig: says how to get --kubeconfig: pass the file that is to be written too');
  if (staticPodPath === undefined && staticPodUrl === undefined && flags.kubeconfig === undefined) {
    throw new AppError(
      'CONFIG_INVALID',
      'no source of pods: set staticPodPath in the configuration file or pass --pod-manifest-path, or join an API server with --kubeconfig',
    );
  }
  /** Zero is unset, as upstream. */
  const ms = (text: string | undefined, otherwise: number): number => durationMs(text ?? '') || otherwise;
  return {
    server: serverSettings(config),
    configz: withoutSecrets(config),
    logRotation: {
      maxBytes: sizeOf(config.containerLogMaxSize ?? '10Mi'),
      maxFiles: config.containerLogMaxFiles ?? 5,
      workers: config.containerLogMaxWorkers ?? 1,
      everyMs: ms(config.containerLogMonitorInterval, 10_000),
    },
    kubeconfig: flags.kubeconfig,
    bootstrapKubeconfig: flags.bootstrapKubeconfig,
    cluster: clusterSettings(config, asked, flags.nodeLabels),
    mostImages: config.nodeStatusMaxImages === -1 ? Infinity : (config.nodeStatusMaxImages ?? 50),
    certDir: flags.certDir ?? join(flags.rootDir, 'pki'),
    staticPodPath,
    podLogsDir: config.podLogsDir ?? '/var/log/pods',
    rootDir: flags.rootDir,
    hostnameOverride: flags.hostnameOverride,
    containerRuntimeEndpoint: config.containerRuntimeEndpoint || 'unix:///run/containerd/containerd.sock',
    runtimeRequestTimeoutMs: ms(config.runtimeRequestTimeout, 120_000),
    fileCheckFrequencyMs: ms(config.fileCheckFrequency, 20_000),
    cgroupNames: new CgroupNames(config.cgroupRoot ?? '/', config.cgroupDriver === 'systemd' ? 'systemd' : 'cgroupfs'),
    resolvConf: asked.resolvConf === '' ? '' : (config.resolvConf ?? '/etc/resolv.conf'), // empty: pods get no DNS servers of the node
    healthz: { host: config.healthzBindAddress ?? '127.0.0.1', port: config.healthzPort ?? 10_248 },
    podPidsLimit: config.podPidsLimit,
    maxParallelImagePulls: config.maxParallelImagePulls ?? (asked.serializeImagePulls === false ? PULLS_AT_ONCE : 1),
    registryPulls: { qps: config.registryPullQPS ?? 5, burst: config.registryBurst ?? 10 },
    pullVerification: {
      policy: VERIFICATION_POLICIES.find((p) => p === config.imagePullCredentialsVerificationPolicy) ?? 'NeverVerifyPreloadedImages',
      allowlist: config.preloadedImagesVerificationAllowlist ?? [],
    },
    maxPods: config.maxPods ?? 110,
    podsPerCore: config.podsPerCore ?? 0,
    resources: resourceSettings(config),
    shutdown: shutdownSettings(config),
    imageGc: {
      highPercent: config.imageGCHighThresholdPercent ?? 85,
      lowPercent: config.imageGCLowThresholdPercent ?? 80,
      minAgeMs: ms(config.imageMinimumGCAge, 120_000),
      maxAgeMs: ms(config.imageMaximumGCAge, 0),
    },
    eviction: {
      thresholds: thresholdsOf(asked),
      transitionMs: ms(config.evictionPressureTransitionPeriod, 300_000),
      maxGraceMs: (config.evictionMaxPodGracePeriod ?? 0) * 1_000,
    },
    clusterDns: config.clusterDNS ?? [],
    clusterDomain: config.clusterDomain ?? '',
    seccompDefault: config.seccompDefault ?? false,
    allowedUnsafeSysctls: config.allowedUnsafeSysctls ?? [],
    containerGc: flags.containerGc,
    syncFrequencyMs: ms(config.syncFrequency, 60_000),
    staticPodUrl:
      staticPodUrl === undefined
        ? undefined
        : { url: staticPodUrl, headers: config.staticPodURLHeader ?? {}, everyMs: ms(config.httpCheckFrequency, 20_000) },
    oomScoreAdj: config.oomScoreAdj ?? -999,
    demands: {
      swapOff: config.failSwapOn ?? true,
      cgroupV2: config.failCgroupV1 ?? false,
      kernelDefaults: config.protectKernelDefaults ?? false,
    },
    podCidr: config.podCIDR || undefined,
    nodeIps: flags.nodeIps,
    verbosity: flags.verbosity ?? config.logging?.verbosity ?? 0,
    crashBackoff: crashBackoff(ms(config.crashLoopBackOff?.maxContainerRestartPeriod, 300_000)),
  };
}

/** A cap below the usual first delay lowers that delay too. */
function crashBackoff(maxMs: number): CrashBackoff {
  return { baseMs: Math.min(CRASH_BASE_MS, maxMs), maxMs };
}

/** A copy in which null is absent, as in Go. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== null)
      .map(([k, v]) => [k, withoutNulls(v)]),
  );
}

/** Headers of staticPodURL may hold a password. */
function withoutSecrets(config: Readonly<Record<string, unknown>>): unknown {
  const headers = config['staticPodURLHeader'];
  if (typeof headers !== 'object' || headers === null) return config;
  return { ...config, staticPodURLHeader: Object.fromEntries(Object.keys(headers).map((name) => [name, ['<masked>']])) };
}
