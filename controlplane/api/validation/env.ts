/**
 * Rules for environment variables and the fields they are taken from. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type { EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector } from '#api/kinds/core/env.ts';
import { configMapKey, dns1123Label, dns1123Subdomain, envName, qualifiedName } from '#api/names.ts';
import type { Problems } from '#api/problem.ts';
import { canonicalQuantity } from '#api/quantity.ts';
import type { PodContext } from '#api/validation/context.ts';
import { validateDescendingPath, validatePresent } from '#api/validation/paths.ts';

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const VOLUME_FIELDS = ['metadata.name', 'metadata.namespace', 'metadata.labels', 'metadata.annotations', 'metadata.uid'];
/** Fields that v1 knows but that may not be asked for in this place. */
const KNOWN_FIELDS = new Set([
  ...ENV_FIELDS,
  ...VOLUME_FIELDS,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
  'status.nominatedNodeName',
  'spec.hostNetwork',
]);
const RESOURCES = [
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
];
const HUGE_PAGES = /^(requests|limits)\.hugepages-/;
const SIZE_DIVISORS = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function validateEnv(context: PodContext, env: readonly EnvVar[], at: FieldPath): void {
  for (const [i, variable] of env.entries()) {
    const place = at.index(i);
    if (validatePresent(context.problems, variable.name, place.field('name'))) {
      context.problems.invalidAll(place.field('name'), variable.name, envName(variable.name));
    }
    if (variable.valueFrom !== undefined) validateValueFrom(context, variable, place.field('valueFrom'));
  }
}

function validateValueFrom({ problems, volumes }: PodContext, { value, valueFrom = {} }: EnvVar, at: FieldPath): void {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  if (fieldRef !== undefined) validateFieldRef(problems, fieldRef, at.field('fieldRef'), ENV_FIELDS);
  if (resourceFieldRef !== undefined) validateResourceFieldRef(problems, resourceFieldRef, at.field('resourceFieldRef'));
  if (configMapKeyRef !== undefined) validateKeyRef(problems, configMapKeyRef, at.field('configMapKeyRef'));
  if (secretKeyRef !== undefined) validateKeyRef(problems, secretKeyRef, at.field('secretKeyRef'));
  if (fileKeyRef !== undefined) {
    const place = at.field('fileKeyRef');
    if (validatePresent(problems, fileKeyRef.volumeName, place.field('volumeName')) && !volumes.has(fileKeyRef.volumeName)) {
      problems.notFound(place.field('volumeName'), fileKeyRef.volumeName);
    }
    if (validatePresent(problems, fileKeyRef.path, place.field('path')))
      validateDescendingPath(problems, fileKeyRef.path, place.field('path'));
    if (validatePresent(problems, fileKeyRef.key, place.field('key')))
      problems.invalidAll(place.field('key'), fileKeyRef.key, envName(fileKeyRef.key));
  }
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter((s) => s !== undefined).length;
  if (sources === 0)
    problems.invalid(at, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`');
  else if ((value ?? '') !== '') problems.invalid(at, '', 'may not be specified when `value` is not empty');
  else if (sources > 1) problems.invalid(at, '', 'may not have more than one field specified at a time');
}

interface KeyRef {
  readonly name?: string;
  readonly key: string;
}

function validateKeyRef(problems: Problems, { name = '', key }: KeyRef, at: FieldPath): void {
  problems.invalidAll(at.field('name'), name, dns1123Subdomain(name));
  if (validatePresent(problems, key, at.field('key'))) problems.invalidAll(at.field('key'), key, configMapKey(key));
}

/** metadata.labels['app'] is a path with a subscript. */
const SUBSCRIPTED = /^(.*)\['(.*)'\]$/;

export function validateFieldRef(problems: Problems, ref: ObjectFieldSelector, at: FieldPath, allowed: readonly string[]): void {
  if (!validatePresent(problems, ref.fieldPath, at.field('fieldPath'))) return;
  const [, path = ref.fieldPath, subscript] = SUBSCRIPTED.exec(ref.fieldPath) ?? [];
  if (subscript !== undefined) {
    if (path === 'metadata.annotations') problems.invalidAll(at, subscript, qualifiedName(subscript.toLowerCase()));
    else if (path === 'metadata.labels') problems.invalidAll(at, subscript, qualifiedName(subscript));
    else problems.invalid(at, path, 'does not support subscript');
  } else if (!KNOWN_FIELDS.has(path)) {
    problems.invalid(at.field('fieldPath'), path, `error converting fieldPath: field label not supported: ${path}`);
  } else if (!allowed.includes(path)) {
    problems.notSupported(at.field('fieldPath'), path, allowed);
  }
}

export function validateResourceFieldRef(problems: Problems, { resource, divisor = '0' }: ResourceFieldSelector, at: FieldPath): void {
  if (!validatePresent(problems, resource, at.field('resource'))) return;
  if (!RESOURCES.includes(resource) && !HUGE_PAGES.test(resource)) problems.notSupported(at.field('resource'), resource, RESOURCES);
  const by = canonicalQuantity(divisor);
  if (by === '0') return;
  if (resource.endsWith('.cpu')) {
    if (by !== '1' && by !== '1m')
      problems.invalid(at.field('divisor'), resource, "only divisor's values 1m and 1 are supported with the cpu resource");
  } else if (!SIZE_DIVISORS.includes(by)) {
    const what = resource.endsWith('.memory') ? 'memory' : HUGE_PAGES.test(resource) ? 'hugepages' : 'local ephemeral storage';
    problems.invalid(
      at.field('divisor'),
      resource,
      `only divisor's values ${SIZE_DIVISORS.join(', ')} are supported with the ${what} resource`,
    );
  }
}

export function validateEnvFrom(problems: Problems, sources: readonly EnvFromSource[], at: FieldPath): void {
  for (const [i, { prefix = '', configMapRef, secretRef }] of sources.entries()) {
    const place = at.index(i);
    if (prefix !== '') problems.invalidAll(place.field('prefix'), prefix, envName(prefix));
    for (const [field, ref] of [
      ['configMapRef', configMapRef],
      ['secretRef', secretRef],
    ] as const) {
      if (ref === undefined) continue;
      const name = place.field(field).field('name');
      if (validatePresent(problems, ref.name, name)) problems.invalidAll(name, ref.name, dns1123Subdomain(ref.name ?? ''));
    }
    if (configMapRef === undefined && secretRef === undefined)
      problems.invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`');
    else if (configMapRef !== undefined && secretRef !== undefined)
      problems.invalid(at, '', 'may not have more than one field specified at a time');
  }
}

/** Names of resource claims and their requests. */
export const claimName = dns1123Label;
