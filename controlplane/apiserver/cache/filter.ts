/** Which objects of a resource a list or watch is about. Pure. */
import { formatSelector, matches, type Selector } from '#api/labels.ts';
import { formatFieldSelector, type FieldSelector } from './fieldSelector.ts';
import type { CachedObject } from './object.ts';

export interface Filter {
  /** "": all. */
  readonly namespace: string;
  readonly labels: Selector;
  readonly fields: FieldSelector;
}

export const EVERYTHING: Filter = { namespace: '', labels: [], fields: [] };

export function selectsAll({ labels, fields }: Filter): boolean {
  return labels.length === 0 && fields.length === 0;
}

export function passes(filter: Filter, object: CachedObject): boolean {
  if (filter.namespace !== '' && !inNamespace(object.key, filter.namespace)) return false;
  for (const { field, value, equal } of filter.fields) if ((object.field(field) === value) !== equal) return false;
  return filter.labels.length === 0 || matches(filter.labels, object.labels);
}

export function inNamespace(key: string, namespace: string): boolean {
  return key.length > namespace.length && key.charCodeAt(namespace.length) === 0x2f && key.startsWith(namespace);
}

/** Two filters with the same text let the same objects pass. */
export function filterText({ namespace, labels, fields }: Filter): string {
  return `${namespace}\n${formatSelector(labels)}\n${formatFieldSelector(fields)}`;
}

/** The value a field must have, if the filter says so. */
export function wantedValue(filter: Filter, field: string): string | undefined {
  return filter.fields.find((term) => term.field === field && term.equal)?.value;
}
