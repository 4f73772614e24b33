/**
 * Who has a file open for writing right now, from /proc. Answers "is this file still being written?", which neither
 * a time stamp nor a quiet period can.
 *
 * Sees the processes of the caller's PID namespace and those below it. Costs a walk over all open files (some 10 ms on a busy host),
 * so ask only when the file has just changed.
 * Source: proc_pid_fdinfo(5): flags are octal, the lowest two bits are the access mode (0 read, 1 write, 2 both).
 */
import { readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';

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
