/**
 * Rules for projected volumes: several sources in one directory, no file twice. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type { ProjectedVolumeSource, VolumeProjection } from '#api/kinds/core/volumes.ts';
import type { PodContext } from '#api/validation/context.ts';
import { validateLabelSelector } from '#api/validation/metadata.ts';
import { validateFileMode, validatePresent, validateWritablePath } from '#api/validation/paths.ts';
import { validateDownwardFile, validateFiles } from '#api/validation/files.ts';

const TEN_MINUTES = 600;
const LONGEST_TOKEN_SECONDS = 2 ** 32;
const SOURCES = ['secret', 'configMap', 'downwardAPI', 'serviceAccountToken', 'clusterTrustBundle', 'podCertificate'] as const;

export function validateProjected(context: PodContext, volume: ProjectedVolumeSource, at: FieldPath): void {
  validateFileMode(context.problems, volume.defaultMode, at.field('defaultMode'));
  const files = new Set<string>();
  for (const [i, source] of (volume.sources ?? []).entries()) {
    const place = at.field('sources').index(i);
    validateSource(context, source, place);
    for (const path of pathsOf(source)) {
      if (files.has(path)) context.problems.invalid(at, path, 'conflicting duplicate paths');
      files.add(path);
    }
  }
}

const isText = (path: string | undefined): path is string => path !== undefined && path !== '';

/** The files that a source asks for by name. */
function pathsOf({ secret, configMap, downwardAPI, clusterTrustBundle, podCertificate }: VolumeProjection): readonly string[] {
  const items = [secret, configMap, downwardAPI].flatMap((s) => (s?.items ?? []).map((item) => item.path));
  const { credentialBundlePath, keyPath, certificateChainPath } = podCertificate ?? {};
  return [...items, clusterTrustBundle?.path, credentialBundlePath, keyPath, certificateChainPath].filter(isText);
}

function validateSource(context: PodContext, source: VolumeProjection, at: FieldPath): void {
  const { problems } = context;
  const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
  for (const [name, keys] of [
    ['secret', secret],
    ['configMap', configMap],
  ] as const) {
    if (keys === undefined) continue;
    validatePresent(problems, keys.name, at.field(name).field('name'));
    validateFiles(context, keys, at.field(name));
  }
  for (const [i, file] of (downwardAPI?.items ?? []).entries())
    validateDownwardFile(context, file, at.field('downwardAPI').field('items').index(i));
  if (serviceAccountToken !== undefined) validateToken(context, serviceAccountToken, at.field('serviceAccountToken'));
  if (clusterTrustBundle !== undefined) validateTrustBundle(context, clusterTrustBundle, at.field('clusterTrustBundle'));
  if (SOURCES.filter((name) => source[name] !== undefined).length > 1) {
    problems.forbidden(at, 'may not specify more than 1 volume type per source');
  }
}

function validateToken(
  { problems, isPod, spec }: PodContext,
  token: NonNullable<VolumeProjection['serviceAccountToken']>,
  at: FieldPath,
): void {
  const { path, expirationSeconds = 3_600 } = token;
  const seconds = at.field('expirationSeconds');
  if (expirationSeconds < TEN_MINUTES) problems.invalid(seconds, expirationSeconds, 'may not specify a duration less than 10 minutes');
  if (expirationSeconds > LONGEST_TOKEN_SECONDS)
    problems.invalid(seconds, expirationSeconds, 'may not specify a duration larger than 2^32 seconds');
  if (validatePresent(problems, path, at.field('path'))) validateWritablePath(problems, path, at.field('path'));
  if (isPod && (spec.serviceAccountName ?? '') === '') problems.forbidden(at, 'must not be specified when serviceAccountName is not set');
}

function validateTrustBundle({ problems }: PodContext, bundle: NonNullable<VolumeProjection['clusterTrustBundle']>, at: FieldPath): void {
  const { name, signerName, labelSelector, path } = bundle;
  if (name !== undefined && signerName !== undefined) {
    problems.invalid(at, bundle, 'only one of name and signerName may be used');
  } else if (name !== undefined) {
    validatePresent(problems, name, at.field('name'), 'must be a valid object name');
    if (labelSelector !== undefined) {
      problems.invalid(at.field('labelSelector'), labelSelector, 'labelSelector must be unset if name is specified');
    }
  } else if (signerName !== undefined) {
    validatePresent(problems, signerName, at.field('signerName'), 'must be a valid signer name');
    validateLabelSelector(problems, labelSelector, at.field('labelSelector'));
  } else {
    problems.required(at, 'either name or signerName must be specified');
  }
  if (validatePresent(problems, path, at.field('path'))) validateWritablePath(problems, path, at.field('path'));
}
