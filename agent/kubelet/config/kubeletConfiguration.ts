/**
 * KubeletConfiguration v1beta1: every field it has, and what this kubelet does with each. Pure.
 *
 * A field that is not honoured is refused by name when it is set to anything but a value that asks for nothing.
 * Source: k8s.io/kubelet config/v1beta1 of Kubernetes 1.36 (names, types and defaults).
 */
import { durationMs } from '#api/formats.ts';
import { anyObject, boolean, duration, int32, int64, list, map, number, object, string, type Fields, type Static } from '#api/schema.ts';
import { clusterFields } from './clusterFields.ts';
import { serverFields } from './serverFields.ts';
import { podFields } from './podFields.ts';

const honoured = {
  staticPodPath: string('Directory of static pod manifests'),
  podLogsDir: string('Directory of the containers’ log files', { default: '/var/log/pods' }),
  fileCheckFrequency: duration('How often the manifest directory is read in full', { default: '20s' }),
  containerRuntimeEndpoint: string('Socket of the container runtime', { default: 'unix:///run/containerd/containerd.sock' }),
  runtimeRequestTimeout: duration('Deadline of calls to the runtime', { default: '2m0s' }),
  cgroupRoot: string('Control group above kubepods', { default: '/' }),
  cgroupDriver: string('How control groups are made', { default: 'cgroupfs' }),
  resolvConf: string('Where the node’s DNS servers stand', { default: '/etc/resolv.conf' }),
  healthzPort: int32('Port of /healthz; 0 switches it off', { default: 10_248, minimum: 0, maximum: 65_535 }),
  healthzBindAddress: string('Address of /healthz', { default: '127.0.0.1' }),
  podPidsLimit: int64('Most processes in a pod; -1 for no limit', { default: -1 }),
  serializeImagePulls: boolean('One image pull at a time', { default: true }),
  maxParallelImagePulls: int32('Most image pulls at once when they are not serialised', { minimum: 1 }),
  maxPods: int32('Most pods on the node', { default: 110, minimum: 0 }),
  podsPerCore: int32('Most pods for each core, if that is fewer; 0 for no such limit', { default: 0, minimum: 0 }),
  imageMinimumGCAge: duration('An image younger than this is not removed', { default: '2m0s' }),
  imageMaximumGCAge: duration('An image unused for longer is removed; 0 for never', { default: '0s' }),
  imageGCHighThresholdPercent: int32('Disk use from which on images are removed; 100 for never', { default: 85, minimum: 0, maximum: 100 }),
  imageGCLowThresholdPercent: int32('Disk use down to which they are', { default: 80, minimum: 0, maximum: 100 }),
  evictionHard: map(string(), 'Below these a pod is evicted at once; in the file, it replaces the defaults'),
  evictionSoft: map(string(), 'Below these for their grace period a pod is evicted'),
  evictionSoftGracePeriod: map(string(), 'Grace period of each signal of evictionSoft'),
  evictionPressureTransitionPeriod: duration('How long a condition stays after its cause', { default: '5m0s' }),
  evictionMaxPodGracePeriod: int32('Longest time in seconds that a softly evicted pod gets', { default: 0, minimum: 0 }),
  evictionMinimumReclaim: map(string(), 'How much above a threshold has to be won back'),
  mergeDefaultEvictionSettings: boolean('Keep the defaults of evictionHard that the file does not name', { default: false }),
  crashLoopBackOff: object('io.k8s.kubelet.config.v1beta1.CrashLoopBackOffConfig', {
    maxContainerRestartPeriod: duration('Longest delay between restarts, 1s to 300s', { default: '5m0s' }),
  }),
  containerLogMaxSize: string('Size at which a container’s log is put aside', { default: '10Mi' }),
  containerLogMaxFiles: int32('Most files of a container’s log, 2 or more; older ones are removed', { default: 5 }),
  containerLogMaxWorkers: int32('Logs that are put aside at once', { default: 1, minimum: 1 }),
  containerLogMonitorInterval: duration('How often the sizes of logs are looked at, 3s or more', { default: '10s' }),
  ...serverFields,
  ...podFields,
  ...clusterFields,
} satisfies Fields;

/**
 * Known, not honoured yet. The value given here asks for nothing more than what happens anyway, so it is let through:
 * for a number or a time that is no pointer upstream, zero is the same as unset.
 */
const strings = list(string());
const later = {
  syncFrequency: [duration(), '0s'],
  httpCheckFrequency: [duration(), '0s'],
  staticPodURL: [string(), ''],
  staticPodURLHeader: [map(strings)],
  tlsCurvePreferences: [list(int32())],
  rotateCertificates: [boolean(), false],
  serverTLSBootstrap: [boolean(), false],
  registryPullQPS: [int32(), 0],
  registryBurst: [int32(), 0],
  imagePullCredentialsVerificationPolicy: [string()],
  preloadedImagesVerificationAllowlist: [strings],
  enableContentionProfiling: [boolean(), false],
  oomScoreAdj: [int32()],
  volumeStatsAggPeriod: [duration(), '0s'],
  kubeletCgroups: [string(), ''],
  systemCgroups: [string(), ''],
  cgroupsPerQOS: [boolean(), true],
  cpuManagerPolicy: [string(), 'none'],
  singleProcessOOMKill: [boolean()],
  cpuManagerPolicyOptions: [map(string())],
  cpuManagerReconcilePeriod: [duration(), '0s'],
  memoryManagerPolicy: [string(), 'None'],
  topologyManagerPolicy: [string(), 'none'],
  topologyManagerScope: [string()],
  topologyManagerPolicyOptions: [map(string())],
  qosReserved: [map(string())],
  hairpinMode: [string()],
  podCIDR: [string(), ''],
  runOnce: [boolean(), false],
  cpuCFSQuota: [boolean(), true],
  cpuCFSQuotaPeriod: [duration(), '100ms'],
  maxOpenFiles: [int64(), 0],
  contentType: [string()],
  enableControllerAttachDetach: [boolean()],
  protectKernelDefaults: [boolean(), false],
  makeIPTablesUtilChains: [boolean(), false],
  iptablesMasqueradeBit: [int32()],
  iptablesDropBit: [int32()],
  featureGates: [map(boolean())],
  failSwapOn: [boolean(), false],
  memorySwap: [anyObject()],
  configMapAndSecretChangeDetectionStrategy: [string()],
  systemReserved: [map(string())],
  kubeReserved: [map(string())],
  reservedSystemCPUs: [string(), ''],
  showHiddenMetricsForVersion: [string(), ''],
  systemReservedCgroup: [string(), ''],
  kubeReservedCgroup: [string(), ''],
  enforceNodeAllocatable: [strings],
  defaultPodSysctls: [map(string())],
  volumePluginDir: [string(), ''],
  kernelMemcgNotification: [boolean(), false],
  logging: [anyObject()],
  enableSystemLogQuery: [boolean(), false],
  shutdownGracePeriod: [duration(), '0s'],
  shutdownGracePeriodCriticalPods: [duration(), '0s'],
  shutdownGracePeriodByPodPriority: [list(anyObject())],
  reservedMemory: [list(anyObject())],
  enableProfilingHandler: [boolean(), false],
  enableDebugFlagsHandler: [boolean(), false],
  memoryThrottlingFactor: [number()],
  memoryReservationPolicy: [string(), 'None'],
  tracing: [anyObject()],
  localStorageCapacityIsolation: [boolean(), false],
  imageServiceEndpoint: [string(), ''],
  failCgroupV1: [boolean(), false],
  userNamespaces: [anyObject()],
} as const;

const laterFields: Fields = Object.fromEntries(Object.entries(later).map(([name, [schema]]) => [name, schema]));

const honouredSchema = object('io.k8s.kubelet.config.v1beta1.HonouredKubeletConfiguration', honoured);
/** The fields this kubelet acts on. */
export type KubeletConfiguration = Static<typeof honouredSchema>;

export const kubeletConfigurationSchema = object('io.k8s.kubelet.config.v1beta1.KubeletConfiguration', {
  apiVersion: string(),
  kind: string(),
  ...honoured,
  ...laterFields,
});

export const API_VERSION = 'kubelet.config.k8s.io/v1beta1';
export const KIND = 'KubeletConfiguration';

/** Names of fields that are set and not honoured yet, with the value that would be let through. */
export function notHonouredYet(config: Readonly<Record<string, unknown>>): { field: string; harmless: unknown }[] {
  return Object.entries(later).flatMap(([field, [, harmless]]) => (isLetThrough(config[field], harmless) ? [] : [{ field, harmless }]));
}

/** Empty texts, lists and maps are what programs write (kubeadm) for fields that nobody set; upstream reads them so too. */
function isLetThrough(value: unknown, harmless: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === harmless) return true;
  if (harmless === '0s') return typeof value === 'string' && durationMs(value) === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** For the table in the README. */
export const FIELDS = {
  honoured: Object.keys(honoured),
  later: Object.entries(later).map(([name, [, harmless]]) => ({ name, harmless: harmless as unknown })),
} as const;
