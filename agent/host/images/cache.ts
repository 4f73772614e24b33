/**
 * The cache directory: what was built, and the rule that a file appears under its name only when it is whole and on the disk.
 *
 * Layout: <name>.json (what was built), <name>_<version>_<arch>_<key>.tar (OCI archive), debs/ (packages), tools/ (docker-registry),
 * scratch-* (work of the one who holds .lock).
 * Throws: IMAGES_CACHE_UNWRITABLE, IMAGES_DISK_FULL.
 */
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from '../../linux/flock.ts';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';
import type { Candidate } from './debs.ts';
import type { OnStep } from './steps.ts';

export const DEFAULT_CACHE_DIR = '/var/cache/kijabi/images';

export interface BuiltImage {
  readonly name: string;
  /** The first of refs: what people write. */
  readonly ref: string;
  readonly refs: readonly string[];
  readonly archivePath: string;
  /** Of the manifest, as a registry names it. */
  readonly digest: string;
  /** Of the config, as CRI names it. */
  readonly imageId: string;
  readonly sizeBytes: number;
  /** name=version of the packages whose files are in it. */
  readonly packages: readonly string[];
}

/** What <name>.json holds. */
export interface BuildRecord {
  /** Of the recipe and everything else that decides the bytes, but for the packages. */
  readonly recipeKey: string;
  readonly architecture: string;
  /** The archive's name in the cache directory. */
  readonly archive: string;
  readonly refs: readonly string[];
  readonly digest: string;
  readonly imageId: string;
  readonly sizeBytes: number;
  /** All that were looked into; used: files of it are in. */
  readonly packages: readonly (Candidate & { readonly used: boolean })[];
}

const LOCK_LOOK_MS = 100;

export interface LockOptions {
  readonly cacheDir: string;
  readonly clock: Clock;
  readonly onStep: OnStep;
  readonly signal: AbortSignal;
}

/** Does the work while nobody else does any in this cache, and says file errors in our words. */
export async function withCacheLock<T>({ cacheDir, clock, onStep, signal }: LockOptions, work: () => Promise<T>): Promise<T> {
  try {
    await mkdir(cacheDir, { recursive: true });
    const startMs = clock.monotonicMs();
    let lock = await tryLock(join(cacheDir, '.lock'));
    while (lock === undefined) {
      await clock.sleep(LOCK_LOOK_MS, signal);
      lock = await tryLock(join(cacheDir, '.lock'));
      if (lock !== undefined)
        onStep({ step: 'wait', detail: `another one was at work in ${cacheDir}`, tookMs: clock.monotonicMs() - startMs });
    }
    try {
      await removeLeftovers(cacheDir);
      return await work();
    } finally {
      lock.release();
    }
  } catch (err) {
    if (signal.aborted) throw signal.reason;
    throw fileError(err, cacheDir);
  }
}

/** Folders of builders that were killed: we hold the lock, so none is at work. */
async function removeLeftovers(cacheDir: string): Promise<void> {
  for (const file of await readdir(cacheDir)) {
    if (file.startsWith('scratch-')) await rm(join(cacheDir, file), { recursive: true, force: true });
  }
}

export function describeBuilt(name: string, cacheDir: string, record: BuildRecord): BuiltImage {
  const { refs, digest, imageId, sizeBytes } = record;
  const packages = record.packages.filter((p) => p.used).map((p) => `${p.name}=${p.version}`);
  return { name, ref: refs[0] ?? name, refs, archivePath: join(cacheDir, record.archive), digest, imageId, sizeBytes, packages };
}

/** undefined: not built, or the archive it names is not there as it was. */
export async function readRecord(cacheDir: string, name: string): Promise<BuildRecord | undefined> {
  const text = await readFile(join(cacheDir, `${name}.json`), 'utf8').catch(() => undefined);
  const record = text === undefined ? undefined : parseRecord(text);
  if (record === undefined) return undefined;
  const archive = await stat(join(cacheDir, record.archive)).catch(() => undefined);
  return archive?.isFile() === true && archive.size === record.sizeBytes ? record : undefined;
}

/** A file that is not ours, or from a version that wrote other fields, counts as not built. */
export function parseRecord(text: string): BuildRecord | undefined {
  try {
    const record = JSON.parse(text) as Partial<Record<keyof BuildRecord, unknown>> | null;
    const texts = [record?.recipeKey, record?.architecture, record?.archive, record?.digest, record?.imageId];
    const whole = texts.every((t) => typeof t === 'string' && t !== '' && !t.includes('/')) && typeof record?.sizeBytes === 'number';
    return whole && isTexts(record.refs) && isPackages(record.packages) ? (record as BuildRecord) : undefined;
  } catch {
    return undefined;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
}

function isPackages(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((p: unknown) => typeof p === 'object' && p !== null && 'name' in p && 'version' in p && 'sha256' in p)
  );
}

/** First the archive, then the file that points to it; last the archives that nothing points to any more. */
export async function publish(
  cacheDir: string,
  name: string,
  { record, archivePath }: { readonly record: BuildRecord; readonly archivePath: string },
): Promise<void> {
  const before = await readRecord(cacheDir, name);
  await rename(archivePath, join(cacheDir, record.archive));
  const pointer = `${archivePath}.json`;
  const handle = await open(pointer, 'w');
  try {
    await handle.writeFile(`${JSON.stringify(record, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(pointer, join(cacheDir, `${name}.json`));
  // Whoever is about to open the previous archive may still do so.
  const keep = new Set([record.archive, before?.archive]);
  for (const file of await readdir(cacheDir)) {
    if (file.startsWith(`${name}_`) && file.endsWith('.tar') && !keep.has(file)) await rm(join(cacheDir, file), { force: true });
  }
}

function fileError(err: unknown, cacheDir: string): unknown {
  if (err instanceof AppError && err.code !== 'LOCK_FAILED') return err;
  switch (systemCode(err)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new AppError(
        'IMAGES_DISK_FULL',
        `No space is left below ${cacheDir}; make room or choose another cache directory (--cache-dir)`,
        { cacheDir },
        err,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EEXIST':
      return new AppError(
        'IMAGES_CACHE_UNWRITABLE',
        `Cannot write to ${cacheDir}; run as root or choose another cache directory (--cache-dir)`,
        { cacheDir },
        err,
      );
    default:
      return err;
  }
}

function systemCode(err: unknown): string | undefined {
  return codeOf(err instanceof AppError ? err.cause : err);
}
