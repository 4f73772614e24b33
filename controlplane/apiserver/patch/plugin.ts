/**
 * Patches and ownership as the registry plugs them in. Pure.
 * Throws: what applyPatch throws; UnsupportedMediaType for a strategic patch of a kind that has no merge keys.
 */
import type { KubeObject, ManagedFieldsEntry } from '#api/kinds/meta/objectMeta.ts';
import type { Draft } from '#api/schema.ts';
import type { Ownership, OwnershipChange } from '../registry/ownership.ts';
import { PATCH_TYPES, type Patcher, type PatchInput, type PatchType } from '../registry/patching.ts';
import { unsupportedMediaType } from '../status.ts';
import { resetFieldsOf } from './apply/resetFields.ts';
import { keepTimes, trackUpdate } from './apply/update.ts';
import { applyPatch, type PatchRequest } from './patch.ts';

const STRATEGIC = 'application/strategic-merge-patch+json';
const TYPES: Readonly<Partial<Record<PatchType, PatchRequest['type']>>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  [STRATEGIC]: 'strategic',
  'application/apply-patch+yaml': 'apply',
};

export function makePatching(): { readonly patcher: Patcher; readonly ownership: Ownership } {
  return {
    patcher: { apply: (input) => applyPatch(requestOf(input)) },
    ownership: {
      record: (draft, change) => {
        const object = draft as unknown as KubeObject;
        setOwners(draft, change.operation === 'Apply' ? object.metadata.managedFields : tracked(object, change));
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
