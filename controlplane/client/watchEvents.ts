/**
 * The stream of one watch as events. Ends when the server ends it; a line that was cut off by that is not an event.
 * Throws: ApiError for an ERROR event (isExpired when the version is gone), API_ANSWER_INVALID for what is no event.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Schema } from '#api/schema.ts';
import { decodeObject } from './decode.ts';
import { badAnswer, refusalOfEvent } from './errors.ts';
import { readLines } from './lines.ts';

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Everything up to this version has been told. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly endsInitialEvents: boolean };

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

export async function* readEvents<T extends KubeObject>(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  schema: Schema<T> | undefined,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  for await (const line of readLines(body)) yield readEvent(line, schema);
}

function readEvent<T extends KubeObject>(line: string, schema: Schema<T> | undefined): WatchEvent<T> {
  const { type, object } = parse(line);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: named(decodeObject(schema, object)) };
    case 'BOOKMARK': {
      const { metadata } = decodeObject<KubeObject>(undefined, object);
      const { resourceVersion, annotations } = metadata;
      if (resourceVersion === undefined || resourceVersion === '') throw badAnswer('a watch', 'a bookmark without a resourceVersion');
      return { type, resourceVersion, endsInitialEvents: annotations?.[INITIAL_EVENTS_END] === 'true' };
    }
    case 'ERROR':
      throw refusalOfEvent(object);
    default:
      throw badAnswer('a watch', `an event of type ${JSON.stringify(type)}`);
  }
}

function parse(line: string): { readonly type?: unknown; readonly object?: unknown } {
  try {
    const value = JSON.parse(line) as unknown;
    if (typeof value === 'object' && value !== null) return value;
  } catch (err) {
    throw badAnswer('a watch', `a line that is no JSON: ${line.slice(0, 80)}`, err);
  }
  throw badAnswer('a watch', `a line that is no event: ${line.slice(0, 80)}`);
}

/** What has no name or version cannot be followed. */
export function named<T extends KubeObject>(object: T): T {
  const { name, resourceVersion } = object.metadata;
  if (typeof name !== 'string' || name === '' || typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw badAnswer('a list or watch', `an object without a name or a resourceVersion: ${JSON.stringify(object.metadata).slice(0, 120)}`);
  }
  return object;
}
