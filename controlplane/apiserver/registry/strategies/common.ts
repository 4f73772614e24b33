/** What several strategies share. Pure. */
import { at, type FieldPath } from '#api/fieldPath.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { deepEqual } from '../deepEqual.ts';
import type { KubeDraft, Strategy } from '../types.ts';

type Loose = Readonly<Record<string, unknown>>;

export const SPEC = at('spec');
export const IMMUTABLE = 'field is immutable';

/** Kinds with a spec that users write and a status that the system writes. */
export const withStatus: Strategy = {
  counted: true,
  prepareForCreate: dropStatus,
  prepareForUpdate: keepStatus,
};

export function dropStatus(draft: KubeDraft): void {
  delete draft['status'];
}

export function keepStatus(draft: KubeDraft, old: KubeObject): void {
  const { status } = old as unknown as Loose;
  if (status === undefined) delete draft['status'];
  else draft['status'] = structuredClone(status);
}

/** Reads a field by its path: "spec.nodeName". */
export function readField(object: unknown, path: string): string {
  let value: unknown = object;
  for (const name of path.split('.')) value = (value as Loose | undefined)?.[name];
  return typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
}

export function fieldReaders(paths: readonly string[]): Readonly<Record<string, (object: never) => string>> {
  return Object.fromEntries(paths.map((path) => [path, (object: never) => readField(object, path)]));
}

/** One problem for each of these fields that changed. */
export function unchanged(object: unknown, old: unknown, places: readonly FieldPath[]): readonly Problem[] {
  const problems = new Problems();
  for (const place of places) {
    const [next, was] = [valueAt(object, place), valueAt(old, place)];
    if (!deepEqual(next, was)) problems.invalid(place, next ?? null, IMMUTABLE);
  }
  return problems.found;
}

function valueAt(object: unknown, place: FieldPath): unknown {
  let value: unknown = object;
  for (const name of place.toArray()) value = (value as Loose | undefined)?.[name];
  return value;
}

/** Nothing of spec may change but these fields. */
export function onlyChanges(object: KubeObject, old: KubeObject, names: readonly string[]): boolean {
  const [next, was] = [specOf(object), specOf(old)];
  for (const name of new Set([...Object.keys(next), ...Object.keys(was)])) {
    if (!names.includes(name) && !deepEqual(next[name], was[name])) return false;
  }
  return true;
}

export function specOf(object: KubeObject): Loose {
  return ((object as unknown as Loose)['spec'] ?? {}) as Loose;
}
