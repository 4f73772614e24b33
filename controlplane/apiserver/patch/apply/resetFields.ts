/**
 * What a write to an endpoint leaves as it was, and so can never own: the status of an object written as a whole, everything but the
 * status of one written through /status. Pure.
 * Source: the reset fields of the registries of Kubernetes 1.36.
 */
import type { KindDefinition } from '#api/scheme.ts';
import { NO_FIELDS, setOf, union, type FieldSet } from './fieldSet.ts';

const STATUS = setOf(['f:status']);
const SPEC = setOf(['f:spec']);
/** By "kind.group": what /status leaves alone beside spec. */
const MORE_FOR_STATUS: Readonly<Record<string, FieldSet>> = {
  'Pod.': setOf(['f:metadata', 'f:deletionTimestamp'], ['f:metadata', 'f:ownerReferences']),
  'Deployment.apps': setOf(['f:metadata', 'f:labels']),
};

export function resetFieldsOf({ kind, apiVersion, subresources }: KindDefinition, subresource: string): FieldSet {
  if (subresource === '') return subresources.includes('status') ? STATUS : NO_FIELDS;
  if (subresource !== 'status') return STATUS;
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const more = MORE_FOR_STATUS[`${kind}.${group}`];
  return more === undefined ? SPEC : union(SPEC, more);
}
