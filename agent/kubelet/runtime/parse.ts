/** Answers of the CRI in our units. Pure. */
import type { Container, ContainerStatus, PodSandbox, PodSandboxStatus } from '#cri/gen/cri.ts';
import { nanosToMs } from '#cri/values.ts';
import type { CgroupDriver } from '../pods/cgroupNames.ts';
import * as names from '../pods/labels.ts';
import { keptHook, keptPorts, keptResources } from './kept.ts';
import type { RuntimeContainer, RuntimeSandbox } from './types.ts';

/** Of a list or of a status: both say the same of these. */
export function readSandbox(s: PodSandbox | PodSandboxStatus, ips: readonly string[]): RuntimeSandbox {
  return {
    id: s.id,
    uid: s.labels[names.POD_UID] ?? s.metadata?.uid ?? '',
    attempt: s.metadata?.attempt ?? 0,
    ready: s.state === 'SANDBOX_READY',
    createdAtMs: nanosToMs(s.created_at) ?? 0,
    isStatic: s.annotations[names.CONFIG_SOURCE] !== 'api',
    ips,
  };
}

export function readAddresses(status: PodSandboxStatus | null): string[] {
  const network = status?.network;
  return network === null || network === undefined || network.ip === '' ? [] : [network.ip, ...network.additional_ips.map(({ ip }) => ip)];
}

/** Labels and annotations are those of a list or of the status, which are the same. */
export function readContainer(
  c: Pick<Container, 'pod_sandbox_id' | 'labels' | 'annotations' | 'metadata' | 'image'>,
  status: ContainerStatus,
  runtimeName: string,
): RuntimeContainer {
  return {
    id: status.id,
    runtimeId: `${runtimeName}://${status.id}`,
    uid: c.labels[names.POD_UID] ?? '',
    sandboxId: c.pod_sandbox_id,
    name: c.labels[names.CONTAINER_NAME] ?? c.metadata?.name ?? '',
    attempt: c.metadata?.attempt ?? 0,
    specHash: c.annotations[names.CONTAINER_HASH] ?? '',
    state: stateOf(status),
    exitCode: status.exit_code,
    startedAtMs: nanosToMs(status.started_at) ?? 0,
    finishedAtMs: nanosToMs(status.finished_at) ?? 0,
    backoffMs: wholeNumber(c.annotations[names.CRASH_BACKOFF_MS], 0),
    graceMs: wholeNumber(c.annotations[names.POD_GRACE_PERIOD], 30) * 1_000,
    stopOrder: wholeNumber(c.annotations[names.STOP_ORDER], 0),
    ...keptHook(c.annotations[names.CONTAINER_PRE_STOP]),
    ...keptResources(c.annotations[names.CONTAINER_RESOURCES]),
    ...keptPorts(c.annotations[names.CONTAINER_PORTS]),
    image: status.image?.image ?? c.image?.image ?? '',
    imageRef: status.image_ref,
    reason: status.reason,
    message: status.message,
  };
}

function stateOf(status: ContainerStatus): RuntimeContainer['state'] {
  switch (status.state) {
    case 'CONTAINER_CREATED':
      return 'created';
    case 'CONTAINER_RUNNING':
      return 'running';
    case 'CONTAINER_EXITED':
      // Its start was broken off because who asked for it went away (a kubelet that was killed): it never ran, and does not count.
      return status.started_at === '0' && status.reason === 'StartError' && /context canceled/.test(status.message) ? 'created' : 'exited';
    default:
      return 'unknown';
  }
}

/** Annotations are text that anybody may have written. */
function wholeNumber(text: string | undefined, otherwise: number): number {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : otherwise;
}

/** Which driver containerd makes the groups of containers with, as its own configuration says; empty when it does not tell. */
export function cgroupDriverIn(config: string | undefined): { readonly cgroupDriver?: CgroupDriver } {
  try {
    const { containerd } = JSON.parse(config ?? '') as { containerd: { defaultRuntimeName: string; runtimes: Record<string, unknown> } };
    const { options } = containerd.runtimes[containerd.defaultRuntimeName] as { options?: { SystemdCgroup?: unknown } };
    return { cgroupDriver: options?.SystemdCgroup === true ? 'systemd' : 'cgroupfs' };
  } catch {
    return {};
  }
}
