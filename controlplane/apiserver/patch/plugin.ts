/**
 * Patches and ownership as the registry plugs them in. Pure, but that an apply leaves a note for the record that follows it.
 * Throws: what applyPatch throws; UnsupportedMediaType for a strategic patch of a kind that has no merge keys.
 */
import type { KubeObject, ManagedFieldsEntry } from '#api/kinds/meta/objectMeta.ts';
import type { Draft } from '#api/schema.ts';
import type { Ownership, OwnershipChange } from '../registry/ownership.ts';
import { PATCH_TYPES, type Patcher, type PatchInput, type PatchType } from '../registry/patching.ts';
import { unsupportedMediaType } from '../status.ts';
import { resetFieldsOf } from './apply/resetFields.ts';
import { keepTimes, timeText, trackUpdate } from './apply/update.ts';
import { applyPatch, type PatchRequest } from './patch.ts';

const STRATEGIC = 'application/strategic-merge-patch+json';
const TYPES: Readonly<Partial<Record<PatchType, PatchRequest['type']>>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  [STRATEGIC]: 'strategic',
  'application/apply-patch+yaml': 'apply',
};

/** Says of a recorded change that it was an apply. The registry may say so itself; where it does not, the notes tell. */
export interface RecordedChange extends OwnershipChange {
  readonly operation?: 'Apply' | 'Update';
}

export function makePatching(): { readonly patcher: Patcher; readonly ownership: Ownership } {
  /** The versions of objects that an apply has started from; a record of the same version finishes that apply. */
  const applied = new WeakSet<KubeObject>();
  return {
    patcher: {
      apply: (input) => {
        const document = applyPatch(requestOf(input));
        if (input.type === 'application/apply-patch+yaml' && input.current !== undefined) applied.add(input.current);
        return document;
      },
    },
    ownership: {
      record: (draft, change: RecordedChange) => {
        const object = draft as unknown as KubeObject;
        const isApply = change.operation === undefined ? isFinishing(object, change, applied) : change.operation === 'Apply';
        const next = isApply ? object.metadata.managedFields : tracked(object, change);
        setOwners(draft, next);
        if (change.old !== undefined) setOwners(draft, keepTimes(change.old, object).metadata.managedFields);
      },
    },
  };
}

function requestOf({ resource: { definition }, type, patch, current, manager, force, subresource, nowMs }: PatchInput): PatchRequest {
  const known = TYPES[type];
  const isBuiltIn = definition.schema.properties !== undefined;
  if (known === undefined || (known === 'strategic' && !isBuiltIn)) {
    throw unsupportedMediaType(PATCH_TYPES.filter((t) => isBuiltIn || t !== STRATEGIC));
  }
  const resetFields = resetFieldsOf(definition, subresource);
  return {
    definition,
    live: current,
    type: known,
    patch,
    manager,
    onConflict: force ? 'force' : 'refuse',
    subresource,
    resetFields,
    nowMs,
  };
}

function isFinishing({ metadata }: KubeObject, { old, manager, nowMs }: RecordedChange, applied: WeakSet<KubeObject>): boolean {
  if (old !== undefined) return applied.has(old);
  // An object that an apply creates comes with one entry, made just now by the manager that creates it.
  const [only, ...more] = metadata.managedFields ?? [];
  return only?.operation === 'Apply' && more.length === 0 && only.manager === manager && isJustNow(only.time, nowMs);
}

function isJustNow(time: string | undefined, nowMs: number): boolean {
  const age = nowMs - Date.parse(time ?? '');
  return time === timeText(nowMs) || (age >= 0 && age < 60_000);
}

function tracked(
  object: KubeObject,
  { resource: { definition }, old, manager, subresource, nowMs }: OwnershipChange,
): readonly ManagedFieldsEntry[] | undefined {
  return trackUpdate({ definition, live: old, object, manager, subresource, resetFields: resetFieldsOf(definition, subresource), nowMs });
}

function setOwners(draft: { metadata: Draft<KubeObject['metadata']> }, entries: readonly ManagedFieldsEntry[] | undefined): void {
  if (entries === undefined) delete draft.metadata.managedFields;
  else draft.metadata.managedFields = entries as Draft<readonly ManagedFieldsEntry[]>;
}
