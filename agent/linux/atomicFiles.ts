/**
 * A directory whose files change all at once: readers see the old set or the new one, never a mixture.
 *
 * The files lie in a directory of their own, ..data is a link to it, and every name at the top is a link through ..data.
 * A change makes a new directory and renames a new link over ..data; the kernel does that in one step.
 * Source: the layout of projected volumes in Kubernetes ("..data"), which programs that watch such volumes rely on.
 * Throws: the file system's own error. Broken off at any point, the next write mends it.
 */
import { chmod, lstat, mkdir, mkdtemp, readFile, readdir, readlink, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '#base/errors.ts';
import { giveToGroup } from './groupOwnership.ts';

export interface AtomicFile {
  readonly bytes: Uint8Array;
  readonly mode: number;
}

export interface AtomicOptions {
  /** May read everything that is written. */
  readonly group?: number | undefined;
}

const DATA = '..data';
const DATA_NEW = '..data_tmp';

/** Paths are relative and hold no "..". Returns whether anything was written. */
export async function writeAtomically(
  directory: string,
  files: ReadonlyMap<string, AtomicFile>,
  { group }: AtomicOptions = {},
): Promise<boolean> {
  const current = await readlink(join(directory, DATA)).catch(absent);
  if (current !== undefined && (await isAsWanted(join(directory, current), files))) {
    await linkNames(directory, files);
    return false;
  }
  const made = await mkdtemp(join(directory, `..${new Date().toISOString().replaceAll(/[-:TZ]/g, '_')}`));
  await chmod(made, 0o755);
  for (const [path, { bytes, mode }] of files) {
    const file = join(made, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes, { mode: 0o600 });
    await chmod(file, mode);
  }
  if (group !== undefined) {
    await giveToGroup(made, { group, readOnly: true });
    await giveToGroup(directory, { group, readOnly: true, policy: 'OnRootMismatch' });
  }
  await rm(join(directory, DATA_NEW), { force: true });
  await symlink(made.slice(directory.length + 1), join(directory, DATA_NEW));
  await rename(join(directory, DATA_NEW), join(directory, DATA));
  await linkNames(directory, files);
  await removeOthers(directory, { data: made.slice(directory.length + 1), files });
  return true;
}

function topOf(path: string): string {
  return path.split('/')[0] ?? path;
}

async function linkNames(directory: string, files: ReadonlyMap<string, AtomicFile>): Promise<void> {
  for (const name of new Set([...files.keys()].map(topOf))) {
    await symlink(join(DATA, name), join(directory, name)).catch((err: unknown) => {
      if (codeOf(err) !== 'EEXIST') throw err;
    });
  }
}

async function removeOthers(directory: string, keep: { data: string; files: ReadonlyMap<string, AtomicFile> }): Promise<void> {
  const names = new Set([...keep.files.keys()].map(topOf));
  for (const name of await readdir(directory)) {
    if (name === DATA || name === keep.data || names.has(name)) continue;
    const path = join(directory, name);
    const found = await lstat(path);
    if (name.startsWith('..') && found.isDirectory()) await rm(path, { recursive: true, force: true });
    else if (found.isSymbolicLink() && (await readlink(path)).startsWith(`${DATA}/`)) await unlink(path);
  }
}

async function isAsWanted(directory: string, files: ReadonlyMap<string, AtomicFile>): Promise<boolean> {
  const there = await readdir(directory, { recursive: true, withFileTypes: true }).catch(absent);
  if (there === undefined || there.filter((e) => !e.isDirectory()).length !== files.size) return false;
  for (const [path, { bytes }] of files) {
    const found = await readFile(join(directory, path)).catch(() => undefined);
    if (found === undefined || Buffer.compare(found, bytes) !== 0) return false;
  }
  return true;
}

function absent(err: unknown): undefined {
  if (codeOf(err) === 'ENOENT') return undefined;
  throw err;
}
