/**
 * Makes what volumes/plan.ts asks for. Doing it again changes nothing.
 * Throws: AppError VOLUME_FAILED, in upstream's words for the hostPath checks.
 */
import { access, chmod, chown, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Stats } from 'node:fs';
import { AppError, codeOf } from '#base/errors.ts';
import { writeAtomically } from '../../linux/atomicFiles.ts';
import { makeDirectory } from '../../linux/makeDirectory.ts';
import { ensureTmpfs } from '../../linux/mount.ts';
import { setUpFailed, type HostPathType, type VolumePlan } from './plan.ts';

/** onMade: told of each, also of one that cannot be made. */
export async function makeVolumes(
  volumes: readonly VolumePlan[],
  onMade?: (volume: VolumePlan, outcome: 'success' | 'fail-unknown') => void,
): Promise<void> {
  for (const volume of volumes) {
    try {
      await make(volume);
      onMade?.(volume, 'success');
    } catch (err) {
      onMade?.(volume, 'fail-unknown');
      throw setUpFailed(volume.name, err);
    }
  }
}

async function make(volume: VolumePlan): Promise<void> {
  switch (volume.kind) {
    case 'emptyDir':
      return makeEmptyDir(volume.path, volume.group);
    case 'memory':
      return ensureTmpfs(volume.path, {
        mode: modeFor(volume.group),
        group: volume.group,
        sizeBytes: volume.sizeBytes,
        pageBytes: volume.pageBytes,
      });
    case 'hostPath':
      return checkHostPath(volume.path, volume.type);
    case 'files':
      if (volume.memory) await ensureTmpfs(volume.path, { mode: 0o755 });
      else await mkdir(volume.path, { recursive: true });
      await writeAtomically(volume.path, volume.files, { group: volume.group });
  }
}

/** Every user of the pod may write; what is made in it is the group's. */
function modeFor(group: number | undefined): number {
  return group === undefined ? 0o777 : 0o2777;
}

/** It appears whole: what a container does with its mode later is left alone. */
async function makeEmptyDir(path: string, group: number | undefined): Promise<void> {
  if (await isThere(path)) return;
  const aside = `${path}.new`; // no volume has a dot in its name
  await mkdir(dirname(path), { recursive: true });
  await mkdir(aside).catch((err: unknown) => {
    if (codeOf(err) !== 'EEXIST') throw err;
  });
  if (group !== undefined) await chown(aside, 0, group);
  await chmod(aside, modeFor(group)); // mkdir's mode would be cut by the umask
  await rename(aside, path);
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    (err: unknown) => {
      if (codeOf(err) === 'ENOENT') return false;
      throw err;
    },
  );
}

const EXPECTED: Readonly<Record<HostPathType, { readonly is: (s: Stats) => boolean; readonly noun: string }>> = {
  '': { is: () => true, noun: '' },
  DirectoryOrCreate: { is: (s) => s.isDirectory(), noun: 'directory' },
  Directory: { is: (s) => s.isDirectory(), noun: 'directory' },
  FileOrCreate: { is: (s) => s.isFile(), noun: 'file' },
  File: { is: (s) => s.isFile(), noun: 'file' },
  Socket: { is: (s) => s.isSocket(), noun: 'socket' },
  CharDevice: { is: (s) => s.isCharacterDevice(), noun: 'character device' },
  BlockDevice: { is: (s) => s.isBlockDevice(), noun: 'block device' },
};

async function checkHostPath(path: string, type: HostPathType): Promise<void> {
  if (type === '') return;
  if (type === 'DirectoryOrCreate' || type === 'FileOrCreate') await createIfAbsent(path, type);
  const found = await stat(path).catch((err: unknown) => {
    if (codeOf(err) === 'ENOENT') return undefined;
    throw err;
  });
  const { is, noun } = EXPECTED[type];
  if (found === undefined || !is(found))
    throw new AppError(
      'VOLUME_FAILED',
      `hostPath type check failed: ${path} is not a ${noun}: ${found === undefined ? 'it is not there, make it' : 'something else is there, move it away'} or change the volume's path or type`,
      { path },
    );
}

async function createIfAbsent(path: string, type: 'DirectoryOrCreate' | 'FileOrCreate'): Promise<void> {
  try {
    if (type === 'DirectoryOrCreate') await makeDirectory(path, 0o755);
    else await (await open(path, 'ax', 0o644)).close();
  } catch (err) {
    if (codeOf(err) !== 'EEXIST') throw err;
  }
}
