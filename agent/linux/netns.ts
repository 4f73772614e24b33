/**
 * Named network namespaces, as `ip netns` keeps them: a file in /run/netns with the namespace mounted on it, so that every
 * other tool finds them. What runs in one is started with `nsenter --net=`: `ip netns exec` would hide the cgroup mounts.
 *
 * The first `ip netns add` of a machine turns /run/netns into a shared mount. Whoever removes the last namespace takes that
 * away again if it was one of ours that brought it, which the marker file remembers.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError, codeOf } from '#base/errors.ts';
import { run, type Argv, type RunOptions, type RunResult } from './exec.ts';
import { mounts } from './mount.ts';

const NETNS_DIR = '/run/netns';

export function netnsPath(name: string): string {
  return join(NETNS_DIR, name);
}

export function netnsExists(name: string): boolean {
  return existsSync(netnsPath(name));
}

/** "net:[4026531840]", to compare with what a process is in. undefined: no such namespace. */
export function netnsIdentity(name: string): string | undefined {
  const stat = statSync(netnsPath(name), { throwIfNoEntry: false });
  return stat === undefined ? undefined : `net:[${stat.ino}]`;
}

export interface CreateNetnsOptions {
  /** A file to make when /run/netns was not a mount before. */
  readonly marker: string;
  readonly signal?: AbortSignal;
}

/** Makes the namespace with its loopback up. Throws NETNS_EXISTS when the name is taken. */
export async function createNetns(name: string, { marker, signal }: CreateNetnsOptions): Promise<void> {
  if (netnsExists(name))
    throw new AppError('NETNS_EXISTS', `Network namespace ${name} exists already: remove it with ip netns del ${name}`, { name });
  if (!isNetnsDirMounted()) {
    mkdirSync(dirname(marker), { recursive: true });
    writeFileSync(marker, '');
  }
  const options: RunOptions = signal === undefined ? {} : { signal };
  await run(['ip', 'netns', 'add', name], options);
  await run(['ip', '-n', name, 'link', 'set', 'lo', 'up'], options);
}

/** Doing it again changes nothing. The namespace itself ends with the last process in it. */
export async function removeNetns(name: string, marker: string): Promise<void> {
  if (netnsExists(name)) await run(['ip', 'netns', 'del', name]);
  if (!existsSync(marker) || !existsSync(NETNS_DIR) || readdirSync(NETNS_DIR).length > 0) return;
  // Refused while somebody else has just put a namespace there: then it stays, and the marker with it.
  if (isNetnsDirMounted()) await run(['umount', NETNS_DIR], { okCodes: [1, 32] });
  if (isNetnsDirMounted()) return;
  removeIfEmpty(NETNS_DIR);
  rmSync(marker, { force: true });
}

function isNetnsDirMounted(): boolean {
  return mounts().some(({ mountPoint }) => mountPoint === NETNS_DIR);
}

export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (err) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY'].includes(codeOf(err) ?? '')) throw err;
  }
}

export function inNetns(name: string, argv: Argv): Argv {
  return ['nsenter', `--net=${netnsPath(name)}`, '--', ...argv];
}

export function runInNetns(name: string, argv: Argv, options: RunOptions = {}): Promise<RunResult> {
  return run(inNetns(name, argv), options);
}
