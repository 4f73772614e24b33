/**
 * GET of <an object>/history: the versions of it that the store still holds, newest first, and what changed from each to the next.
 * Needs the verb get on the subresource history. It is no resource of the discovery, because no client of Kubernetes knows it.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Answer, ApiCall } from '../call.ts';
import { decodeSeen, seenAt } from '../cache/bytes.ts';
import { keyOf } from '../registry/reads.ts';
import type { Resource } from '../registry/types.ts';
import { isTrue, type ResourceRequest } from '../requestInfo.ts';
import { methodNotSupported, notFound } from '../status.ts';
import type { Store, Version } from '../storage/store.ts';
import { difference, type Author, type FieldChange } from './diff.ts';

export const HISTORY = 'history';
export const HISTORY_API_VERSION = 'kijabi.io/v1';

export interface ObjectVersion {
  readonly resourceVersion: string;
  /** RFC 3339, where the store keeps times. */
  readonly time?: string;
  /** How it came: updated unless it says otherwise. "older" is the oldest that is left, made out of one that is gone. */
  readonly event: 'created' | 'updated' | 'deleted' | 'older';
  /** The user who asked for it, where the store keeps times. */
  readonly user?: string;
  readonly authors: readonly Author[];
  readonly changes: readonly FieldChange[];
  /** Only when asked for with ?objects=true. */
  readonly object?: KubeObject;
}

export interface ObjectHistory {
  readonly kind: 'ObjectHistory';
  readonly apiVersion: typeof HISTORY_API_VERSION;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly versions: readonly ObjectVersion[];
}

export async function answerHistory(store: Store, resource: Resource, call: ApiCall): Promise<Answer> {
  const { verb, namespace, name } = call.info as ResourceRequest;
  if (verb !== 'get') throw methodNotSupported(resource.about, verb);
  const found = await store.history(resource.cache.prefix + keyOf(resource, { namespace, name }), call.signal);
  if (found.length === 0) throw notFound(resource.about, name);
  const value: ObjectHistory = {
    kind: 'ObjectHistory',
    apiVersion: HISTORY_API_VERSION,
    metadata: { name, ...(namespace === '' ? {} : { namespace }) },
    versions: versionsOf(resource, found, isTrue(call.query.get('objects')) ? 'objects' : 'changes'),
  };
  return { kind: 'value', code: 200, value };
}

/** Pure. found: newest first, as the result. */
export function versionsOf(resource: Resource, found: readonly Version[], detail: 'objects' | 'changes'): readonly ObjectVersion[] {
  let after: KubeObject | undefined;
  const out = found.toReversed().map((version): ObjectVersion => {
    const { revision, entry, atMs, by } = version;
    const before = after;
    after = entry === undefined ? undefined : decode(resource, entry.value, revision);
    const common = {
      resourceVersion: String(revision),
      ...(atMs === undefined ? {} : { time: new Date(atMs).toISOString() }),
      ...(by === undefined ? {} : { user: by }),
    };
    if (entry === undefined || after === undefined) return { ...common, event: 'deleted', authors: [], changes: [] };
    const event = entry.createRevision === revision ? 'created' : before === undefined ? 'older' : 'updated';
    const { authors, changes } = difference(resource.definition.schema, event === 'updated' ? before : undefined, after);
    return { ...common, event, authors: event === 'older' ? [] : authors, changes, ...(detail === 'objects' ? { object: after } : {}) };
  });
  return out.toReversed();
}

function decode({ conversion }: Resource, value: Uint8Array, revision: number): KubeObject {
  const object = decodeSeen(seenAt(value, revision));
  return conversion === undefined ? object : conversion.fromStored(object);
}
