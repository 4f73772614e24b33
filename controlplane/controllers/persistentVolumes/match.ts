/**
 * Which volume fits a claim. Pure.
 * Source: "Persistent Volumes" in the Kubernetes documentation; the order of upstream's binder: the volume that was meant for the claim, then
 * the tightest in access modes, then the smallest that suffices.
 */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import { fromLabelSelector, matches } from '#api/labels.ts';
import { compareQuantities } from '#api/quantity.ts';

export const classOf = (claim: PersistentVolumeClaim): string =>
  claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? claim.spec?.storageClassName ?? '';

export const sizeOf = ({ spec }: PersistentVolumeClaim): string => spec?.resources?.requests?.['storage'] ?? '0';

/** The reference of the volume is to this claim, or to its name before it was there. */
export function isMeantFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const { namespace, name, uid = '' } = spec?.claimRef ?? {};
  return name === metadata.name && namespace === metadata.namespace && (uid === '' || uid === metadata.uid);
}

/** Why the volume cannot serve the claim; undefined: it can. */
export function misfit({ metadata, spec }: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (compareQuantities(spec?.capacity?.['storage'] ?? '0', sizeOf(claim)) < 0) return 'requested PV is too small';
  if ((spec?.storageClassName ?? '') !== classOf(claim)) return 'storageClassName does not match';
  if ((spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem')) return 'incompatible volumeMode';
  const has = new Set(spec?.accessModes ?? []);
  if ((claim.spec?.accessModes ?? []).some((mode) => !has.has(mode))) return 'incompatible accessMode';
  if (claim.spec?.selector !== undefined && !matches(fromLabelSelector(claim.spec.selector), metadata.labels))
    return 'labels do not match the selector';
  return undefined;
}

/** delayed: the scheduler chooses, and only what was meant for the claim is taken. */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  delayed: boolean,
): PersistentVolume | undefined {
  const fitting = volumes.filter((volume) => {
    if (volume.metadata.deletionTimestamp !== undefined) return false;
    if (volume.spec?.claimRef !== undefined) return isMeantFor(volume, claim) && misfitOfMeant(volume, claim) === undefined;
    return !delayed && volume.status?.phase === 'Available' && misfit(volume, claim) === undefined;
  });
  const modes = ({ spec }: PersistentVolume): number => (spec?.accessModes ?? []).length;
  const size = ({ spec }: PersistentVolume): string => spec?.capacity?.['storage'] ?? '0';
  return fitting.toSorted(
    (a, b) =>
      Number(b.spec?.claimRef !== undefined) - Number(a.spec?.claimRef !== undefined) ||
      modes(a) - modes(b) ||
      compareQuantities(size(a), size(b)) ||
      ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1),
  )[0];
}

/** Who gave a volume to a claim has looked at labels. */
function misfitOfMeant(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const { selector: _, ...spec } = claim.spec ?? {};
  return misfit(volume, { ...claim, spec });
}
