/**
 * The stored form of an object and how it becomes the form clients see, without decoding or copying it. Pure.
 * Stored: JSON that begins {"apiVersion":...,"kind":...,"metadata":{ and has no resourceVersion; the store's revision is the resourceVersion.
 * Seen by clients: the same bytes with "resourceVersion":"N", put in right behind "metadata":{.
 * Documents that others wrote into the store in another order are decoded and written anew, once, when they are read in.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { JsonBytes } from '../call.ts';

const METADATA = Buffer.from('"metadata":{');
const OPENING = /^\{"(?:apiVersion|kind)":"[^"\\]*","(?:apiVersion|kind)":"[^"\\]*","metadata":\{/;
/** An apiVersion and a kind are shorter than this together. */
const LONGEST_OPENING = 400;

/** The stored bytes are those of the store, which keeps them once for all that refer to them. */
export interface Seen {
  readonly value: Buffer;
  /** Where the resourceVersion belongs. */
  readonly at: number;
  /** undefined: the value is as clients see it already. */
  readonly revision: number | undefined;
}

/** The value as a client sees it at this revision. Throws SyntaxError when it is no JSON. */
export function seenAt(stored: Uint8Array, revision: number): Seen {
  const value = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const at = insertAt(value);
  if (at !== undefined) return { value, at, revision };
  const { apiVersion, kind, metadata, ...rest } = JSON.parse(value.toString()) as Record<string, unknown>;
  const { resourceVersion: _, ...kept } = { ...(metadata as Record<string, unknown> | undefined) };
  const again = Buffer.from(JSON.stringify({ apiVersion: String(apiVersion), kind: String(kind), metadata: kept, ...rest }));
  return { value: again, at: again.indexOf(METADATA) + METADATA.length, revision };
}

/** An object that is shown but not stored. */
export function seenAsIs(object: unknown): Seen {
  return { value: Buffer.from(JSON.stringify(object)), at: 0, revision: undefined };
}

/** What a client gets, in pieces: for what is gathered anyway. */
export function piecesOf({ value, at, revision }: Seen): JsonBytes {
  if (revision === undefined) return [value];
  return [value.subarray(0, at), Buffer.from(versionText(revision, value[at]), 'latin1'), value.subarray(at)];
}

/** The same in one piece, made anew. */
export function bytesOf({ value, at, revision }: Seen): Buffer {
  if (revision === undefined) return value;
  const text = versionText(revision, value[at]);
  const out = Buffer.allocUnsafe(value.length + text.length);
  value.copy(out, 0, 0, at);
  out.write(text, at, 'latin1');
  value.copy(out, at + text.length, at);
  return out;
}

/** next: the byte that follows; an empty metadata gets no comma. */
function versionText(revision: number, next: number | undefined): string {
  return `"resourceVersion":"${revision}"${next === CLOSE ? '' : ','}`;
}

export function decodeSeen({ value, revision }: Seen): KubeObject {
  const object = JSON.parse(value.toString()) as KubeObject;
  if (revision !== undefined) (object.metadata as { resourceVersion?: string }).resourceVersion = String(revision);
  return object;
}

/** An object as it is stored. The caller's object is left as it is. */
export function storedForm(object: { readonly apiVersion?: string; readonly kind?: string; readonly metadata: object }): Buffer {
  const { apiVersion, kind, metadata, ...rest } = object;
  const { resourceVersion: _, ...kept } = metadata as Record<string, unknown>;
  return Buffer.from(JSON.stringify({ apiVersion, kind, metadata: kept, ...rest }));
}

function insertAt(value: Buffer): number | undefined {
  const found = value.indexOf(METADATA);
  if (found < 0 || found > LONGEST_OPENING) return undefined;
  const at = found + METADATA.length;
  if (!OPENING.test(value.toString('latin1', 0, at))) return undefined;
  // Somebody else's form may carry one of its own.
  return value[at] === QUOTE && !value.subarray(at, at + 18).equals(OWN) ? at : value[at] === CLOSE ? at : undefined;
}

const QUOTE = 0x22;
const CLOSE = 0x7d;
const OWN = Buffer.from('"resourceVersion":');
