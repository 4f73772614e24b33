/** Which of the volumes that are there is the best for a claim on a node. Pure. Source: the rules of upstream's volume binder. */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import { fromLabelSelector, matches } from '#api/labels.ts';
import { matchesNodeSelector, type NodeFacts } from '#api/nodeSelector.ts';
import { toUnits } from '#api/quantity.ts';

export function reaches({ spec }: PersistentVolume, node: NodeFacts): boolean {
  const required = spec.nodeAffinity?.required;
  return required === undefined || matchesNodeSelector(required, node);
}

const sizeOf = (list: Readonly<Record<string, string>> | undefined): bigint => toUnits(list?.['storage'] ?? '0');

/** The smallest that suffices; one that names the claim already comes first. isTaken: promised to somebody else. */
export function bestVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  { node, isTaken }: { readonly node: NodeFacts; readonly isTaken: (volume: PersistentVolume) => boolean },
): PersistentVolume | undefined {
  const { namespace, name, uid } = claim.metadata;
  const wanted = claim.spec;
  const selector = wanted?.selector === undefined ? undefined : fromLabelSelector(wanted.selector);
  let best: PersistentVolume | undefined;
  for (const volume of volumes) {
    const { spec, status, metadata } = volume;
    if (metadata.deletionTimestamp !== undefined || isTaken(volume) || !reaches(volume, node)) continue;
    if ((spec.volumeMode ?? 'Filesystem') !== (wanted?.volumeMode ?? 'Filesystem')) continue;
    if ((spec.storageClassName ?? '') !== (wanted?.storageClassName ?? '')) continue;
    if (sizeOf(spec.capacity) < sizeOf(wanted?.resources?.requests)) continue;
    const { claimRef } = spec;
    if (claimRef !== undefined) {
      const isOurs = claimRef.namespace === namespace && claimRef.name === name && (claimRef.uid ?? uid) === uid;
      if (isOurs) return volume;
      continue;
    }
    if (status?.phase !== 'Available') continue;
    if (!(wanted?.accessModes ?? []).every((mode) => spec.accessModes?.includes(mode) === true)) continue;
    if (selector !== undefined && !matches(selector, metadata.labels)) continue;
    if (best === undefined || sizeOf(spec.capacity) < sizeOf(best.spec.capacity)) best = volume;
  }
  return best;
}
