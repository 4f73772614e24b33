/**
 * Pods that use more disk than they are allowed: by the sizeLimit of an emptyDir, by the limits of all containers, by that of one. Pure.
 *
 * Units: bytes, inodes.
 * Source: "Local ephemeral storage" in the Kubernetes docs: what counts, and in which order it is looked at; messages are upstream's.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { amountOf, podTotal } from '#api/podResources.ts';
import { toBytes } from '#api/quantity.ts';
import { NO_USE, sumUse, type DiskUse } from '../../linux/diskUsage.ts';
import { allContainers, ownContainers } from '../pods/containers.ts';

export interface StorageUse {
  /** By name: volumes that lie on the node's disk or in its memory. */
  readonly emptyDirs: ReadonlyMap<string, DiskUse>;
  /** Volumes of other kinds that lie on the node's disk. */
  readonly other: DiskUse;
  readonly containers: ReadonlyMap<string, { readonly log: DiskUse; readonly layer: DiskUse }>;
}

/** Its volumes that lie on the node's disk. */
export function volumesOnDisk({ spec }: Pod, { emptyDirs, other }: StorageUse): DiskUse {
  const onDisk = (spec.volumes ?? []).filter((v) => v.emptyDir !== undefined && (v.emptyDir.medium ?? '') === '');
  return sumUse([other, ...onDisk.map((v) => emptyDirs.get(v.name) ?? NO_USE)]);
}

const STORAGE = 'ephemeral-storage';

/** Whether anything has to be measured. */
export function limitsStorage({ spec }: Pod): boolean {
  return (
    (spec.volumes ?? []).some((v) => v.emptyDir?.sizeLimit !== undefined) ||
    amountOf(podTotal(spec, 'limits'), STORAGE) !== undefined ||
    ownContainers(spec).some((c) => amountOf(c.resources?.limits, STORAGE) !== undefined)
  );
}

/** The message of the eviction; undefined: within its limits. imagesApart: what containers write lies on another disk, which is not limited. */
export function storageExcess(pod: Pod, use: StorageUse, imagesApart: boolean): string | undefined {
  const { spec } = pod;
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    if (limit !== undefined && toBytes(limit) > 0 && (use.emptyDirs.get(name)?.bytes ?? 0) > toBytes(limit))
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
  }
  const used = (name: string): number => {
    const of = use.containers.get(name);
    return of === undefined ? 0 : of.log.bytes + (imagesApart ? 0 : of.layer.bytes);
  };
  const total = allContainers(spec).reduce((sum, c) => sum + used(c.name), 0) + volumesOnDisk(pod, use).bytes;
  const most = amountOf(podTotal(spec, 'limits'), STORAGE);
  if (most !== undefined && total > toBytes(most))
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${most}. `;
  for (const c of ownContainers(spec)) {
    const limit = amountOf(c.resources?.limits, STORAGE);
    if (limit !== undefined && used(c.name) > toBytes(limit))
      return `Container ${c.name} exceeded its local ephemeral storage limit "${limit}". `;
  }
  return undefined;
}
