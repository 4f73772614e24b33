/**
 * Mounts as this process sees them, and their removal.
 *
 * Source: proc_pid_mountinfo(5): paths have space, tab, newline and backslash as octal escapes.
 */
import { readFileSync } from 'node:fs';
import { chmod, mkdir, realpath } from 'node:fs/promises';
import { run } from './exec.ts';

export interface Mount {
  readonly id: number;
  readonly mountPoint: string;
  readonly fsType: string;
  readonly source: string;
}

/** Pure. In mount order: a later one may lie on top of an earlier one. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').filter(isMount).map(parseLine);
}

/** Pure. Mounts at directory or below it, the last made first: the order in which they can be taken away. */
export function below(text: string, directory: string): Mount[] {
  return linesNaming(text, escape(directory))
    .filter(isMount)
    .map(parseLine)
    .filter(({ mountPoint }) => mountPoint === directory || mountPoint.startsWith(`${directory}/`))
    .toReversed();
}

/** A node has thousands of mounts, and few of them are asked for: the other lines are never cut out of the text. */
function linesNaming(text: string, part: string): string[] {
  const lines: string[] = [];
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at)) {
    const end = text.indexOf('\n', at);
    const next = end < 0 ? text.length : end;
    lines.push(text.slice(text.lastIndexOf('\n', at) + 1, next));
    at = next;
  }
  return lines;
}

function isMount(line: string): boolean {
  return line.includes(' - ');
}

function parseLine(line: string): Mount {
  const [left = '', right = ''] = line.split(' - ');
  const fields = left.split(' ');
  const [fsType = '', source = ''] = right.split(' ');
  return { id: Number(fields[0]), mountPoint: unescape(fields[4] ?? ''), fsType, source: unescape(source) };
}

function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function escape(path: string): string {
  return path.replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

export function mounts(): Mount[] {
  return parseMountinfo(mountinfo());
}

/** directory with all links resolved. The last made first. */
export function mountsBelow(directory: string): Mount[] {
  return below(mountinfo(), directory);
}

function mountinfo(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8');
}

export interface TmpfsOptions {
  /** Huge pages of this size instead of usual memory. */
  readonly pageBytes?: number | undefined;
  readonly mode: number;
  readonly group?: number | undefined;
  readonly sizeBytes?: number | undefined;
}

/** Makes the directory, and a file system in memory on it unless something is mounted there. Doing it again changes nothing. */
export async function ensureTmpfs(directory: string, { mode, group, sizeBytes, pageBytes }: TmpfsOptions): Promise<void> {
  await mkdir(directory, { recursive: true });
  const real = await realpath(directory);
  if (isMountPoint(real)) return;
  const options = [
    `mode=${mode.toString(8)}`,
    ...(group === undefined ? [] : [`gid=${group}`]),
    ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`]),
  ];
  if (pageBytes !== undefined) options.push(`pagesize=${pageBytes}`);
  const type = pageBytes === undefined ? 'tmpfs' : 'hugetlbfs';
  await run(['mount', '-t', type, '-o', options.join(','), type, real]);
  if (pageBytes !== undefined) await chmod(real, mode); // of mode= it takes the lowest nine bits alone
}

/** path with all links resolved. */
export function isMountPoint(path: string): boolean {
  return mountsBelow(path).some(({ mountPoint }) => mountPoint === path);
}

/** Shows source at target too, without what is mounted below it. source is used as it is written: it may be a descriptor in /proc. */
export async function bindMount(source: string, target: string): Promise<void> {
  await run(['mount', '--no-canonicalize', '--bind', source, target]);
}

/** Also a busy one: it goes when its last user does. */
export async function unmount(mountPoint: string): Promise<void> {
  await run(['umount', '--lazy', mountPoint]);
}

/** Takes away every mount at or below directory. */
export async function unmountBelow(directory: string): Promise<number> {
  const found = mountsBelow(directory);
  for (const { mountPoint } of found) await unmount(mountPoint);
  return found.length;
}
