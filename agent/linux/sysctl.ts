/**
 * Kernel settings under /proc/sys.
 * Throws: SYSCTL_FAILED when a setting cannot be written (not there, read only in a container, not ours in this network namespace).
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, codeOf } from '#base/errors.ts';

/** "net/ipv4/ip_forward" -> "1"; undefined: the kernel has no such setting here. */
export async function readSysctl(name: string, root = '/proc/sys'): Promise<string | undefined> {
  try {
    return (await readFile(join(root, name), 'utf8')).trim();
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return undefined;
    throw new AppError('SYSCTL_FAILED', `Cannot read ${name}`, { name }, err);
  }
}

/** Leaves a setting alone that has the value already. Returns whether it wrote. */
export async function ensureSysctl(name: string, value: string, root = '/proc/sys'): Promise<boolean> {
  if ((await readSysctl(name, root)) === value) return false;
  try {
    await writeFile(join(root, name), value);
    return true;
  } catch (err) {
    throw new AppError('SYSCTL_FAILED', `Cannot set ${name} to ${value}`, { name, value }, err);
  }
}
