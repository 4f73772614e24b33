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

export interface DiskUse {
  readonly bytes: number;
  /** Files and directories, with the one that was asked for. */
  readonly inodes: number;
}

export const NO_USE: DiskUse = { bytes: 0, inodes: 0 };

export function sumUse(uses: Iterable<DiskUse>): DiskUse {
  return [...uses].reduce((a, b) => ({ bytes: a.bytes + b.bytes, inodes: a.inodes + b.inodes }), NO_USE);
}

/** 0 for what is not there. */
export async function diskUsage(path: string): Promise<number> {
  return (await diskUse(path)).bytes;
}

export async function diskUse(path: string): Promise<DiskUse> {
  const root = await lstat(path).catch(gone);
  const walk = { device: root?.dev ?? 0, seen: new Set<number>(), bytes: 0, inodes: 0 };
  if (root !== undefined) await count(path, walk);
  return { bytes: walk.bytes, inodes: walk.inodes };
}

interface Walk {
  readonly device: number;
  readonly seen: Set<number>;
  bytes: number;
  inodes: number;
}

async function count(path: string, walk: Walk): Promise<void> {
  const found = await lstat(path).catch(gone);
  if (found === undefined || found.dev !== walk.device || walk.seen.has(found.ino)) return;
  if (found.nlink > 1 && !found.isDirectory()) walk.seen.add(found.ino);
  walk.bytes += found.blocks * BLOCK_BYTES;
  walk.inodes += 1;
  if (found.isDirectory()) for (const name of (await readdir(path).catch(gone)) ?? []) await count(join(path, name), walk);
}

function gone(err: unknown): undefined {
  if (codeOf(err) === 'ENOENT') return undefined;
  throw err;
}
