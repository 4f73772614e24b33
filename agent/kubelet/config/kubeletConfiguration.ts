/**
 * KubeletConfiguration v1beta1: every field it has, and what this kubelet does with each. Pure.
 *
 * A field that is not honoured is refused by name when it is set to anything but a value that asks for nothing.
 * Source: k8s.io/kubelet config/v1beta1 of Kubernetes 1.36 (names, types and defaults).
 */
import { clusterFields } from './clusterFields.ts';
import { boolean, duration, int32, int64, list, map, object, string, type Fields, type Static } from '#api/schema.ts';
import { LATER, laterFields } from './laterFields.ts';
import { serverFields } from './serverFields.ts';
import { nodeFields } from './nodeFields.ts';
import { podFields } from './podFields.ts';
import { resourceFields } from './resourceFields.ts';
import { shutdownFields } from './shutdownFields.ts';

const honoured = {
  staticPodPath: string('Directory of static pod manifests'),
  podLogsDir: string('Directory of the containers’ log files', { default: '/var/log/pods' }),
  fileCheckFrequency: duration('How often the manifest directory is read in full', { default: '20s' }),
  containerRuntimeEndpoint: string('Socket of the container runtime', { default: 'unix:///run/containerd/containerd.sock' }),
  runtimeRequestTimeout: duration('Deadline of calls to the runtime', { default: '2m0s' }),
  cgroupRoot: string('Control group above kubepods', { default: '/' }),
  cgroupDriver: string(
    'How control groups are made, the same as in the runtime’s configuration: cgroupfs, or systemd for slices of systemd',
    { default: 'cgroupfs' },
  ),
  resolvConf: string('Where the node’s DNS servers stand', { default: '/etc/resolv.conf' }),
  healthzPort: int32('Port of /healthz; 0 switches it off', { default: 10_248, minimum: 0, maximum: 65_535 }),
  healthzBindAddress: string('Address of /healthz', { default: '127.0.0.1' }),
  podPidsLimit: int64('Most processes in a pod; -1 for no limit', { default: -1 }),
  serializeImagePulls: boolean('One image pull at a time', { default: true }),
  maxParallelImagePulls: int32('Most image pulls at once when they are not serialised', { minimum: 1 }),
  registryPullQPS: int32('Pulls a second; one that is over it waits for its turn; 0: no limit', { default: 5, minimum: 0 }),
  registryBurst: int32('Pulls at once beyond that', { default: 10, minimum: 0, zeroIsUnset: true }),
  imagePullCredentialsVerificationPolicy: string(
    'Which images that are there only pods may use that have the credentials they were pulled with: NeverVerifyPreloadedImages (all that the kubelet pulled), NeverVerifyAllowlistedImages, AlwaysVerify, NeverVerify',
    { default: 'NeverVerifyPreloadedImages' },
  ),
  preloadedImagesVerificationAllowlist: list(
    string(),
    'Images for every pod under NeverVerifyAllowlistedImages: r.example/team/app, or r.example/team/* for all below',
  ),
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
  ...nodeFields,
  ...resourceFields,
  ...shutdownFields,
} satisfies Fields;

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

/** For the table in the README. */
export const FIELDS = {
  honoured: Object.keys(honoured),
  later: LATER,
} as const;
