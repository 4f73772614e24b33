/** What each pod uses of the node, from the runtime's statistics and what was measured on the disk. Pure. Units: bytes, inodes. */
import type { Pod } from '#api/kinds/core/pod.ts';
import { amountOf, podTotal } from '#api/podResources.ts';
import { toBytes } from '#api/quantity.ts';
import type { ContainerStats } from '#cri/gen/cri.ts';
import { containerNamed } from '../pods/containers.ts';
import { CONTAINER_NAME, POD_UID } from '../pods/labels.ts';
import { isCritical, priorityOf } from '../pods/priority.ts';
import { NO_USE } from '../../linux/diskUsage.ts';
import type { Candidate, ContainerUse } from './decide.ts';
import { volumesOnDisk, type StorageUse } from './storage.ts';

export interface UseFacts {
  readonly stats: readonly ContainerStats[];
  readonly pidsOf: (pod: Pod) => number;
  /** By UID; of those that are not in it the disk was not measured. */
  readonly storage: ReadonlyMap<string, StorageUse>;
}

/** Pods without a running container are no candidates. */
export function candidatesOf(pods: readonly Pod[], { stats, pidsOf, storage }: UseFacts): Candidate[] {
  const running = stats.filter((s) => s.memory !== null);
  const byPod = Map.groupBy(running, (s) => s.attributes?.labels[POD_UID] ?? '');
  return pods.flatMap((pod) => {
    const uid = pod.metadata.uid ?? '';
    const mine = byPod.get(uid);
    if (mine === undefined) return [];
    const { spec } = pod;
    const measured = storage.get(uid);
    return {
      uid,
      priority: priorityOf(spec),
      critical: isCritical(spec),
      graceMs: (spec.terminationGracePeriodSeconds ?? 30) * 1_000,
      pids: pidsOf(pod),
      volumes: measured === undefined ? NO_USE : volumesOnDisk(pod, measured),
      diskRequestBytes: toBytes(amountOf(podTotal(spec, 'requests'), 'ephemeral-storage') ?? '0'),
      containers: mine.map((s) => useOf(pod, s, measured)),
    };
  });
}

function useOf(pod: Pod, { attributes, memory }: ContainerStats, measured: StorageUse | undefined): ContainerUse {
  const name = attributes?.labels[CONTAINER_NAME] ?? '';
  const requests = containerNamed(pod.spec, name)?.resources?.requests;
  return {
    name,
    memoryBytes: Number(memory?.working_set_bytes?.value ?? 0),
    memoryRequestBytes: requests?.['memory'] === undefined ? 0 : toBytes(requests['memory']),
    log: measured?.containers.get(name)?.log ?? NO_USE,
    layer: measured?.containers.get(name)?.layer ?? NO_USE,
    diskRequestBytes: requests?.['ephemeral-storage'] === undefined ? 0 : toBytes(requests['ephemeral-storage']),
  };
}
