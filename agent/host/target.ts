/**
 * Which pod the node's one forwarded port leads to, and when the pods of a node have settled. Pure.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Target } from './nodeRules.ts';

export interface PodTarget extends Target {
  /** namespace/name */
  readonly pod: string;
}

export function podKey({ metadata }: Pod): string {
  return `${metadata.namespace ?? 'default'}/${metadata.name ?? ''}`;
}

/**
 * The pod it led to before if that still runs, else the first by name that runs and has a TCP port. So one that is made anew keeps
 * the port, and one that goes hands it on.
 */
export function chooseTarget(pods: readonly Pod[], before: PodTarget | undefined): PodTarget | undefined {
  const candidates = pods.flatMap((pod) => targetOf(pod) ?? []).sort((a, b) => (a.pod < b.pod ? -1 : 1));
  return candidates.find((candidate) => candidate.pod === before?.pod) ?? candidates[0];
}

function targetOf(pod: Pod): PodTarget | undefined {
  const address = pod.status?.podIP;
  if (pod.status?.phase !== 'Running' || address === undefined || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? []);
  const port = ports.find(({ protocol = 'TCP' }) => protocol === 'TCP')?.containerPort;
  return port === undefined ? undefined : { pod: podKey(pod), address, port };
}

export function sameTarget(a: Target | undefined, b: Target | undefined): boolean {
  return a?.address === b?.address && a?.port === b?.port;
}

/** Ready, or ended as it was meant to. */
export function isSettled({ status, spec }: Pod): boolean {
  if (status?.phase === 'Succeeded') return true;
  if (status?.phase === 'Failed') return spec.restartPolicy === 'Never';
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
}

/** Why a pod does not get on, in the words of its status: "nginx: ErrImagePull: no such image". */
export function troubleOf({ status }: Pod): string | undefined {
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  for (const { name, state } of all) {
    const { waiting, terminated } = state ?? {};
    const reason = waiting?.reason ?? (terminated !== undefined && terminated.exitCode !== 0 ? terminated.reason : undefined);
    if (reason === undefined || reason === 'ContainerCreating' || reason === 'PodInitializing') continue;
    return [name, reason, waiting?.message ?? terminated?.message].filter((part) => part !== undefined && part !== '').join(': ');
  }
  return status?.message ?? status?.reason;
}
