/**
 * Opens what lies below a directory that others can write to, so that no link leads out of it: not one that is there, and not one that is
 * put in the place of a directory while we look. Links that stay inside are followed.
 *
 * The way in goes from one open directory to the next and never over a link. What was opened stays what it is whatever happens to its
 * name; use it by its descriptor alone (pathOf).
 * Kernel: O_PATH, and /proc/self/fd, through which a path begins at an open directory (what openat does).
 * Throws: AppError PATH_OUTSIDE, PATH_CHANGED, or the file system's own error (ENOENT: not there, and not to be made).
 */
import { constants } from 'node:fs';
import { chmod, mkdir, open, realpath, type FileHandle } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { AppError, codeOf } from '#base/errors.ts';

/** Not in Node's constants; the same number on every architecture that Node runs on. */
export const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;

export interface OpenInsideOptions {
  /** Directories that are not there are made, with this mode whatever the umask. */
  readonly makeWithMode?: number;
}

/** A path that leads to what the handle holds, while it is open, for this process alone. */
export const pathOf = ({ fd }: FileHandle): string => `/proc/self/fd/${fd}`;

/** The same for other processes. */
export const sharedPathOf = ({ fd }: FileHandle): string => `/proc/${process.pid}/fd/${fd}`;

/** path is relative. The caller closes what it gets. */
export async function openInside(root: string, path: string, options: OpenInsideOptions = {}): Promise<FileHandle> {
  const base = await realpath(root);
  const { found, missing } = await resolve(base, path);
  const inside = relative(base, found);
  if (inside.split('/')[0] === '..' || isAbsolute(inside))
    throw new AppError('PATH_OUTSIDE', `subpath "${join(root, path)}" not within volume path "${root}"`, { path });
  const { makeWithMode } = options;
  if (missing.length > 0 && makeWithMode === undefined)
    throw Object.assign(new Error(`${join(root, path)} is not there`), { code: 'ENOENT' });
  let at = await open(base, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const name of inside.split('/').filter(Boolean)) at = await enter(at, name);
    for (const name of missing) {
      const made = await mkdir(join(pathOf(at), name), { mode: 0o700 }).then(
        () => true,
        (err: unknown) => {
          if (codeOf(err) === 'EEXIST') return false; // somebody was quicker
          throw err;
        },
      );
      at = await enter(at, name);
      if (made) await chmod(pathOf(at), makeWithMode ?? 0o755);
    }
    return at;
  } catch (err) {
    await at.close();
    throw err;
  }
}

/** Takes the handle of the directory in exchange for that of what is in it. */
async function enter(directory: FileHandle, name: string): Promise<FileHandle> {
  const next = await open(join(pathOf(directory), name), O_PATH | O_NOFOLLOW);
  if ((await next.stat()).isSymbolicLink()) {
    await next.close();
    throw new AppError('PATH_CHANGED', `"${name}" became a link while it was opened`, { name });
  }
  await directory.close();
  return next;
}

/** How far the path is there, with all links followed, and what of it is missing. */
async function resolve(base: string, path: string): Promise<{ found: string; missing: string[] }> {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (isAbsolute(path) || parts.includes('..')) throw new AppError('PATH_OUTSIDE', `"${path}" leads upwards`, { path });
  const missing: string[] = [];
  for (;;) {
    try {
      return { found: await realpath(join(base, ...parts)), missing };
    } catch (err) {
      const last = parts.pop();
      if (codeOf(err) !== 'ENOENT' || last === undefined) throw err;
      missing.unshift(last);
    }
  }
}
