/** Who owns which field (metadata.managedFields): kept by what is plugged in here (patch/plugin.ts). Pure. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { KubeDraft, Resource } from './types.ts';

export interface OwnershipChange {
  readonly resource: Resource;
  /** undefined: the object is being created. */
  readonly old: KubeObject | undefined;
  readonly manager: string;
  readonly subresource: string;
  readonly nowMs: number;
  /** A server-side apply says itself who owns what. */
  readonly operation: 'Apply' | 'Update';
}

export interface Ownership {
  /** Called with the finished draft of a create, update or patch; sets its managedFields. */
  record(draft: KubeDraft, change: OwnershipChange): void;
}

/** Source: upstream takes the part of the User-Agent before the slash when the client names no manager. */
export function managerOf(asked: string | undefined, userAgent: string | undefined): string {
  if (asked !== undefined && asked !== '') return asked;
  const name = (userAgent ?? '').split('/')[0]?.replaceAll(/[^\x20-\x7e]/g, '') ?? '';
  return name === '' ? 'unknown' : name.slice(0, 128);
}
