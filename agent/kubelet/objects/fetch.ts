import { refKey, type ObjectKind, type ObjectKinds, type ObjectRef, type ObjectSource } from './source.ts';

/** Each object once; those that are not there are left out. */
export async function fetchObjects<K extends ObjectKind>(
  source: ObjectSource,
  refs: readonly ObjectRef<K>[],
  signal: AbortSignal,
): Promise<Map<string, ObjectKinds[K]>> {
  const byKey = new Map(refs.map((ref) => [refKey(ref), ref]));
  const found = await Promise.all([...byKey].map(async ([key, ref]) => [key, await source.get(ref, signal)] as const));
  return new Map(found.flatMap(([key, object]) => (object === undefined ? [] : [[key, object] as const])));
}
