/** Finds out what is there: the host, the earlier installation, the files that a layout names. Nothing is changed. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { findCniBinDir } from '#agent/host/containerd.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { CONTAINERD_CONFIG } from './containerdConfig.ts';
import { RECORD, type Layout } from './layout.ts';
import type { InstallInput, InstallRecord, Seen, SeenRuntimeConfig } from './plan.ts';

/** A package may be installed into a tree that nothing runs in. */
export const isBooted = (): boolean => existsSync('/run/systemd/system');

/** Throws AppError HOST_UNSUPPORTED: not root, no systemd, no Debian. */
export async function checkHost(): Promise<void> {
  const refuse = (what: string, next: string): AppError => new AppError('HOST_UNSUPPORTED', `Cannot install here: ${what}. ${next}`);
  if (process.getuid?.() !== 0) throw refuse('only root can', 'Run it again with sudo');
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const { id, like, name } = readOsRelease(text);
  if (![id, ...like].some((word) => word === 'debian' || word === 'ubuntu')) {
    throw refuse(`this is ${name}, and only Debian and Ubuntu are known`, 'systemd/README.md says by hand what would be done');
  }
  if (!isBooted()) {
    throw refuse('systemd does not run this host', 'npm start tries everything out without it');
  }
}

/** Source: os-release(5). */
export function readOsRelease(text: string): { readonly id: string; readonly like: readonly string[]; readonly name: string } {
  const value = (key: string): string => new RegExp(`^${key}=["']?(.*?)["']?$`, 'm').exec(text)?.[1] ?? '';
  return { id: value('ID'), like: value('ID_LIKE').split(' ').filter(Boolean), name: value('PRETTY_NAME') || 'an unknown system' };
}

/** undefined: nothing is installed. Throws AppError RECORD_BROKEN: it is there and cannot be read. */
export async function readRecord(): Promise<InstallRecord | undefined> {
  let text: string;
  try {
    text = await readFile(RECORD, 'utf8');
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return undefined;
    throw err;
  }
  try {
    return JSON.parse(text) as InstallRecord;
  } catch (err) {
    throw new AppError('RECORD_BROKEN', `Cannot read ${RECORD}: without it nobody knows what is ours. Restore or remove it`, {}, err);
  }
}

/** root: of the program whose files are to be installed. */
export async function observe(layout: Layout, record: InstallRecord | undefined, root: string): Promise<InstallInput> {
  const paths = new Set([...layout.files.map(({ path }) => path), ...layout.links.keys(), ...recorded(record)]);
  return {
    layout,
    record,
    seen: await look(paths),
    sources: new Map(await Promise.all(layout.files.map(async ({ source }) => [source, await hash(join(root, source))] as const))),
    others: await findOthers(layout),
    ...(layout.role === 'control-plane' ? {} : { runtime: await seeRuntimeConfig() }),
  };
}

export async function seeRuntimeConfig(): Promise<SeenRuntimeConfig> {
  const text = await readFile(CONTAINERD_CONFIG, 'utf8').catch((err: unknown) => {
    if (codeOf(err) !== 'ENOENT') throw err;
    return undefined;
  });
  const mode = text === undefined ? 0o644 : (await lstat(CONTAINERD_CONFIG)).mode & 0o7777;
  const found = findCniBinDir();
  return { text, mode, cniBinDir: found === CONTAINERD_OWN_CNI ? undefined : found };
}

/** Where containerd looks for plugins by itself. */
const CONTAINERD_OWN_CNI = '/opt/cni/bin';

export function recorded(record: InstallRecord | undefined): string[] {
  return record === undefined ? [] : [...Object.keys(record.files), ...Object.keys(record.links)];
}

export async function look(paths: Iterable<string>): Promise<ReadonlyMap<string, Seen>> {
  return new Map(await Promise.all([...paths].map(async (path) => [path, await see(path)] as const)));
}

async function see(path: string): Promise<Seen> {
  try {
    const stats = await lstat(path);
    if (stats.isSymbolicLink()) return { kind: 'link', target: await readlink(path) };
    if (stats.isFile()) return { kind: 'file', sha256: await hash(path), mode: stats.mode & 0o7777 };
    return { kind: 'other' };
  } catch (err) {
    if (codeOf(err) === 'ENOENT' || codeOf(err) === 'ENOTDIR') return { kind: 'absent' };
    throw err;
  }
}

async function findOthers(layout: Layout): Promise<ReadonlyMap<string, string>> {
  const others = new Map<string, string>();
  for (const { path, unlessOther } of layout.files) {
    if (unlessOther === undefined) continue;
    const directory = dirname(path);
    const names = await readdir(directory).catch(() => []);
    const other = names.find((name) => name !== basename(path) && unlessOther.test(name));
    if (other !== undefined) others.set(path, join(directory, other));
  }
  return others;
}

async function hash(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
