/**
 * What changed between two versions of an object, field by field, and who is said to have changed it. Pure.
 * Lists whose elements have keys are compared element by element; what appears or goes as a whole is one change.
 * The server's own notes (resourceVersion, managedFields) are left out: they change with everything.
 */
import type { KubeObject, ManagedFieldsEntry } from '#api/kinds/meta/objectMeta.ts';
import type { Schema } from '#api/schema.ts';
import { elementText, hasPath, type FieldSet } from '../patch/apply/fieldSet.ts';
import {
  containerOf,
  elementsOf,
  fieldKey,
  fieldShape,
  isVoid,
  itemShape,
  shapeOf,
  type Container,
  type Shape,
} from '../patch/apply/shape.ts';
import { equal, isObject, own } from '../patch/json.ts';

export interface FieldChange {
  /** Such as .spec.containers[name="web"].image */
  readonly path: string;
  /** Absent: it was not there. */
  readonly before?: unknown;
  /** Absent: it is gone. */
  readonly after?: unknown;
}

export interface Author {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
}

interface Found {
  readonly keys: readonly string[];
  readonly change: FieldChange;
}

export interface Difference {
  readonly changes: readonly FieldChange[];
  /** Empty where nobody's record says it. */
  readonly authors: readonly Author[];
}

export function difference(schema: Schema, before: KubeObject | undefined, after: KubeObject): Difference {
  const found: Found[] = [];
  if (before !== undefined) compareAt(shapeOf(schema), bare(before), bare(after), [], found);
  const authors = authorsOf(before?.metadata.managedFields ?? [], after.metadata.managedFields ?? [], found);
  return { changes: found.map(({ change }) => change), authors };
}

function bare(object: KubeObject): unknown {
  const { resourceVersion: _, managedFields: __, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function compareAt(shape: Shape, before: unknown, after: unknown, keys: readonly string[], out: Found[]): void {
  if (equal(before, after)) return;
  const container = containerOf(shape, before, after);
  if (container === undefined || isVoid(before) || isVoid(after)) {
    const path = keys.map(elementText).join('');
    out.push({ keys, change: { path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) } });
  } else if (container.kind === 'struct' || container.kind === 'map') compareFields(container, before, after, keys, out);
  else compareElements(container, before, after, keys, out);
}

function compareFields(container: Container, before: unknown, after: unknown, keys: readonly string[], out: Found[]): void {
  if (!isObject(before) || !isObject(after)) return;
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    compareAt(fieldShape(container, name), own(before, name), own(after, name), [...keys, fieldKey(name)], out);
  }
}

function compareElements(container: Container, before: unknown, after: unknown, keys: readonly string[], out: Found[]): void {
  const [old, now] = [elementsOf(container, before), elementsOf(container, after)];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    compareAt(itemShape(container), single(old.get(name)), single(now.get(name)), [...keys, name], out);
  }
}

/** Elements that share a name are one. */
function single(items: readonly unknown[] | undefined): unknown {
  return items === undefined || items.length === 1 ? items?.[0] : items;
}

/**
 * A manager whose entry is new or has a new time has written. Times are whole seconds: within one, it is the last of those who own a field
 * that changed. A write that only took fields away leaves no trace.
 */
function authorsOf(
  before: readonly ManagedFieldsEntry[],
  after: readonly ManagedFieldsEntry[],
  changes: readonly Found[],
): readonly Author[] {
  const written = after.filter((entry) => !before.some((old) => isSame(old, entry) && old.time === entry.time));
  if (written.length > 0) return written.map(authorOf);
  const owners = after.filter(({ fieldsV1 }) => changes.some(({ keys }) => owns((fieldsV1 ?? {}) as FieldSet, keys)));
  const last = owners
    .map(({ time }) => time ?? '')
    .toSorted()
    .at(-1);
  return owners.filter(({ time }) => (time ?? '') === last).map(authorOf);
}

const isSame = (a: ManagedFieldsEntry, b: ManagedFieldsEntry): boolean =>
  a.manager === b.manager && a.operation === b.operation && a.subresource === b.subresource && a.apiVersion === b.apiVersion;

const owns = (fields: FieldSet, keys: readonly string[]): boolean => keys.some((_, i) => hasPath(fields, keys.slice(0, i + 1)));

function authorOf({ manager = 'unknown', operation = 'Update', subresource }: ManagedFieldsEntry): Author {
  return { manager, operation, ...(subresource === undefined || subresource === '' ? {} : { subresource }) };
}
