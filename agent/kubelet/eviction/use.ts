/** What each pod uses of the node, from the runtime's statistics. Pure. Units: bytes. */
import type { Pod } from '#api/kinds/core/pod.ts';
import { toBytes } from '#api/quantity.ts';
import type { ContainerStats } from '#cri/gen/cri.ts';
import { CONTAINER_NAME, POD_UID } from '../pods/labels.ts';
import { isCritical, priorityOf } from '../pods/priority.ts';
import type { Candidate, ContainerUse } from './decide.ts';

/** Pods without a running container are no candidates. */
export function candidatesOf(pods: readonly Pod[], stats: readonly ContainerStats[], pidsOf: (pod: Pod) => number): Candidate[] {
  const running = stats.filter((s) => s.memory !== null);
  const byPod = Map.groupBy(running, (s) => s.attributes?.labels[POD_UID] ?? '');
  return pods.flatMap((pod) => {
    const uid = pod.metadata.uid ?? '';
    const mine = byPod.get(uid);
    if (mine === undefined) return [];
    const { spec } = pod;
    return {
      uid,
      priority: priorityOf(spec),
      critical: isCritical(spec),
      graceMs: (spec.terminationGracePeriodSeconds ?? 30) * 1_000,
      pids: pidsOf(pod),
      containers: mine.map((s) => useOf(pod, s)),
    };
  });
}

function useOf(pod: Pod, { attributes, memory, writable_layer }: ContainerStats): ContainerUse {
  const name = attributes?.labels[CONTAINER_NAME] ?? '';
  const requests = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((c) => c.name === name)?.resources?.requests;
  return {
    name,
    memoryBytes: Number(memory?.working_set_bytes?.value ?? 0),
    memoryRequestBytes: requests?.['memory'] === undefined ? 0 : toBytes(requests['memory']),
    diskBytes: Number(writable_layer?.used_bytes?.value ?? 0),
    diskRequestBytes: requests?.['ephemeral-storage'] === undefined ? 0 : toBytes(requests['ephemeral-storage']),
    inodes: Number(writable_layer?.inodes_used?.value ?? 0),
  };
}
