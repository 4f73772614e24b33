/**
 * Pods that use more disk than they are allowed: by the sizeLimit of an emptyDir, by the limits of all containers, by that of one. Pure.
 *
 * Units: bytes.
 * Source: "Local ephemeral storage" in the Kubernetes docs: what counts, and in which order it is looked at; messages are upstream's.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { amountOf, podTotal } from '#api/podResources.ts';
import { toBytes } from '#api/quantity.ts';

export interface StorageUse {
  /** By name: volumes that lie on the node's disk or in its memory. */
  readonly emptyDirs: ReadonlyMap<string, number>;
  /** Volumes of other kinds that lie on the node's disk. */
  readonly otherBytes: number;
  readonly containers: ReadonlyMap<string, { readonly logBytes: number; readonly layerBytes: number }>;
}

const STORAGE = 'ephemeral-storage';

/** Whether anything has to be measured. */
export function limitsStorage({ spec }: Pod): boolean {
  return (
    (spec.volumes ?? []).some((v) => v.emptyDir?.sizeLimit !== undefined) ||
    amountOf(podTotal(spec, 'limits'), STORAGE) !== undefined ||
    all(spec).some((c) => amountOf(c.resources?.limits, STORAGE) !== undefined)
  );
}

const all = ({ initContainers = [], containers }: Pod['spec']): readonly Container[] => [...initContainers, ...containers];

/** The message of the eviction; undefined: within its limits. imagesApart: what containers write lies on another disk, which is not limited. */
export function storageExcess({ spec }: Pod, use: StorageUse, imagesApart: boolean): string | undefined {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    if (limit !== undefined && toBytes(limit) > 0 && (use.emptyDirs.get(name) ?? 0) > toBytes(limit))
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
  }
  const used = (name: string): number => {
    const of = use.containers.get(name);
    return of === undefined ? 0 : of.logBytes + (imagesApart ? 0 : of.layerBytes);
  };
  const onDisk = (spec.volumes ?? []).filter((v) => v.emptyDir !== undefined && (v.emptyDir.medium ?? '') === '');
  const total =
    all(spec).reduce((sum, c) => sum + used(c.name), 0) +
    onDisk.reduce((sum, v) => sum + (use.emptyDirs.get(v.name) ?? 0), 0) +
    use.otherBytes;
  const most = amountOf(podTotal(spec, 'limits'), STORAGE);
  if (most !== undefined && total > toBytes(most))
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${most}. `;
  for (const c of all(spec)) {
    const limit = amountOf(c.resources?.limits, STORAGE);
    if (limit !== undefined && used(c.name) > toBytes(limit))
      return `Container ${c.name} exceeded its local ephemeral storage limit "${limit}". `;
  }
  return undefined;
}
