/**
 * Fields of KubeletConfiguration that are known and not honoured, each with its reason. Pure.
 *
 * The value beside a field asks for nothing more than what happens anyway, so it is let through: for a number or a time that is no
 * pointer upstream, zero is the same as unset. The value behind the reason is upstream's default where that differs: whoever writes it
 * out (a dumped /configz, kubeadm) asked for nothing, so it is let through too.
 */
import { durationMs } from '#api/formats.ts';
import { anyObject, boolean, duration, int32, int64, list, map, number, string, type Fields, type Schema } from '#api/schema.ts';

const later: Readonly<Record<string, readonly [schema: Schema, harmless: unknown, why: string, usual?: unknown]>> = {
  enableContentionProfiling: [boolean(), false, 'there are no locks here that threads could contend for'],
  kubeletCgroups: [string(), '', 'the control group of a daemon is set where it is started: Slice= in its systemd unit'],
  systemCgroups: [string(), '', 'processes of the system are not moved: systemd keeps them in system.slice'],
  cgroupsPerQOS: [boolean(), true, 'control groups are always made per QoS class'],
  cpuManagerPolicy: [string(), 'none', 'there is no CPU manager: containers share the cores by their requests and limits'],
  singleProcessOOMKill: [boolean(), undefined, 'the kernel decides what it ends when memory is short'],
  cpuManagerPolicyOptions: [map(string()), undefined, 'there is no CPU manager'],
  cpuManagerReconcilePeriod: [duration(), '0s', 'there is no CPU manager', '10s'],
  memoryManagerPolicy: [string(), 'None', 'there is no memory manager'],
  topologyManagerPolicy: [string(), 'none', 'there is no topology manager'],
  topologyManagerScope: [string(), 'container', 'there is no topology manager'],
  topologyManagerPolicyOptions: [map(string()), undefined, 'there is no topology manager'],
  qosReserved: [map(string()), undefined, 'memory is not reserved per QoS class'],
  hairpinMode: [string(), 'promiscuous-bridge', 'the CNI configuration says it (hairpinMode of the bridge plugin)'],
  runOnce: [boolean(), false, 'upstream took it away: use restartPolicy Never'],
  maxOpenFiles: [int64(), 0, 'LimitNOFILE= of its systemd unit says how many files it may open', 1_000_000],
  contentType: [string(), undefined, 'the API server is asked for JSON alone', 'application/vnd.kubernetes.protobuf'],
  enableControllerAttachDetach: [boolean(), true, 'there are no volumes that have to be attached'],
  makeIPTablesUtilChains: [boolean(), false, 'the service proxy makes its own chains', true],
  iptablesMasqueradeBit: [int32(), undefined, 'the service proxy makes its own chains: set masqueradeBit in its configuration', 14],
  iptablesDropBit: [int32(), undefined, 'the service proxy makes its own chains', 15],
  featureGates: [map(boolean()), undefined, 'there are no feature gates here: what works is in agent/kubelet/README.md'],
  memorySwap: [anyObject(), undefined, 'pods never use swap'],
  configMapAndSecretChangeDetectionStrategy: [string(), 'Watch', 'objects come from the manifest directory, which is watched'],
  reservedSystemCPUs: [string(), '', 'no cores are kept for the system'],
  showHiddenMetricsForVersion: [string(), '', 'no metric is hidden'],
  systemReservedCgroup: [string(), '', 'no group gets limits of its own: MemoryMax= and CPUWeight= of system.slice do that'],
  kubeReservedCgroup: [string(), '', 'no group gets limits of its own: MemoryMax= and CPUWeight= of the units do that'],
  defaultPodSysctls: [map(string()), undefined, 'pods get the settings they ask for, and no others'],
  volumePluginDir: [string(), '', 'there are no FlexVolume plugins', '/usr/libexec/kubernetes/kubelet-plugins/volume/exec/'],
  kernelMemcgNotification: [boolean(), false, 'memory is looked at every ten seconds instead'],
  enableSystemLogQuery: [boolean(), false, '/logs/ serves files and runs no journalctl'],
  reservedMemory: [list(anyObject()), undefined, 'there is no memory manager'],
  enableProfilingHandler: [boolean(), false, 'there is no /debug/pprof: node --inspect shows more', true],
  enableDebugFlagsHandler: [boolean(), false, 'there is no /debug/flags: --v at the start sets how much is said', true],
  memoryThrottlingFactor: [number(), undefined, 'memory.high is not set', 0.9],
  memoryReservationPolicy: [string(), 'None', 'memory.min is not set'],
  tracing: [anyObject(), undefined, 'no spans are sent: kijabi explain pod shows each step with its time'],
  localStorageCapacityIsolation: [boolean(), true, 'limits of ephemeral storage are always kept'],
  imageServiceEndpoint: [string(), '', 'images are asked for where the runtime is'],
  userNamespaces: [anyObject(), undefined, 'pods have no user namespaces'],
};

export const laterFields: Fields = Object.fromEntries(Object.entries(later).map(([name, [schema]]) => [name, schema]));

export interface NotHonoured {
  readonly field: string;
  readonly harmless: unknown;
  readonly why: string;
  /** Upstream's default where it is neither absent nor the harmless value. */
  readonly usual: unknown;
}

export const LATER: readonly NotHonoured[] = Object.entries(later).map(([field, [, harmless, why, usual]]) => ({
  field,
  harmless,
  why,
  usual,
}));

const DURATION = /^\d+s$/;

/** Those that are set to something that asks for more. */
export function notHonouredYet(config: Readonly<Record<string, unknown>>): NotHonoured[] {
  return LATER.filter(({ field, harmless, usual }) => !isLetThrough(config[field], harmless) && !isLetThrough(config[field], usual));
}

/** Empty texts, lists and maps are what programs write (kubeadm) for fields that nobody set; upstream reads them so too. */
function isLetThrough(value: unknown, harmless: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === harmless) return true;
  if (typeof harmless === 'string' && DURATION.test(harmless))
    return typeof value === 'string' && durationMs(value) === durationMs(harmless);
  return typeof value === 'object' && Object.keys(value).length === 0;
}
