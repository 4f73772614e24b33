/**
 * Rules for the files that volumes are made of. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type { DownwardAPIVolumeFile } from '#api/kinds/core/volumes.ts';
import type { PodContext } from '#api/validation/context.ts';
import { VOLUME_FIELDS, validateFieldRef, validateResourceFieldRef } from '#api/validation/env.ts';
import { validateFileMode, validatePresent, validateWritablePath } from '#api/validation/paths.ts';

interface FileSource {
  readonly defaultMode?: number;
  readonly items?: readonly { readonly key: string; readonly path: string; readonly mode?: number }[];
}

/** Files made from the keys of a ConfigMap or Secret. */
export function validateFiles({ problems }: PodContext, source: FileSource | undefined, at: FieldPath): void {
  validateFileMode(problems, source?.defaultMode, at.field('defaultMode'));
  for (const [i, { key, path, mode }] of (source?.items ?? []).entries()) {
    const place = at.field('items').index(i);
    validatePresent(problems, key, place.field('key'));
    validatePresent(problems, path, place.field('path'));
    validateWritablePath(problems, path, place.field('path'));
    validateFileMode(problems, mode, place.field('mode'));
  }
}

export function validateDownwardFile({ problems }: PodContext, file: DownwardAPIVolumeFile, at: FieldPath): void {
  const { path, fieldRef, resourceFieldRef, mode } = file;
  validatePresent(problems, path, at.field('path'));
  validateWritablePath(problems, path, at.field('path'));
  validateFileMode(problems, mode, at.field('mode'));
  if (fieldRef !== undefined) {
    validateFieldRef(problems, fieldRef, at.field('fieldRef'), VOLUME_FIELDS);
    if (resourceFieldRef !== undefined)
      problems.invalid(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
  } else if (resourceFieldRef === undefined) {
    problems.required(at, 'one of fieldRef and resourceFieldRef is required');
  } else {
    const place = at.field('resourceFieldRef');
    validatePresent(problems, resourceFieldRef.containerName, place.field('containerName'));
    validateResourceFieldRef(problems, resourceFieldRef, place);
  }
}
