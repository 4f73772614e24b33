/**
 * The stored form of an object and how it becomes the form clients see, without decoding it. Pure.
 * Stored: JSON that begins {"apiVersion":...,"kind":...,"metadata":{ and has no resourceVersion; the store's revision is the resourceVersion.
 * Seen by clients: the same bytes with "resourceVersion":"N", put in right behind "metadata":{.
 * Documents that others wrote into the store in another order are decoded and written anew, once, when they are read in.
 */
const METADATA = Buffer.from('"metadata":{');
const OPENING = /^\{"(?:apiVersion|kind)":"[^"\\]*","(?:apiVersion|kind)":"[^"\\]*","metadata":\{/;
/** An apiVersion and a kind are shorter than this together. */
const LONGEST_OPENING = 400;

export interface Seen {
  readonly bytes: Buffer;
  /** Where the resourceVersion stands. */
  readonly at: number;
}

/** The value as a client sees it at this revision. Throws SyntaxError when it is no JSON. */
export function seenAt(stored: Uint8Array, revision: number): Seen {
  const value = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const at = insertAt(value);
  if (at !== undefined) return { bytes: splice(value, { at, cut: 0 }, revision), at };
  const { apiVersion, kind, metadata, ...rest } = JSON.parse(value.toString()) as Record<string, unknown>;
  const { resourceVersion: _, ...kept } = { ...(metadata as Record<string, unknown> | undefined) };
  const again = Buffer.from(JSON.stringify({ apiVersion: String(apiVersion), kind: String(kind), metadata: kept, ...rest }));
  const place = again.indexOf(METADATA) + METADATA.length;
  return { bytes: splice(again, { at: place, cut: 0 }, revision), at: place };
}

/** The same object under another revision: a deleted object carries the revision of its deletion. */
export function movedTo({ bytes, at }: Seen, from: number, to: number): Seen {
  const cut = textOf(from, bytes[at + textOf(from, CLOSE).length] ?? CLOSE).length;
  return { bytes: splice(bytes, { at, cut }, to), at };
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

/** next: the byte that follows; an empty metadata gets no comma. */
function textOf(revision: number, next: number): string {
  return `"resourceVersion":"${revision}"${next === CLOSE ? '' : ','}`;
}

/** In a buffer of its own size: a slice of a shared pool would keep the whole pool alive as long as the object is cached. */
function splice(bytes: Buffer, { at, cut }: { readonly at: number; readonly cut: number }, revision: number): Buffer {
  const text = textOf(revision, bytes[at + cut] ?? 0);
  const out = Buffer.allocUnsafeSlow(bytes.length - cut + text.length);
  bytes.copy(out, 0, 0, at);
  out.write(text, at, 'latin1');
  bytes.copy(out, at + text.length, at + cut);
  return out;
}
