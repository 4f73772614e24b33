/**
 * A lock that cannot go stale: the kernel drops it when its holder ends, however it ends.
 * Node has no call for it, so flock(2) is called directly. The descriptor is close-on-exec: children do not hold the lock.
 *
 * Throws: LOCK_FAILED (the file cannot be opened, or this Node has no FFI).
 */
import { closeSync, fstatSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '#base/errors.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

export interface Lock {
  /** Lets others in. The file goes too: nobody can hold a lock on a file that has another inode than the path. */
  release(): void;
}

/** undefined: somebody else holds it. Makes the directory. */
export async function tryLock(path: string): Promise<Lock | undefined> {
  try {
    const ffi = await import('node:ffi');
    const { functions } = ffi.dlopen(null, { flock: { arguments: ['i32', 'i32'], return: 'i32' } });
    // Again only when the holder removed the file between our opening and our locking it.
    for (;;) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
      const fd = openSync(path, 'a', 0o600);
      if (functions.flock(fd, LOCK_EX | LOCK_NB) !== 0) {
        closeSync(fd);
        return undefined;
      }
      if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return holding(path, fd);
      closeSync(fd);
    }
  } catch (err) {
    throw new AppError('LOCK_FAILED', `Cannot lock ${path}`, { path }, err);
  }
}

function holding(path: string, fd: number): Lock {
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      rmSync(path, { force: true });
      closeSync(fd);
    },
  };
}
