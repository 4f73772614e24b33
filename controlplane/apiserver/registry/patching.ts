/** Where patches are applied: a pure function per content type, plugged in from patch/. */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Resource } from './types.ts';

export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/strategic-merge-patch+json'
  | 'application/apply-patch+yaml'
  | 'application/apply-patch+cbor';

export const PATCH_TYPES: readonly PatchType[] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

export interface PatchInput {
  readonly resource: Resource;
  readonly type: PatchType;
  readonly patch: unknown;
  /** undefined: an apply of an object that does not exist yet. */
  readonly current: KubeObject | undefined;
  readonly manager: string;
  readonly force: boolean;
  readonly subresource: string;
  readonly nowMs: number;
}

export interface Patcher {
  /** The object as the patch wants it: not yet checked, and not yet what the server makes of it. Throws ApiError. */
  apply(input: PatchInput): unknown;
}
