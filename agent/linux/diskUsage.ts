/**
 * How much disk a directory takes with all that is in it. Files with several names count once; other file systems mounted below do not.
 * Units: bytes as they lie on the disk (blocks), as du(1) counts them.
 * Throws: the file system's own error; what vanishes meanwhile counts nothing.
 */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '#base/errors.ts';

/** Of st_blocks, whatever the file system's own block size. */
const BLOCK_BYTES = 512;

/** 0 for what is not there. */
export async function diskUsage(path: string): Promise<number> {
  const root = await lstat(path).catch(gone);
  return root === undefined ? 0 : usage(path, { device: root.dev, seen: new Set() });
}

async function usage(path: string, walk: { readonly device: number; readonly seen: Set<number> }): Promise<number> {
  const found = await lstat(path).catch(gone);
  if (found === undefined || found.dev !== walk.device || walk.seen.has(found.ino)) return 0;
  if (found.nlink > 1 && !found.isDirectory()) walk.seen.add(found.ino);
  let bytes = found.blocks * BLOCK_BYTES;
  if (found.isDirectory()) for (const name of (await readdir(path).catch(gone)) ?? []) bytes += await usage(join(path, name), walk);
  return bytes;
}

function gone(err: unknown): undefined {
  if (codeOf(err) === 'ENOENT') return undefined;
  throw err;
}
