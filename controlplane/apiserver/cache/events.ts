/**
 * What happened to one object, and how watches are told. One event is put into bytes once for all watches that want the same form of it.
 */
import type { Chunk, JsonBytes } from '../call.ts';
import { chunkOf } from '../http/chunk.ts';
import { passes, selectsAll, type Filter } from './filter.ts';
import type { CachedObject } from './object.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** before and after the change; at least one is there. For a deletion `after` is undefined. */
export interface CacheEvent {
  readonly revision: number;
  readonly before: CachedObject | undefined;
  readonly after: CachedObject | undefined;
}

export interface Told {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: CachedObject;
}

/** What a watch with this filter is told: an object that stops matching is gone for it. undefined: nothing. */
export function tell({ before, after, revision }: CacheEvent, filter: Filter): Told | undefined {
  if (selectsAll(filter) && filter.namespace === '') return tellAll({ before, after, revision });
  const was = before !== undefined && passes(filter, before);
  const is = after !== undefined && passes(filter, after);
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: after };
  return was ? { type: 'DELETED', object: before.deletedAt(revision) } : undefined;
}

function tellAll({ before, after, revision }: CacheEvent): Told | undefined {
  if (after !== undefined) return { type: before === undefined ? 'ADDED' : 'MODIFIED', object: after };
  return before === undefined ? undefined : { type: 'DELETED', object: before.deletedAt(revision) };
}

const OPEN: Readonly<Record<EventType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
  BOOKMARK: Buffer.from('{"type":"BOOKMARK","object":'),
  ERROR: Buffer.from('{"type":"ERROR","object":'),
};
const CLOSE = Buffer.from('}\n');

export function frame(type: EventType, object: Uint8Array): Chunk {
  return chunkOf([OPEN[type], object, CLOSE]);
}

/** There must be some. */
export function joinFrames(events: readonly (readonly [type: EventType, object: JsonBytes])[]): Chunk {
  const parts: Uint8Array[] = [];
  for (const [type, object] of events) parts.push(OPEN[type], ...object, CLOSE);
  return chunkOf(parts);
}
