/**
 * Rules for persistent volumes and claims. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 * Differs: the inner fields of the old in-tree volume sources are checked for presence only, by the schema.
 */
import { at, type FieldPath } from '#api/fieldPath.ts';
import { persistentVolumeSourceFields } from '#api/kinds/core/persistentVolumeSources.ts';
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '#api/kinds/core/persistentVolumeClaim.ts';
import { dns1123Subdomain } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { parseQuantity } from '#api/quantity.ts';
import { validateLabelSelector, validateMetadata } from '#api/validation/metadata.ts';
import { validateNoBacksteps } from '#api/validation/paths.ts';
import { validateNodeSelector } from '#api/validation/scheduling.ts';

const SPEC = at('spec');
const SOURCES = Object.keys(persistentVolumeSourceFields) as (keyof typeof persistentVolumeSourceFields)[];

export function validatePersistentVolume(volume: PersistentVolume): readonly Problem[] {
  const problems = new Problems();
  const { spec } = volume;
  validateMetadata(problems, volume.metadata, at('metadata'), { namespaced: false, name: dns1123Subdomain });
  validateAccessModes(problems, spec.accessModes ?? [], SPEC.field('accessModes'));
  const capacity = SPEC.field('capacity');
  if (Object.keys(spec.capacity ?? {}).length === 0) problems.required(capacity);
  else if (spec.capacity?.['storage'] === undefined) problems.notSupported(capacity, spec.capacity, ['storage']);
  else if (parseQuantity(spec.capacity['storage']).nanos <= 0n) {
    problems.invalid(capacity.key('storage'), spec.capacity['storage'], 'must be greater than zero');
  }
  const [first, ...others] = SOURCES.filter((name) => spec[name] !== undefined);
  if (first === undefined) problems.required(SPEC, 'must specify a volume type');
  for (const name of others) problems.forbidden(SPEC.field(name), 'may not specify more than 1 volume type');
  if (spec.hostPath !== undefined) validateNoBacksteps(problems, spec.hostPath.path, SPEC.field('hostPath').field('path'));
  if (spec.hostPath?.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    problems.forbidden(SPEC.field('persistentVolumeReclaimPolicy'), "may not be 'recycle' for a hostPath mount of '/'");
  }
  if (spec.local !== undefined && spec.nodeAffinity === undefined) {
    problems.required(SPEC.field('nodeAffinity'), 'Local volume requires node affinity');
  }
  if (spec.nodeAffinity?.required !== undefined) {
    validateNodeSelector(problems, spec.nodeAffinity.required, SPEC.field('nodeAffinity').field('required'));
  }
  if ((spec.storageClassName ?? '') !== '') {
    problems.invalidAll(SPEC.field('storageClassName'), spec.storageClassName, dns1123Subdomain(spec.storageClassName ?? ''));
  }
  return problems.found;
}

export function validatePersistentVolumeClaim(claim: PersistentVolumeClaim): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, claim.metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  validateClaimSpec(problems, claim.spec, SPEC);
  return problems.found;
}

function validateClaimSpec(problems: Problems, spec: PersistentVolumeClaimSpec, place: FieldPath): void {
  validateAccessModes(problems, spec.accessModes ?? [], place.field('accessModes'));
  validateLabelSelector(problems, spec.selector, place.field('selector'));
  const storage = spec.resources?.requests?.['storage'];
  const at = place.field('resources').key('storage');
  if (storage === undefined) problems.required(at);
  else if (parseQuantity(storage).nanos <= 0n) problems.invalid(at, storage, 'must be greater than zero');
  if ((spec.storageClassName ?? '') !== '') {
    problems.invalidAll(place.field('storageClassName'), spec.storageClassName, dns1123Subdomain(spec.storageClassName ?? ''));
  }
  for (const name of ['dataSource', 'dataSourceRef'] as const) {
    const source = spec[name];
    if (source === undefined) continue;
    if (source.name === '') problems.required(place.field(name).field('name'));
    if (source.kind === '') problems.required(place.field(name).field('kind'));
    if ((source.apiGroup ?? '') === '' && source.kind !== 'PersistentVolumeClaim') {
      problems.invalid(place.field(name), source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    }
  }
}

function validateAccessModes(problems: Problems, modes: readonly string[], place: FieldPath): void {
  if (modes.length === 0) problems.required(place, 'at least 1 access mode is required');
  if (modes.includes('ReadWriteOncePod') && modes.length > 1) {
    problems.forbidden(place, 'may not use ReadWriteOncePod with other access modes');
  }
}
