/** Writes through subresources that are parts of an object: which fields they may change, and which rules hold. Pure. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Problem } from '#api/problem.ts';
import { validateMetadataUpdate } from './metadata.ts';
import type { KubeDraft, Part, Resource, WriteContext } from './types.ts';

function partOf({ strategy }: Resource, subresource: string): Part | undefined {
  return strategy.parts?.[subresource] ?? (subresource === 'status' ? STATUS_ALONE : undefined);
}

/** See Part.field. */
export function onlyFieldOf(resource: Resource, subresource: string): string | undefined {
  return partOf(resource, subresource)?.field;
}

export function prepareUpdate(
  resource: Resource,
  draft: KubeDraft,
  { old, context }: { readonly old: KubeObject; readonly context: WriteContext },
): void {
  const part = partOf(resource, context.subresource);
  if (part !== undefined) part.prepare(draft, old, context);
  else resource.strategy.prepareForUpdate?.(draft, old, context);
}

/** What a write through a part leaves as it was: everything but that field, and metadata. Shared with the old object, which nobody changes. */
export function keepAllBut(field: string, draft: KubeDraft, old: KubeObject): void {
  const was = old as unknown as Readonly<Record<string, unknown>>;
  for (const name of new Set([...Object.keys(draft), ...Object.keys(was)])) {
    if (name === field || name === 'metadata') continue;
    if (was[name] === undefined) delete draft[name];
    else draft[name] = was[name];
  }
}

const STATUS_ALONE: Part = {
  field: 'status',
  prepare(draft, old) {
    keepAllBut('status', draft, old);
    if (old.metadata.labels === undefined) delete draft.metadata.labels;
    else draft.metadata.labels = { ...old.metadata.labels };
  },
};

export function updateProblems(
  resource: Resource,
  object: KubeObject,
  { old, context }: { readonly old: KubeObject; readonly context: WriteContext },
): readonly Problem[] {
  const { strategy, definition } = resource;
  const metadata = validateMetadataUpdate(object.metadata, old.metadata);
  const part = partOf(resource, context.subresource);
  if (part !== undefined) return [...metadata, ...(part.validate?.(object, old, context) ?? [])];
  const rules = strategy.rulesForUpdate?.(object, old) ?? definition.validate?.(object) ?? [];
  return [...metadata, ...rules, ...(strategy.validateUpdate?.(object, old, context) ?? [])];
}
