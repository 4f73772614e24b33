/**
 * mkdir -p for a path that somebody else chose. Node's own recursive mkdir never returns where making a directory fails with ENOENT
 * although its parent is there, as below /proc, and keeps a thread busy meanwhile.
 *
 * Returns whether it made the directory; one that is there already keeps its mode. Throws: the file system's own error; what is there and
 * is no directory is no error here.
 */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '#base/errors.ts';

export async function makeDirectory(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (err) {
    if (codeOf(err) === 'EEXIST') return false;
    const parent = dirname(path);
    // A parent that was there before: it will not work the second time either.
    if (codeOf(err) !== 'ENOENT' || parent === path || !(await makeDirectory(parent, mode))) throw err;
    return makeDirectory(path, mode);
  }
}
