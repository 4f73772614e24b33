/**
 * The hand-over from kubectl's client-side apply, which keeps what it applied in an annotation, to server-side apply. Pure.
 * Both rules hold for the manager "kubectl" alone; another name opts out of them.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { isObject, type JsonObject } from '../json.ts';
import { difference, NO_FIELDS, type FieldSet } from './fieldSet.ts';
import type { Shape } from './shape.ts';
import { compare, fieldsOf } from './typed.ts';

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
export const KUBECTL = 'kubectl';
/** All annotations of an object together. */
const ANNOTATION_BYTES = 256 * 1024;

function annotationsOf(object: unknown): JsonObject {
  const metadata = isObject(object) ? object['metadata'] : undefined;
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  return isObject(annotations) ? annotations : {};
}

/** What client-side apply set and nobody has changed since: kubectl may take it over without a conflict. */
export function ownedByAnnotation(options: {
  readonly shape: Shape;
  readonly live: KubeObject;
  readonly apiVersion: string;
  readonly canonical: (value: unknown) => unknown;
}): FieldSet {
  const text = annotationsOf(options.live)[LAST_APPLIED];
  if (typeof text !== 'string' || text === '') return NO_FIELDS;
  let applied: unknown;
  try {
    applied = options.canonical(JSON.parse(text));
  } catch {
    return NO_FIELDS; // somebody else's annotation, or one of another version
  }
  if (!isObject(applied) || applied['apiVersion'] !== options.apiVersion) return NO_FIELDS;
  const { changed, removed } = compare(options.shape, applied, options.live);
  return difference(difference(fieldsOf(options.shape, applied), changed), removed);
}

/** Keeps the annotation true where there is one, so that client-side apply can go on from here. */
export function withLastApplied(object: JsonObject, config: JsonObject): JsonObject {
  const annotations = annotationsOf(object);
  const text = annotations[LAST_APPLIED];
  if (typeof text !== 'string' || text === '') return object;
  const { [LAST_APPLIED]: _, ...rest } = annotations;
  const next = `${JSON.stringify(withoutAnnotation(config))}\n`;
  const bytes = Object.entries(rest).reduce(
    (sum, [key, value]) => sum + key.length + String(value).length,
    LAST_APPLIED.length + next.length,
  );
  const after = bytes > ANNOTATION_BYTES ? rest : { ...rest, [LAST_APPLIED]: next };
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), annotations: after } };
}

function withoutAnnotation(config: JsonObject): JsonObject {
  const { metadata } = config;
  if (!isObject(metadata) || !isObject(metadata['annotations']) || !Object.hasOwn(metadata['annotations'], LAST_APPLIED)) return config;
  const { [LAST_APPLIED]: _, ...annotations } = metadata['annotations'];
  return { ...config, metadata: { ...metadata, annotations } };
}
