/**
 * Whether a file is open for writing right now, and by whom. Answers "is this file still being written?", which neither
 * a time stamp nor a quiet period can.
 *
 * The kernel grants a read lease on a file exactly when nobody has it open for writing, so asking for one (and giving it back)
 * is the answer. Where a file system has no leases, and to name the process, /proc is walked: some 20 ms on a busy host.
 * Kernel: fcntl(2) F_SETLEASE (own file, or CAP_LEASE). proc_pid_fdinfo(5): flags are octal, their lowest two bits the access mode.
 */
import { closeSync, openSync } from 'node:fs';
import { readFile, readdir, readlink, realpath } from 'node:fs/promises';
import type * as Ffi from 'node:ffi';
import { join } from 'node:path';

const F_SETSIG = 10;
const F_SETLEASE = 1_024;
const [F_RDLCK, F_UNLCK] = [0, 2];
const EAGAIN = 11;
/** Sent to us if somebody opens the file while we hold the lease; unlike SIGIO its default is to be ignored. */
const SIGURG = 23;

type Ask = (fd: number) => 'written' | 'quiet' | 'unknown';

export class WriterProbe {
  readonly #ask: Ask;

  private constructor(ask: Ask) {
    this.#ask = ask;
  }

  static async open(): Promise<WriterProbe> {
    const ffi = await import('node:ffi').catch(() => undefined);
    return new WriterProbe(ffi === undefined ? () => 'unknown' : askWith(ffi));
  }

  async isBeingWritten(path: string): Promise<boolean> {
    const fd = openSync(path, 'r');
    let answer: ReturnType<Ask>;
    try {
      answer = this.#ask(fd);
    } finally {
      closeSync(fd);
    }
    return answer === 'unknown' ? (await openWriters(path)).length > 0 : answer === 'written';
  }
}

function askWith(ffi: typeof Ffi): Ask {
  const { functions: libc } = ffi.dlopen(null, {
    fcntl: { arguments: ['i32', 'i32', 'i64'], return: 'i32' },
    __errno_location: { arguments: [], return: 'pointer' },
  });
  return (fd) => {
    libc.fcntl(fd, F_SETSIG, BigInt(SIGURG));
    if (libc.fcntl(fd, F_SETLEASE, BigInt(F_RDLCK)) === 0) {
      libc.fcntl(fd, F_SETLEASE, BigInt(F_UNLCK));
      return 'quiet';
    }
    return ffi.getInt32(libc.__errno_location()) === EAGAIN ? 'written' : 'unknown';
  };
}

/** The processes that have the file open for writing, of those the caller can see. */
export async function openWriters(path: string, procfs = '/proc'): Promise<number[]> {
  const target = await realpath(path);
  const pids = (await readdir(procfs)).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map(async (pid) => ((await writes(join(procfs, pid), target)) ? [Number(pid)] : [])));
  return found.flat();
}

async function writes(process: string, target: string): Promise<boolean> {
  // A process that ends, or that we may not look into, while we look is not a writer we have to wait for.
  const fds = await readdir(join(process, 'fd')).catch(() => []);
  for (const fd of fds) {
    if ((await readlink(join(process, 'fd', fd)).catch(() => '')) !== target) continue;
    const info = await readFile(join(process, 'fdinfo', fd), 'utf8').catch(() => '');
    const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8);
    if ((flags & 3) !== 0) return true;
  }
  return false;
}
