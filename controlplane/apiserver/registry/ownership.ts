/**
 * Who owns which field (metadata.managedFields): kept by whatever is plugged in here. Pure.
 * The default keeps no record, which is what a client sees that asks an API server without server-side apply.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { KubeDraft, Resource } from './types.ts';

export interface OwnershipChange {
  readonly resource: Resource;
  /** undefined: the object is being created. */
  readonly old: KubeObject | undefined;
  readonly manager: string;
  readonly subresource: string;
  readonly nowMs: number;
}

export interface Ownership {
  /** Called with the finished draft of a create, update or patch; sets its managedFields. */
  record(draft: KubeDraft, change: OwnershipChange): void;
}

export const noOwnership: Ownership = {
  record(draft, { old }) {
    const kept = old?.metadata.managedFields;
    if (kept === undefined) delete draft.metadata.managedFields;
    else draft.metadata.managedFields = structuredClone(kept) as never;
  },
};

/** Source: upstream takes the part of the User-Agent before the slash when the client names no manager. */
export function managerOf(asked: string | undefined, userAgent: string | undefined): string {
  if (asked !== undefined && asked !== '') return asked;
  const name = (userAgent ?? '').split('/')[0]?.replaceAll(/[^\x20-\x7e]/g, '') ?? '';
  return name === '' ? 'unknown' : name.slice(0, 128);
}
