/**
 * Rules for metadata, labels and selectors that hold for every kind. Pure.
 * Source: texts of k8s.io/apimachinery api validation, Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type { ObjectMeta, OwnerReference } from '#api/kinds/meta/objectMeta.ts';
import type { LabelSelector, LabelSelectorRequirement } from '#api/kinds/meta/selectors.ts';
import { asPrefix, dns1123Label, labelValue, qualifiedName, type NameCheck } from '#api/names.ts';
import type { Problems } from '#api/problem.ts';

export interface MetadataRules {
  readonly namespaced: boolean;
  readonly name: NameCheck;
}

/** All annotations of an object together. */
const MOST_ANNOTATION_BYTES = 256 * 1024;
const LONGEST_MANAGER = 128;
const LONGEST_SUBRESOURCE = 256;
/** Finalizers without a domain: the ones Kubernetes itself has. */
const STANDARD_FINALIZERS = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

export function validateMetadata(problems: Problems, metadata: ObjectMeta, at: FieldPath, rules: MetadataRules): void {
  validateNames(problems, metadata, at, rules);
  if ((metadata.generation ?? 0) < 0) problems.invalid(at.field('generation'), metadata.generation, 'must be greater than or equal to 0');
  validateLabels(problems, metadata.labels, at.field('labels'));
  validateAnnotations(problems, metadata.annotations, at.field('annotations'));
  validateOwners(problems, metadata.ownerReferences ?? [], at.field('ownerReferences'));
  validateFinalizers(problems, metadata.finalizers ?? [], at.field('finalizers'));
  validateManagedFields(problems, metadata, at.field('managedFields'));
}

function validateNames(problems: Problems, metadata: ObjectMeta, at: FieldPath, { namespaced, name }: MetadataRules): void {
  const { generateName = '', namespace = '' } = metadata;
  if (generateName !== '') problems.invalidAll(at.field('generateName'), generateName, asPrefix(name)(generateName));
  if (metadata.name === undefined || metadata.name === '') problems.required(at.field('name'), 'name or generateName is required');
  else problems.invalidAll(at.field('name'), metadata.name, name(metadata.name));
  if (!namespaced) {
    if (namespace !== '') problems.forbidden(at.field('namespace'), 'not allowed on this type');
  } else if (namespace === '') {
    problems.required(at.field('namespace'));
  } else {
    problems.invalidAll(at.field('namespace'), namespace, dns1123Label(namespace));
  }
}

export function validateLabels(problems: Problems, labels: Readonly<Record<string, string>> | undefined, at: FieldPath): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    problems.invalidAll(at, key, qualifiedName(key));
    problems.invalidAll(at, value, labelValue(value));
  }
}

export function validateAnnotations(problems: Problems, annotations: Readonly<Record<string, string>> | undefined, at: FieldPath): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    problems.invalidAll(at, key, qualifiedName(key.toLowerCase()));
    bytes += byteLength(key) + byteLength(value);
  }
  if (bytes > MOST_ANNOTATION_BYTES) problems.tooLong(at, MOST_ANNOTATION_BYTES);
}

/** UTF-8 bytes; most texts are ASCII, for which the length is the answer. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

function validateOwners(problems: Problems, owners: readonly OwnerReference[], at: FieldPath): void {
  let controller: string | undefined;
  for (const owner of owners) {
    if ((owner.apiVersion.split('/').at(-1) ?? '') === '') {
      problems.invalid(at.field('apiVersion'), owner.apiVersion, 'version must not be empty');
    }
    for (const name of ['kind', 'name', 'uid'] as const) {
      if (owner[name] === '') problems.invalid(at.field(name), '', 'must not be empty');
    }
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      problems.invalid(at, owner, '/v1, Kind=Event is disallowed from being an owner');
    }
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller === undefined) {
      controller = name;
    } else {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
      problems.invalid(at, owners, detail);
    }
  }
}

function validateFinalizers(problems: Problems, finalizers: readonly string[], at: FieldPath): void {
  for (const [i, finalizer] of finalizers.entries()) {
    problems.invalidAll(at, finalizer, qualifiedName(finalizer));
    if (!finalizer.includes('/') && !STANDARD_FINALIZERS.has(finalizer)) {
      problems.invalid(at.index(i), finalizer, 'name is neither a standard finalizer name nor is it fully qualified');
    }
  }
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    problems.invalid(at, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set');
  }
}

function validateManagedFields(problems: Problems, metadata: ObjectMeta, at: FieldPath): void {
  for (const [i, entry] of (metadata.managedFields ?? []).entries()) {
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      problems.invalid(at.index(i).field('operation'), entry.operation ?? '', 'must be `Apply` or `Update`');
    }
    if ((entry.fieldsType ?? '') !== '' && entry.fieldsType !== 'FieldsV1') {
      problems.invalid(at.index(i).field('fieldsType'), entry.fieldsType, 'must be `FieldsV1`');
    }
    if (byteLength(entry.manager ?? '') > LONGEST_MANAGER) problems.tooLong(at.index(i).field('manager'), LONGEST_MANAGER);
    if (byteLength(entry.subresource ?? '') > LONGEST_SUBRESOURCE) problems.tooLong(at.index(i).field('subresource'), LONGEST_SUBRESOURCE);
  }
}

export function validateLabelSelector(problems: Problems, selector: LabelSelector | undefined, at: FieldPath): void {
  if (selector === undefined) return;
  validateLabels(problems, selector.matchLabels, at.field('matchLabels'));
  for (const [i, expression] of (selector.matchExpressions ?? []).entries()) {
    validateRequirement(problems, expression, at.field('matchExpressions').index(i));
  }
}

function validateRequirement(problems: Problems, { key, operator, values = [] }: LabelSelectorRequirement, at: FieldPath): void {
  validateOperands(problems, operator, values.length, at);
  problems.invalidAll(at.field('key'), key, qualifiedName(key));
  for (const [i, value] of values.entries()) problems.invalidAll(at.field('values').index(i), value, labelValue(value));
}

/** In and NotIn want values, Exists and DoesNotExist want none. */
export function validateOperands(problems: Problems, operator: string, count: number, at: FieldPath): void {
  if (operator === 'In' || operator === 'NotIn') {
    if (count === 0) problems.required(at.field('values'), "must be specified when `operator` is 'In' or 'NotIn'");
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (count > 0) problems.forbidden(at.field('values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
  }
}
