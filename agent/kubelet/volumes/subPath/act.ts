/**
 * Mounts parts of volumes for containers, so that the runtime need not follow a path that a container can change.
 *
 * The part is opened without following a link (agent/linux/insideDirectory.ts) and what was opened is bind-mounted on
 * <pod>/volume-subpaths/<volume>/<container>/<index>, upstream's place. With each start of the container it is looked for anew; what is
 * mounted already stays if it is the same file. The mounts go with the pod's directory (disk/act.ts), also after a kill of the kubelet.
 * Throws: AppError VOLUME_FAILED in upstream's words; the container waits then (CreateContainerConfigError).
 */
import type { FileHandle } from 'node:fs/promises';
import { mkdir, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, codeOf } from '#base/errors.ts';
import { openInside, sharedPathOf } from '../../../linux/insideDirectory.ts';
import { bindMount, isMountPoint, unmountBelow } from '../../../linux/mount.ts';

export interface SubPath {
  readonly volume: string;
  readonly container: string;
  /** Of the volume. */
  readonly root: string;
  /** Relative. */
  readonly path: string;
  /** Where it is mounted. */
  readonly target: string;
}

/** Returns where the part is mounted. A directory that is not there is made, with the mode of the volume. */
export async function mountSubPath({ volume, container, root, path, target }: SubPath): Promise<string> {
  try {
    const { mode } = await stat(root);
    const handle = await openInside(root, path, { makeWithMode: mode & 0o2777 });
    try {
      await bind(handle, target);
    } finally {
      await handle.close();
    }
    return target;
  } catch (err) {
    throw new AppError('VOLUME_FAILED', `failed to prepare subPath for volumeMount "${volume}" of container "${container}"`, {}, err);
  }
}

async function bind(handle: FileHandle, target: string): Promise<void> {
  const wanted = await handle.stat();
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  const real = `${await realpath(dirname(target))}/${target.slice(dirname(target).length + 1)}`;
  if (isMountPoint(real)) {
    const there = await stat(real);
    if (there.dev === wanted.dev && there.ino === wanted.ino) return;
    await unmountBelow(real);
  }
  if (wanted.isDirectory()) await mkdir(real, { mode: 0o750 }).catch(unlessThere);
  else await writeFile(real, '', { mode: 0o640 });
  await bindMount(sharedPathOf(handle), real);
}

function unlessThere(err: unknown): void {
  if (codeOf(err) !== 'EEXIST') throw err;
}
