/**
 * A PATCH of any kind: the document it makes of an object. Pure; the object and the patch are left as they are.
 * A JSON, merge or strategic patch gives a document to parse and default, whose owners are then recorded (apply/update.ts); a server-side
 * apply gives one that has its managedFields already.
 * Throws: ApiError BadRequest, Invalid, Conflict, RequestEntityTooLarge.
 * Limit: 100 levels of nesting, as everywhere a document is read.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { badRequest } from '../status.ts';
import { applyConfig } from './apply/apply.ts';
import type { FieldSet } from './apply/fieldSet.ts';
import { isObject, type JsonObject } from './json.ts';
import { jsonPatch } from './jsonPatch.ts';
import { mergePatch } from './mergePatch.ts';
import { strategicMerge } from './strategicMerge.ts';

export interface PatchRequest {
  readonly definition: KindDefinition;
  /** undefined only for an apply that creates. */
  readonly live: KubeObject | undefined;
  readonly type: 'json' | 'merge' | 'strategic' | 'apply';
  readonly patch: unknown;
  /** The next three are for an apply. */
  readonly manager: string;
  readonly onConflict: 'refuse' | 'force';
  readonly subresource?: string;
  readonly resetFields?: FieldSet;
  readonly nowMs: number;
}

export function applyPatch({ type, patch, ...rest }: PatchRequest): JsonObject {
  if (isTooDeep(patch)) throw badRequest(`error decoding patch: nested more than ${DEEPEST} levels deep`);
  if (type === 'apply') return applyConfig({ ...rest, config: patch });
  const document = patched(rest.definition, rest.live, { type, patch });
  if (isObject(document)) return document;
  throw badRequest('error decoding patch: what the patch leaves is not an object');
}

function patched(
  { schema }: KindDefinition,
  live: KubeObject | undefined,
  { type, patch }: { readonly type: Exclude<PatchRequest['type'], 'apply'>; readonly patch: unknown },
): unknown {
  switch (type) {
    case 'json':
      return jsonPatch(live, patch);
    case 'merge':
      if (!isObject(patch)) throw badRequest('Invalid JSON Patch: a merge patch is an object with the fields to change');
      return mergePatch(live, patch);
    case 'strategic':
      return strategicMerge(schema, live, patch);
  }
}

const DEEPEST = 100;

/** Level by level, because a value that is too deep is too deep to recurse into. */
function isTooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return true;
    level = level
      .flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []))
      .filter((item) => typeof item === 'object');
  }
  return false;
}
