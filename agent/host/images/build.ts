/**
 * Builds images from Debian packages into a cache directory, and knows when there is nothing to do: an archive is used again
 * while the versions of its packages and its recipe are the same. An archive appears under its name only when it is whole and
 * on the disk; two builders of one cache take turns.
 *
 * Layout of the cache: <name>.json (what was built), <name>_<version>_<arch>_<key>.tar (OCI archive), debs/ (packages).
 * A cache copied to a machine without network is used as it is.
 * Throws: IMAGES_UNKNOWN, IMAGES_ARCHITECTURE, IMAGES_CACHE_UNWRITABLE, IMAGES_DISK_FULL, and what debs.ts and rootfs.ts throw.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from '#agent/linux/flock.ts';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { Apt, upstreamVersion, type Candidate, type PackageSource } from './debs.ts';
import { formatRef, parseRef, writeOciArchive, type Compression, type ImageConfig } from './oci.ts';
import { RECIPES, type Recipe } from './recipes.ts';
import { makeRootfs } from './rootfs.ts';
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

export interface BuildOptions {
  /** None: all recipes. */
  readonly names?: readonly string[];
  readonly cacheDir?: string;
  readonly clock: Clock;
  readonly onStep?: OnStep;
  readonly signal: AbortSignal;
  readonly compression?: Compression;
  /** The time of every file in the images, in seconds since the epoch (SOURCE_DATE_EPOCH). */
  readonly createdSec?: number;
  readonly recipes?: readonly Recipe[];
  readonly source?: PackageSource;
}

/** Raised when the same recipe and packages would give other bytes than before. */
const FORMAT = 1;
const LOCK_LOOK_MS = 100;

/** OCI's name of each of Debian's architectures. */
const PLATFORMS: Readonly<Record<string, { readonly architecture: string; readonly variant?: string }>> = {
  amd64: { architecture: 'amd64' },
  arm64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  i386: { architecture: '386' },
  ppc64el: { architecture: 'ppc64le' },
  riscv64: { architecture: 'riscv64' },
  s390x: { architecture: 's390x' },
};

/** What <name>.json holds. */
interface Built {
  readonly recipeKey: string;
  readonly architecture: string;
  readonly archive: string;
  readonly refs: readonly string[];
  readonly digest: string;
  readonly imageId: string;
  readonly sizeBytes: number;
  readonly packages: readonly (Candidate & { readonly used: boolean })[];
}

export async function buildImages(options: BuildOptions): Promise<BuiltImage[]> {
  const builder = new Builder(options);
  return builder.locked(() => builder.all());
}

/** What the cache holds, without building or asking apt. */
export async function builtImages(cacheDir: string, recipes: readonly Recipe[] = RECIPES): Promise<BuiltImage[]> {
  const found = await Promise.all(recipes.map(async ({ name }) => ({ name, built: await readBuilt(cacheDir, name) })));
  return found.flatMap(({ name, built }) => (built === undefined ? [] : [describe(name, cacheDir, built)]));
}

export function chooseRecipes(names: readonly string[], recipes: readonly Recipe[] = RECIPES): readonly Recipe[] {
  if (names.length === 0) return recipes;
  return [...new Set(names)].map((name) => {
    const recipe = recipes.find((r) => r.name === name);
    if (recipe !== undefined) return recipe;
    throw new AppError(
      'IMAGES_UNKNOWN',
      `There is no recipe for ${JSON.stringify(name)}; there are: ${recipes.map((r) => r.name).join(', ')}`,
      { name },
    );
  });
}

class Builder {
  readonly #o: Required<Omit<BuildOptions, 'names'>>;
  readonly #recipes: readonly Recipe[];
  #refreshed = false;

  constructor(options: BuildOptions) {
    const {
      cacheDir = DEFAULT_CACHE_DIR,
      clock,
      onStep = () => undefined,
      compression = 'none',
      createdSec = 0,
      recipes = RECIPES,
    } = options;
    const source = options.source ?? new Apt({ cacheDir, clock, onStep });
    this.#o = { cacheDir, clock, onStep, signal: options.signal, compression, createdSec, recipes, source };
    this.#recipes = chooseRecipes(options.names ?? [], recipes);
  }

  async locked<T>(work: () => Promise<T>): Promise<T> {
    const { cacheDir, clock, signal, onStep } = this.#o;
    await mkdir(cacheDir, { recursive: true }).catch((err: unknown) => {
      throw fileError(err, cacheDir);
    });
    const startMs = clock.monotonicMs();
    let lock = await tryLock(join(cacheDir, '.lock'));
    while (lock === undefined) {
      await clock.sleep(LOCK_LOOK_MS, signal);
      lock = await tryLock(join(cacheDir, '.lock'));
      if (lock !== undefined) onStep({ step: 'wait', detail: 'another build used the cache', tookMs: clock.monotonicMs() - startMs });
    }
    try {
      await removeLeftovers(cacheDir);
      return await work();
    } catch (err) {
      if (signal.aborted) throw signal.reason;
      throw fileError(err, cacheDir);
    } finally {
      lock.release();
    }
  }

  async all(): Promise<BuiltImage[]> {
    const { cacheDir, source, signal } = this.#o;
    const known = await Promise.all(this.#recipes.map((recipe) => readBuilt(cacheDir, recipe.name)));
    const architecture = await source.architecture(signal).catch((err: unknown) => {
      if (known.every((built) => built !== undefined)) return known[0]?.architecture ?? '';
      throw err;
    });
    const fresh = await this.#candidates(known);
    const images: BuiltImage[] = [];
    for (const [i, recipe] of this.#recipes.entries()) images.push(await this.#one(recipe, known[i], { architecture, fresh }));
    return images;
  }

  /** What apt would take now of everything that the images were built from; undefined: it cannot say. */
  async #candidates(known: readonly (Built | undefined)[]): Promise<ReadonlyMap<string, string> | undefined> {
    const names = [...new Set(known.flatMap((built) => built?.packages.map((p) => p.name) ?? []))];
    if (names.length === 0) return new Map();
    try {
      const candidates = await this.#o.source.resolve(names, this.#o.signal);
      return new Map(candidates.map((c) => [c.name, c.sha256]));
    } catch (err) {
      if (this.#o.signal.aborted) throw this.#o.signal.reason;
      this.#o.onStep({
        step: 'offline',
        detail: `apt cannot be asked (${codeOf(err) ?? 'unknown'}); using what the cache holds`,
        tookMs: 0,
      });
      return undefined;
    }
  }

  async #one(
    recipe: Recipe,
    built: Built | undefined,
    now: { readonly architecture: string; readonly fresh: ReadonlyMap<string, string> | undefined },
  ): Promise<BuiltImage> {
    const { cacheDir, clock, onStep } = this.#o;
    const startMs = clock.monotonicMs();
    const key = recipeKey({
      format: FORMAT,
      recipe,
      compression: this.#o.compression,
      createdSec: this.#o.createdSec,
      architecture: now.architecture,
    });
    const same = built?.recipeKey === key && (now.fresh === undefined || built.packages.every((p) => now.fresh?.get(p.name) === p.sha256));
    const result = same && built !== undefined ? built : await this.#build(recipe, now.architecture, key);
    const image = describe(recipe.name, cacheDir, result);
    onStep({ step: same ? 'reuse' : 'build', detail: `${image.ref} ${image.digest.slice(0, 19)}`, tookMs: clock.monotonicMs() - startMs });
    return image;
  }

  async #build(recipe: Recipe, architecture: string, key: string): Promise<Built> {
    try {
      return await this.#buildOnce(recipe, architecture, key);
    } catch (err) {
      const stale = ['IMAGES_LISTS_STALE', 'IMAGES_PACKAGE_NOT_FOUND'].includes(codeOf(err) ?? '');
      if (!stale || this.#refreshed || this.#o.signal.aborted) throw err;
      this.#refreshed = true;
      await this.#o.source.refresh(this.#o.signal);
      return this.#buildOnce(recipe, architecture, key);
    }
  }

  async #buildOnce(recipe: Recipe, architecture: string, key: string): Promise<Built> {
    const { cacheDir, source, signal, compression, createdSec } = this.#o;
    const platform = PLATFORMS[architecture];
    if (platform === undefined)
      throw new AppError(
        'IMAGES_ARCHITECTURE',
        `Cannot build images for ${architecture}: want one of ${Object.keys(PLATFORMS).join(', ')}`,
      );
    const scratchDir = await mkdtemp(join(cacheDir, `scratch-${process.pid}-`));
    try {
      const { entries, packages, used } = await makeRootfs({ recipe, source, scratchDir, signal });
      const version = upstreamVersion(packages.find((p) => p.name === recipe.versionOf)?.version ?? '0');
      const named = withVersion(recipe, version);
      const refs = [...new Set(named.refs.map((ref) => formatRef(parseRef(ref))))];
      const config = labelled(named.config, { title: recipe.name, version, packages: packages.filter((p) => used.has(p.name)) });
      const image = { refs, ...platform, config, entries, createdSec, compression };
      const archivePath = join(scratchDir, 'archive');
      const written = await writeOciArchive({ image, archivePath, layerPath: join(scratchDir, 'layer'), signal });
      const archive = `${recipe.name}_${version}_${architecture}_${written.digest.slice(7, 19)}${key.slice(0, 4)}.tar`;
      const built: Built = {
        recipeKey: key,
        architecture,
        archive,
        refs,
        ...written,
        packages: packages.map(({ name, version, architecture, sha256, fileName }) => ({
          name,
          version,
          architecture,
          sha256,
          fileName,
          used: used.has(name),
        })),
      };
      await this.#publish(recipe.name, built, archivePath);
      return built;
    } finally {
      await rm(scratchDir, { recursive: true, force: true });
    }
  }

  /** First the archive, then the file that points to it; last the archives that nothing points to any more. */
  async #publish(name: string, built: Built, archivePath: string): Promise<void> {
    const { cacheDir } = this.#o;
    const before = await readBuilt(cacheDir, name);
    await rename(archivePath, join(cacheDir, built.archive));
    const pointer = `${archivePath}.json`;
    const handle = await open(pointer, 'w');
    try {
      await handle.writeFile(`${JSON.stringify(built, undefined, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(pointer, join(cacheDir, `${name}.json`));
    // Whoever is about to open the previous archive may still do so.
    const keep = new Set([built.archive, before?.archive]);
    for (const file of await readdir(cacheDir)) {
      if (file.startsWith(`${name}_`) && file.endsWith('.tar') && !keep.has(file)) await rm(join(cacheDir, file), { force: true });
    }
  }
}

function describe(name: string, cacheDir: string, built: Built): BuiltImage {
  const { refs, digest, imageId, sizeBytes } = built;
  const packages = built.packages.filter((p) => p.used).map((p) => `${p.name}=${p.version}`);
  return { name, ref: refs[0] ?? name, refs, archivePath: join(cacheDir, built.archive), digest, imageId, sizeBytes, packages };
}

/** undefined: not built, or the archive it names is not there as it was. */
async function readBuilt(cacheDir: string, name: string): Promise<Built | undefined> {
  const text = await readFile(join(cacheDir, `${name}.json`), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const built = parseBuilt(text);
  if (built === undefined) return undefined;
  const archive = await stat(join(cacheDir, built.archive)).catch(() => undefined);
  return archive?.isFile() === true && archive.size === built.sizeBytes ? built : undefined;
}

/** A file that is not ours, or from a version that wrote other fields, counts as not built. */
function parseBuilt(text: string): Built | undefined {
  try {
    const built = JSON.parse(text) as Partial<Built>;
    const { recipeKey, architecture, archive, refs, digest, imageId, sizeBytes, packages } = built;
    const texts = [recipeKey, architecture, archive, digest, imageId].every((t) => typeof t === 'string' && t !== '');
    if (!texts || typeof sizeBytes !== 'number' || !Array.isArray(refs) || !Array.isArray(packages)) return undefined;
    return archive === undefined || archive.includes('/') ? undefined : (built as Built);
  } catch {
    return undefined;
  }
}

/** Folders of builders that were killed: we hold the lock, so none is at work. */
async function removeLeftovers(cacheDir: string): Promise<void> {
  for (const file of await readdir(cacheDir)) {
    if (file.startsWith('scratch-')) await rm(join(cacheDir, file), { recursive: true, force: true });
  }
}

function withVersion(recipe: Recipe, version: string): Recipe {
  return JSON.parse(JSON.stringify(recipe).replaceAll('{version}', version)) as Recipe;
}

interface LabelFacts {
  readonly title: string;
  readonly version: string;
  readonly packages: readonly Candidate[];
}

function labelled(config: ImageConfig, { title, version, packages }: LabelFacts): ImageConfig {
  const from = packages.map((p) => `${p.name}=${p.version}`).sort();
  return {
    ...config,
    Labels: {
      'org.opencontainers.image.title': title,
      'org.opencontainers.image.version': version,
      'io.kijabi.debian-packages': from.join(' '),
    },
  };
}

function recipeKey(parts: object): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function fileError(err: unknown, cacheDir: string): unknown {
  if (err instanceof AppError) return err;
  switch (codeOf(err)) {
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
