/**
 * Gives a directory, and all that is in it, to a group: what fsGroup of a pod means for a volume.
 *
 * The group may read and (unless it is read-only) write files, enter directories, and what is made in them later is the group's too. Rights
 * are only added. The directory itself comes last, so that a walk that was broken off is seen by OnRootMismatch.
 * No link is followed, also not one that somebody puts into the way meanwhile (as in insideDirectory.ts).
 * Source: "Configure volume permission and ownership change policy for Pods" in the Kubernetes docs.
 * Throws: the file system's own error; what vanishes meanwhile is passed over.
 */
import { constants } from 'node:fs';
import { chmod, chown, lchown, open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '#base/errors.ts';
import { O_PATH, pathOf } from './insideDirectory.ts';

export interface Ownership {
  readonly group: number;
  readonly readOnly?: boolean;
  /** OnRootMismatch: nothing is done when the directory itself is as it shall be. */
  readonly policy?: 'Always' | 'OnRootMismatch';
}

const SETGID = 0o2000;
const KEEP_OWNER = -1;

export async function giveToGroup(directory: string, ownership: Ownership): Promise<void> {
  if (ownership.policy === 'OnRootMismatch' && (await isGiven(directory, ownership))) return;
  const root = await open(directory, O_PATH | constants.O_DIRECTORY);
  try {
    await give(root, ownership);
  } finally {
    await root.close();
  }
}

async function isGiven(directory: string, { group, readOnly }: Ownership): Promise<boolean> {
  const { gid, mode } = await stat(directory);
  const wanted = added(true, readOnly);
  return gid === group && (mode & wanted) === wanted;
}

/** Read for owner and group, write too unless it is read-only; for directories also entering and the set-group-ID bit. */
function added(isDirectory: boolean, readOnly = false): number {
  return (readOnly ? 0o440 : 0o660) | (isDirectory ? 0o110 | SETGID : 0);
}

async function give(handle: FileHandle, ownership: Ownership): Promise<void> {
  const { mode, gid } = await handle.stat();
  const isDirectory = (mode & constants.S_IFMT) === constants.S_IFDIR;
  if (isDirectory) for (const name of await readdir(pathOf(handle))) await giveEntry(handle, name, ownership);
  // Changing the group takes set-user-ID and set-group-ID away, so the mode comes after it.
  if (gid !== ownership.group) await chown(pathOf(handle), KEEP_OWNER, ownership.group);
  await chmod(pathOf(handle), (mode & 0o7777) | added(isDirectory, ownership.readOnly));
}

async function giveEntry(directory: FileHandle, name: string, ownership: Ownership): Promise<void> {
  try {
    const path = join(pathOf(directory), name);
    const entry = await open(path, O_PATH | constants.O_NOFOLLOW);
    try {
      if ((await entry.stat()).isSymbolicLink()) await lchown(path, KEEP_OWNER, ownership.group);
      else await give(entry, ownership);
    } finally {
      await entry.close();
    }
  } catch (err) {
    if (codeOf(err) !== 'ENOENT') throw err;
  }
}
