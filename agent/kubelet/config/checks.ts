/**
 * Rules over the honoured fields of KubeletConfiguration that its schema cannot tell. Pure; what has the wrong type is not looked at.
 * Source: the validation of k8s.io/kubernetes pkg/kubelet/apis/config, Kubernetes 1.36 (limits only).
 */
import { durationMs } from '#api/formats.ts';
import { parseCidr, parseIp } from '#api/ip.ts';
import { showValue } from '#api/problem.ts';
import { toBytes } from '#api/quantity.ts';
import { checkResources } from './resourceFields.ts';
import { checkServer } from './serverFields.ts';
import { checkShutdown } from './shutdownFields.ts';
import { isSignal, SIGNALS, valueOf } from '../eviction/thresholds.ts';
import { allowlistProblem, VERIFICATION_POLICIES } from '../images/records/decide.ts';
import { CGROUP_DRIVERS } from '../pods/cgroupNames.ts';
import { notNamespaced } from '../pods/sysctls.ts';

export interface Found {
  readonly path: readonly string[];
  readonly message: string;
}

const SHORTEST_LOG_LOOK_MS = 3_000;
const SHORTEST_RESTART_MS = 1_000;
const LONGEST_RESTART_MS = 300_000;

type Rule = (value: unknown) => string | undefined;

const duration =
  (isGood: (ms: number) => boolean, want: string): Rule =>
  (value) => {
    const ms = typeof value === 'string' ? durationMs(value) : undefined;
    return ms === undefined || isGood(ms) ? undefined : want;
  };
const oneOf =
  (values: readonly string[]): Rule =>
  (v) =>
    typeof v !== 'string' || v === '' || values.includes(v) ? undefined : `want one of ${values.join(', ')}`;
/** Such paths go into names, mounts and control groups as they are. */
const absolute: Rule = (value) =>
  typeof value !== 'string' || value === '' || (value.startsWith('/') && !/\/\.{1,2}(\/|$)|\/\//.test(value))
    ? undefined
    : 'want an absolute path without . and ..';

const RULES: readonly (readonly [path: readonly string[], rule: Rule])[] = [
  [['staticPodPath'], absolute],
  [['podLogsDir'], absolute],
  [['cgroupRoot'], absolute],
  [['resolvConf'], absolute],
  [['fileCheckFrequency'], duration((ms) => ms >= 0, 'want a time above 0')],
  [['runtimeRequestTimeout'], duration((ms) => ms >= 0, 'want a time above 0')],
  [
    ['crashLoopBackOff', 'maxContainerRestartPeriod'],
    duration((ms) => ms >= SHORTEST_RESTART_MS && ms <= LONGEST_RESTART_MS, 'want 1s to 300s'),
  ],
  [['containerLogMaxSize'], (v) => (typeof v !== 'string' || v === '' || sizeOf(v) > 0 ? undefined : 'want a size above 0 such as 10Mi')],
  [['containerLogMaxFiles'], (v) => (typeof v !== 'number' || v > 1 ? undefined : 'want 2 or more')],
  [['containerLogMonitorInterval'], duration((ms) => ms === 0 || ms >= SHORTEST_LOG_LOOK_MS, 'want 3s or more')],
  [['tlsCertFile'], absolute],
  [['tlsPrivateKeyFile'], absolute],
  [['authentication', 'x509', 'clientCAFile'], absolute],
  [['address'], (v) => (typeof v !== 'string' || v === '' || parseIp(v) !== undefined ? undefined : 'want an IP address')],
  [['healthzBindAddress'], (v) => (typeof v !== 'string' || v === '' || parseIp(v) !== undefined ? undefined : 'want an IP address')],
  [
    ['clusterDNS'],
    (v) => (Array.isArray(v) && v.some((ip) => typeof ip === 'string' && parseIp(ip) === undefined) ? 'want IP addresses' : undefined),
  ],
  [
    ['allowedUnsafeSysctls'],
    (v) => {
      const bad = notNamespaced(Array.isArray(v) ? v.filter((name) => typeof name === 'string') : []);
      return bad.length === 0 ? undefined : `${bad.join(', ')}: such settings belong to the whole machine, pods cannot have them`;
    },
  ],
  [['syncFrequency'], duration((ms) => ms >= 0, 'want a time above 0')],
  [['httpCheckFrequency'], duration((ms) => ms >= 0, 'want a time above 0')],
  [['oomScoreAdj'], (v) => (typeof v !== 'number' || (v >= -1_000 && v <= 1_000) ? undefined : 'want -1000 to 1000')],
  [['nodeStatusMaxImages'], (v) => (typeof v !== 'number' || v >= -1 ? undefined : 'want a number of images, or -1 for all')],
  [
    ['podCIDR'],
    (v) =>
      typeof v !== 'string' || v === '' || v.split(',').every((c) => parseCidr(c) !== undefined)
        ? undefined
        : 'want a network such as 10.244.0.0/24',
  ],
  [['staticPodURL'], (v) => (typeof v !== 'string' || v === '' || isHttpUrl(v) ? undefined : 'want http://… or https://…')],
  [
    ['logging', 'format'],
    (v) =>
      typeof v !== 'string' || v === '' || v === 'text' ? undefined : 'want "text": the journal keeps the fields of each line as they are',
  ],
  ...['text', 'json'].flatMap((format): [string[], (value: unknown) => string | undefined][] => [
    [['logging', 'options', format, 'splitStream'], (v) => (v === true ? 'all lines go to one place: want false' : undefined)],
    [
      ['logging', 'options', format, 'infoBufferSize'],
      (v) => (typeof v !== 'string' || v === '' || sizeOf(v) === 0 ? undefined : 'each line is written at once: want "0"'),
    ],
  ]),
  [
    ['logging', 'vmodule'],
    (v) => (Array.isArray(v) && v.length > 0 ? 'there are no verbosities per file: set logging.verbosity' : undefined),
  ],
  [['podPidsLimit'], (v) => (typeof v !== 'number' || v >= -1 ? undefined : 'want a number of processes, or -1 for no limit')],
  [['cgroupDriver'], oneOf(CGROUP_DRIVERS)],
  [['imagePullCredentialsVerificationPolicy'], oneOf(VERIFICATION_POLICIES)],
  [
    ['preloadedImagesVerificationAllowlist'],
    (v) =>
      Array.isArray(v) ? v.map((e) => (typeof e === 'string' ? allowlistProblem(e) : undefined)).find((p) => p !== undefined) : undefined,
  ],
  [
    ['logging', 'flushFrequency'],
    (v) =>
      v === undefined || v === null || v === '' || (typeof v === 'number' ? v >= 0 : typeof v === 'string' && (durationMs(v) ?? -1) >= 0)
        ? undefined
        : 'want a time such as 5s, or nanoseconds',
  ],
];

/** Signals and values of the eviction settings. */
function checkEviction(config: Readonly<Record<string, unknown>>): Found[] {
  const found: Found[] = [];
  for (const field of ['evictionHard', 'evictionSoft', 'evictionSoftGracePeriod', 'evictionMinimumReclaim']) {
    const value = config[field];
    if (typeof value !== 'object' || value === null) continue;
    for (const [signal, text] of Object.entries(value)) {
      const invalid = (what: string): void =>
        void found.push({ path: [field, signal], message: `Invalid value: ${showValue(text)}: ${what}` });
      if (!isSignal(signal)) found.push({ path: [field, signal], message: `unknown signal: want one of ${SIGNALS.join(', ')}` });
      else if (typeof text !== 'string') continue;
      else if (field === 'evictionSoftGracePeriod') {
        if (!((durationMs(text) ?? -1) >= 0)) invalid('want a duration');
      } else if (valueOf(text) === undefined) invalid('want a quantity, or a percentage up to 100%');
    }
  }
  const soft = config['evictionSoft'];
  const grace = config['evictionSoftGracePeriod'];
  for (const signal of typeof soft === 'object' && soft !== null ? Object.keys(soft) : [])
    if (typeof grace !== 'object' || grace === null || !Object.hasOwn(grace, signal))
      found.push({ path: ['evictionSoft', signal], message: 'needs a grace period of the same signal in evictionSoftGracePeriod' });
  return found;
}

/** Bytes of "10Mi"; NaN for what is no size. */
export function sizeOf(text: string): number {
  try {
    return toBytes(text);
  } catch {
    return Number.NaN;
  }
}

export function checkHonoured(config: Readonly<Record<string, unknown>>): Found[] {
  const found = RULES.flatMap(([path, rule]): Found[] => {
    const value = valueAt(config, path);
    const want = rule(value);
    return want === undefined ? [] : [{ path, message: `Invalid value: ${showValue(value)}: ${want}` }];
  });
  const pulls = config['maxParallelImagePulls'];
  if (config['serializeImagePulls'] === true && typeof pulls === 'number' && pulls > 1)
    found.push({ path: ['maxParallelImagePulls'], message: `Invalid value: ${pulls}: want 1, or serializeImagePulls: false` });
  const allowed = config['preloadedImagesVerificationAllowlist'];
  if (Array.isArray(allowed) && allowed.length > 0 && config['imagePullCredentialsVerificationPolicy'] !== 'NeverVerifyAllowlistedImages')
    found.push({
      path: ['preloadedImagesVerificationAllowlist'],
      message: 'is for imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages alone',
    });
  const [high, low] = [config['imageGCHighThresholdPercent'] ?? 85, config['imageGCLowThresholdPercent'] ?? 80];
  if (typeof high === 'number' && typeof low === 'number' && low >= high)
    found.push({
      path: ['imageGCLowThresholdPercent'],
      message: `Invalid value: ${low}: want less than imageGCHighThresholdPercent, which is ${high}`,
    });
  return [...found, ...checkServer(config), ...checkResources(config), ...checkShutdown(config), ...checkEviction(config)];
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function valueAt(config: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let value: unknown = config;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}
