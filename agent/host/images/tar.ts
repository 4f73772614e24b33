/**
 * Writes tar archives that depend on nothing but their entries: bytewise order, one mtime for all, numeric owners, no names
 * of users. Plain ustar; a pax header only where a path or a link does not fit (longer than ustar holds, or not ASCII).
 * Headers are pure; file contents are streamed from disk.
 *
 * Units: mode in octal permission bits; mtimeSec seconds since the epoch; sizes in bytes.
 * Throws: IMAGES_TAR_INVALID (a path that tar cannot hold or that leaves the root, the same path twice), IMAGES_FILE_CHANGED.
 * Source: POSIX.1-2008 pax, "ustar Interchange Format" and "pax Extended Header".
 */
import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { AppError } from '#base/errors.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export type TarContent =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'disk'; readonly path: string; readonly sizeBytes: number };

/** Paths are relative to the root, without a slash at either end. No owner means root. */
export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number; readonly owner?: Owner }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string; readonly owner?: Owner }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: TarContent; readonly owner?: Owner };

export const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const ROOT: Owner = { uid: 0, gid: 0 };
/** GNU tar fills archives up to records of 20 blocks, and complains on some devices about less. */
const RECORD_BYTES = 20 * BLOCK_BYTES;
const LARGEST_OCTAL_11 = 0o77_777_777_777;

/** The archive in chunks. Entries are sorted here, so that their order never matters. */
export async function* writeTar(
  entries: readonly TarEntry[],
  mtimeSec: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  let written = 0;
  for (const entry of inOrder(entries)) {
    signal.throwIfAborted();
    const header = tarHeader(entry, mtimeSec);
    yield header;
    written += header.length;
    if (entry.kind !== 'file') continue;
    yield* contentChunks(entry.content, signal);
    const sizeBytes = contentBytes(entry.content);
    const padding = -sizeBytes & (BLOCK_BYTES - 1);
    if (padding > 0) yield Buffer.alloc(padding);
    written += sizeBytes + padding;
  }
  const end = written + 2 * BLOCK_BYTES;
  yield Buffer.alloc(2 * BLOCK_BYTES + ((RECORD_BYTES - (end % RECORD_BYTES)) % RECORD_BYTES));
}

export function contentBytes(content: TarContent): number {
  return content.kind === 'bytes' ? content.bytes.length : content.sizeBytes;
}

/** By bytes: a folder comes before what is in it, because its path is a prefix of theirs. */
function inOrder(entries: readonly TarEntry[]): TarEntry[] {
  const keyed = entries.map((entry) => ({ entry, key: Buffer.from(entry.path) })).sort((a, b) => a.key.compare(b.key));
  for (const [i, { entry, key }] of keyed.entries()) {
    checkPath(entry.path);
    if (keyed[i + 1]?.key.equals(key) === true) throw invalid(`${entry.path} is there twice`);
  }
  return keyed.map(({ entry }) => entry);
}

function checkPath(path: string): void {
  if (path === '' || path.includes('\0') || path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw invalid(`${JSON.stringify(path)} is not a path below the root`);
  }
}

async function* contentChunks(content: TarContent, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  if (content.kind === 'bytes') {
    if (content.bytes.length > 0) yield Buffer.from(content.bytes.buffer, content.bytes.byteOffset, content.bytes.length);
    return;
  }
  let got = 0;
  for await (const chunk of createReadStream(content.path, { signal, highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    got += chunk.length;
    yield chunk;
  }
  if (got !== content.sizeBytes) {
    throw new AppError('IMAGES_FILE_CHANGED', `Cannot archive ${content.path}: it had ${content.sizeBytes} bytes and now has ${got}`);
  }
}

/** The header block of one entry, with its pax header before it where one is needed. */
export function tarHeader(entry: TarEntry, mtimeSec: number): Buffer {
  const path = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
  const split = splitName(path);
  const target = entry.kind === 'symlink' ? entry.target : '';
  const pax: [string, string][] = [];
  if (split === undefined) pax.push(['path', path]);
  if (target.includes('\0')) throw invalid(`${entry.path} links to a path with a NUL`);
  if (!fits(target, NAME_BYTES)) pax.push(['linkpath', target]);
  const sizeBytes = entry.kind === 'file' ? contentBytes(entry.content) : 0;
  if (sizeBytes > LARGEST_OCTAL_11) pax.push(['size', String(sizeBytes)]);
  const main = block({
    ...(split ?? { name: asciiTail(path), prefix: '' }),
    type: entry.kind === 'directory' ? '5' : entry.kind === 'symlink' ? '2' : '0',
    mode: entry.kind === 'symlink' ? 0o777 : entry.mode,
    owner: entry.owner ?? ROOT,
    sizeBytes: Math.min(sizeBytes, LARGEST_OCTAL_11),
    target: fits(target, NAME_BYTES) ? target : asciiTail(target),
    mtimeSec,
  });
  if (pax.length === 0) return main;
  const records = Buffer.from(pax.map(([key, value]) => paxRecord(key, value)).join(''));
  const paxHeader = { name: 'PaxHeader', prefix: '', type: 'x', mode: 0o644, owner: ROOT, sizeBytes: records.length, target: '', mtimeSec };
  return Buffer.concat([block(paxHeader), records, Buffer.alloc(-records.length & (BLOCK_BYTES - 1)), main]);
}

/** "<length> key=value\n", where length counts its own digits too. */
export function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (length !== rest + String(length).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

interface Block {
  readonly name: string;
  readonly prefix: string;
  readonly type: string;
  readonly mode: number;
  readonly owner: Owner;
  readonly sizeBytes: number;
  readonly target: string;
  readonly mtimeSec: number;
}

function block(b: Block): Buffer {
  const out = Buffer.alloc(BLOCK_BYTES);
  out.write(b.name, 0, NAME_BYTES, 'latin1');
  octal(out, { at: 100, width: 8, value: b.mode & 0o7777 });
  octal(out, { at: 108, width: 8, value: b.owner.uid });
  octal(out, { at: 116, width: 8, value: b.owner.gid });
  octal(out, { at: 124, width: 12, value: b.sizeBytes });
  octal(out, { at: 136, width: 12, value: b.mtimeSec });
  out.fill(' ', 148, 156);
  out.write(b.type, 156, 'latin1');
  out.write(b.target, 157, NAME_BYTES, 'latin1');
  out.write('ustar\x0000', 257, 'latin1');
  octal(out, { at: 329, width: 8, value: 0 });
  octal(out, { at: 337, width: 8, value: 0 });
  out.write(b.prefix, 345, PREFIX_BYTES, 'latin1');
  out.write(`${checksum(out).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

/** The sum of all bytes, with the checksum field itself read as spaces. */
function checksum(header: Uint8Array): number {
  let sum = 0;
  for (const [i, byte] of header.entries()) sum += i >= 148 && i < 156 ? 0x20 : byte;
  return sum;
}

function octal(out: Buffer, { at, width, value }: { readonly at: number; readonly width: number; readonly value: number }): void {
  const digits = Number.isInteger(value) && value >= 0 ? value.toString(8) : undefined;
  if (digits === undefined || digits.length >= width) throw invalid(`the number ${value} does not fit into a header`);
  out.write(`${digits.padStart(width - 1, '0')}\0`, at, 'latin1');
}

function fits(text: string, maxBytes: number): boolean {
  return text.length <= maxBytes && isAscii(text);
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

/** At most 100 bytes of name, or up to 155 of prefix, a slash, and a name. undefined: only pax can hold it. */
function splitName(path: string): { readonly name: string; readonly prefix: string } | undefined {
  if (fits(path, NAME_BYTES)) return { name: path, prefix: '' };
  if (!isAscii(path)) return undefined;
  // The slash that ends a folder's path belongs to the name.
  const slash = path.indexOf('/', path.length - NAME_BYTES - 1);
  if (slash <= 0 || slash > PREFIX_BYTES || slash >= path.length - 1) return undefined;
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}

/** What a reader without pax would see. */
function asciiTail(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '_').slice(-NAME_BYTES);
}

export interface TarMember {
  readonly path: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Where the files of an archive lie. For archives of writeTar with short ASCII names, as ours of OCI blobs are. */
export async function indexTar(file: FileHandle, label: string): Promise<ReadonlyMap<string, TarMember>> {
  const members = new Map<string, TarMember>();
  const totalBytes = (await file.stat()).size;
  const header = Buffer.alloc(BLOCK_BYTES);
  for (let at = 0; ;) {
    const { bytesRead } = await file.read(header, 0, BLOCK_BYTES, at);
    if (bytesRead < BLOCK_BYTES) throw damaged(label, 'it has no end');
    if (header.every((byte) => byte === 0)) return members;
    const sizeBytes = parseOctal(header.subarray(124, 136));
    if (parseOctal(header.subarray(148, 156)) !== checksum(header)) throw damaged(label, `the header at byte ${at} has a wrong checksum`);
    const member = { path: cString(header.subarray(0, NAME_BYTES)), offset: at + BLOCK_BYTES, sizeBytes };
    if (!(member.offset + sizeBytes <= totalBytes)) throw damaged(label, `${member.path} is cut off`);
    if (header[156] === 0x30) members.set(member.path, member);
    at = member.offset + sizeBytes + (-sizeBytes & (BLOCK_BYTES - 1));
  }
}

function parseOctal(field: Buffer): number {
  return Number.parseInt(cString(field).trim() || '0', 8);
}

function cString(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? field.length : end);
}

function damaged(label: string, why: string): AppError {
  return new AppError('IMAGES_ARCHIVE_DAMAGED', `Cannot read ${label}: ${why}; remove it and run: kijabi images build`, { archive: label });
}

function invalid(why: string): AppError {
  return new AppError('IMAGES_TAR_INVALID', `Cannot write the tar archive: ${why}`);
}
