/**
 * What a patch has not touched was checked, defaulted and pruned when it was stored, and is not looked at again: who owns which fields,
 * and, where a subresource can change one field only, all others. Pure.
 * Untouched is what the patch shares with the object it was applied to; a copy that says the same is looked at like anything new.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { KindDefinition } from '#api/scheme.ts';
import type { KubeDraft } from './types.ts';

type Loose = Readonly<Record<string, unknown>>;

export interface SetAside {
  readonly definition: KindDefinition;
  readonly value: Loose;
  /** Puts back what was set aside; shared with the object, so not to be changed in the draft. */
  restore(draft: KubeDraft): void;
}

const ALWAYS = new Set(['apiVersion', 'kind', 'metadata']);

/** field: the only one that can change beside metadata; undefined: any can. */
export function setAside(definition: KindDefinition, next: Loose, current: KubeObject, field: string | undefined): SetAside {
  const was = current as unknown as Loose;
  const names =
    field === undefined ? [] : Object.keys(next).filter((name) => name !== field && !ALWAYS.has(name) && next[name] === was[name]);
  const value = { ...next };
  for (const name of names) delete value[name];
  const { managedFields } = current.metadata;
  const metadata = next['metadata'] as Loose | undefined;
  const isOwned = managedFields !== undefined && metadata?.['managedFields'] === managedFields;
  if (isOwned) {
    const { managedFields: _, ...rest } = metadata;
    value['metadata'] = rest;
  }
  return {
    definition: names.length === 0 ? definition : without(definition, names),
    value,
    restore: (draft) => {
      for (const name of names) draft[name] = was[name];
      if (isOwned) draft.metadata.managedFields = managedFields as never;
    },
  };
}

const smaller = new WeakMap<KindDefinition, Map<string, KindDefinition>>();

/** The kind as if it had not these fields; made once, because what is derived from a schema is kept by the schema. */
function without(definition: KindDefinition, names: readonly string[]): KindDefinition {
  const made = smaller.get(definition) ?? new Map<string, KindDefinition>();
  smaller.set(definition, made);
  const key = names.toSorted().join();
  const known = made.get(key);
  if (known !== undefined) return known;
  const { properties = {}, required = [], ...rest } = definition.schema;
  const kept = Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)));
  const schema = { ...rest, properties: kept, required: required.filter((name) => !names.includes(name)) };
  const result = { ...definition, schema };
  made.set(key, result);
  return result;
}
