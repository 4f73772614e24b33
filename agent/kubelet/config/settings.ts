/**
 * What the kubelet runs with: the configuration file, the flags over it, defaults under it. Pure.
 * Every problem of the file is collected and told at once, with its place.
 * Throws: AppError CONFIG_INVALID.
 */
import { join } from 'node:path';
import { applyDefaults } from '#api/defaults.ts';
import { durationMs } from '#api/formats.ts';
import type { Draft } from '#api/schema.ts';
import { formatProblem } from '#api/problem.ts';
import { compile } from '#api/validate.ts';
import { locateProblem, readDocuments, type Position, type SourceDocument } from '#api/yamlSource.ts';
import { AppError } from '#base/errors.ts';
import { thresholdsOf, type Threshold } from '../eviction/thresholds.ts';
import type { GcRules } from '../images/gc.ts';
import type { CrashBackoff } from '../pods/restart.ts';
import type { RotationOptions } from '../logs/act.ts';
import { checkHonoured, sizeOf } from './checks.ts';
import { clusterSettings, type ClusterSettings } from './clusterFields.ts';
import type { Flags } from './flags.ts';
import { API_VERSION, KIND, kubeletConfigurationSchema, notHonouredYet, type KubeletConfiguration } from './kubeletConfiguration.ts';
import { serverSettings, type ServerSettings } from './serverFields.ts';

export interface Settings {
  readonly server: ServerSettings;
  readonly certDir: string;
  readonly logRotation: RotationOptions;
  /** The API server that the kubelet joins; undefined: it stands alone. */
  readonly kubeconfig: string | undefined;
  readonly cluster: ClusterSettings;
  readonly mostImages: number;
  /** What /configz shows: the file with the defaults, without secrets. */
  readonly configz: unknown;
  /** undefined: no static pods. */
  readonly staticPodPath: string | undefined;
  readonly podLogsDir: string;
  readonly rootDir: string;
  readonly hostnameOverride: string | undefined;
  readonly containerRuntimeEndpoint: string;
  readonly runtimeRequestTimeoutMs: number;
  readonly fileCheckFrequencyMs: number;
  readonly cgroupRoot: string;
  readonly resolvConf: string;
  readonly healthz: { readonly host: string; readonly port: number };
  readonly podPidsLimit: number | undefined;
  readonly maxParallelImagePulls: number;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly seccompDefault: boolean;
  readonly allowedUnsafeSysctls: readonly string[];
  readonly crashBackoff: CrashBackoff;
  readonly maxPods: number;
  readonly podsPerCore: number;
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
  const read = readDocuments(bytes);
  const problems = read.kind === 'problems' ? read.problems.map((p) => `${file}:${p.line}:${p.column}: ${p.message}`) : [];
  const [document, more] = read.kind === 'documents' ? read.documents : [];
  if (read.kind === 'documents' && (document === undefined || more !== undefined))
    problems.push(`${file}: want one ${KIND} document, got ${read.documents.length}`);
  if (document !== undefined) problems.push(...problemsOf(file, document));
  if (problems.length > 0)
    throw new AppError('CONFIG_INVALID', `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n${problems.join('\n')}`, {
      file,
    });
  return document?.value ?? {};
}

function problemsOf(file: string, document: SourceDocument): string[] {
  const { value } = document;
  const at = ({ line, column }: Position, text: string): string => `${file}:${line}:${column}: ${text}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [at(document.locate([]), `want an object with apiVersion ${API_VERSION} and kind ${KIND}`)];
  const config = value as Readonly<Record<string, unknown>>;
  const heads = [
    ['apiVersion', API_VERSION],
    ['kind', KIND],
  ] as const;
  return [
    ...heads
      .filter(([field, want]) => config[field] !== want)
      .map(([field, want]) => at(document.locate([field]), `${field}: want ${want}, got ${JSON.stringify(config[field]) ?? 'nothing'}`)),
    ...compile(kubeletConfigurationSchema)(config)
      .filter((p) => !heads.some(([field]) => p.path[0] === field))
      .map((p) => at(locateProblem(document, p), formatProblem(p))),
    ...checkHonoured(config).map(({ path, message }) => at(document.locate(path), `${path.join('.')}: ${message}`)),
    ...notHonouredYet(config).map(({ field, harmless }) => {
      const instead = harmless === undefined ? '' : `, or set it to ${JSON.stringify(harmless)}`;
      return at(document.locate([field], 'key'), `${field}: this kubelet does not honour it yet: remove it${instead}`);
    }),
  ];
}

export function settingsOf(flags: Flags, given: KubeletConfiguration): Settings {
  const config = withoutNulls(given) as Draft<KubeletConfiguration>;
  applyDefaults(kubeletConfigurationSchema, config as never);
  const staticPodPath = (flags.podManifestPath ?? config.staticPodPath) || undefined;
  if (staticPodPath === undefined && flags.kubeconfig === undefined) {
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
    cluster: clusterSettings(config, given, flags.nodeLabels),
    mostImages: config.nodeStatusMaxImages === -1 ? Infinity : (config.nodeStatusMaxImages ?? 50),
    certDir: flags.certDir ?? join(flags.rootDir, 'pki'),
    staticPodPath,
    podLogsDir: config.podLogsDir ?? '/var/log/pods',
    rootDir: flags.rootDir,
    hostnameOverride: flags.hostnameOverride,
    containerRuntimeEndpoint: flags.containerRuntimeEndpoint ?? config.containerRuntimeEndpoint ?? 'unix:///run/containerd/containerd.sock',
    runtimeRequestTimeoutMs: ms(config.runtimeRequestTimeout, 120_000),
    fileCheckFrequencyMs: ms(config.fileCheckFrequency, 20_000),
    cgroupRoot: config.cgroupRoot ?? '/',
    resolvConf: given.resolvConf === '' ? '' : (config.resolvConf ?? '/etc/resolv.conf'), // empty: pods get no DNS servers of the node
    healthz: { host: config.healthzBindAddress ?? '127.0.0.1', port: config.healthzPort ?? 10_248 },
    podPidsLimit: config.podPidsLimit,
    maxParallelImagePulls: config.maxParallelImagePulls ?? (given.serializeImagePulls === false ? PULLS_AT_ONCE : 1),
    maxPods: config.maxPods ?? 110,
    podsPerCore: config.podsPerCore ?? 0,
    imageGc: {
      highPercent: config.imageGCHighThresholdPercent ?? 85,
      lowPercent: config.imageGCLowThresholdPercent ?? 80,
      minAgeMs: ms(config.imageMinimumGCAge, 120_000),
      maxAgeMs: ms(config.imageMaximumGCAge, 0),
    },
    eviction: {
      thresholds: thresholdsOf(given),
      transitionMs: ms(config.evictionPressureTransitionPeriod, 300_000),
      maxGraceMs: (config.evictionMaxPodGracePeriod ?? 0) * 1_000,
    },
    clusterDns: config.clusterDNS ?? [],
    clusterDomain: config.clusterDomain ?? '',
    seccompDefault: config.seccompDefault ?? false,
    allowedUnsafeSysctls: config.allowedUnsafeSysctls ?? [],
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
