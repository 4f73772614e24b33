/**
 * Writes a file beside its place and renames it there: whoever reads sees the old text or the new one, whole.
 * One write of a path at a time. Throws: the error of the file system. Broken off it leaves PATH.new, which the next write removes.
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface ReplaceOptions {
  readonly mode: number;
  /** Makes the directory, with this mode, where there is none. */
  readonly dirMode?: number;
}

export async function replaceFile(path: string, text: string, { mode, dirMode }: ReplaceOptions): Promise<void> {
  if (dirMode !== undefined) await mkdir(dirname(path), { recursive: true, mode: dirMode });
  const aside = `${path}.new`;
  // Made anew, so that it has this mode from its first byte on, and is no link of somebody.
  await rm(aside, { force: true });
  await writeFile(aside, text, { mode, flag: 'wx' });
  await rename(aside, path);
}
