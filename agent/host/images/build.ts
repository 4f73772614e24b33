/**
 * Builds images from Debian packages into a cache directory, and knows when there is nothing to do: an archive is used again
 * while the versions of its packages and its recipe are the same. Where apt cannot be asked, what the cache holds is good enough:
 * a cache copied to a machine without network is used as it is.
 *
 * Throws: IMAGES_UNKNOWN, IMAGES_ARCHITECTURE, and what cache.ts, debs.ts and rootfs.ts throw.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { DEFAULT_CACHE_DIR, describeBuilt, publish, readRecord, withCacheLock, type BuildRecord, type BuiltImage } from './cache.ts';
import { Apt, upstreamVersion, type Candidate, type PackageSource } from './debs.ts';
import { formatRef, parseRef, writeOciArchive, type Compression, type ImageConfig } from './oci.ts';
import { RECIPES, type Recipe } from './recipes.ts';
import { makeRootfs } from './rootfs.ts';
import type { OnStep } from './steps.ts';

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

/** Debian's name of what Node calls the architecture. */
const DEBIAN_NAMES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'armhf',
  ia32: 'i386',
  riscv64: 'riscv64',
  s390x: 's390x',
};

export async function buildImages(options: BuildOptions): Promise<BuiltImage[]> {
  const { cacheDir = DEFAULT_CACHE_DIR, clock, onStep = () => undefined, signal } = options;
  const builder = new Builder(options);
  return withCacheLock({ cacheDir, clock, onStep, signal }, () => builder.all());
}

/** What the cache holds, without building or asking apt. */
export async function builtImages(cacheDir: string, recipes: readonly Recipe[] = RECIPES): Promise<BuiltImage[]> {
  const found = await Promise.all(recipes.map(async ({ name }) => ({ name, built: await readRecord(cacheDir, name) })));
  return found.flatMap(({ name, built }) => (built === undefined ? [] : [describeBuilt(name, cacheDir, built)]));
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

/** apt-get update may help. */
const STALE = new Set(['IMAGES_LISTS_STALE', 'IMAGES_PACKAGE_NOT_FOUND']);
/** There are no packages to be had now. */
const NO_PACKAGES = new Set([
  ...STALE,
  'IMAGES_NO_APT',
  'IMAGES_NO_PACKAGE_LISTS',
  'IMAGES_NO_NETWORK',
  'IMAGES_APT_FAILED',
  'IMAGES_APT_LOCKED',
]);

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

  async all(): Promise<BuiltImage[]> {
    const { cacheDir } = this.#o;
    const known = await Promise.all(this.#recipes.map((recipe) => readRecord(cacheDir, recipe.name)));
    const architecture = await this.#architecture();
    const fresh = await this.#candidates(known);
    const images: BuiltImage[] = [];
    for (const [i, recipe] of this.#recipes.entries()) images.push(await this.#one(recipe, known[i], { architecture, fresh }));
    return images;
  }

  /** Without dpkg there is nothing to build, but a copied cache still has to be of this architecture. */
  async #architecture(): Promise<string> {
    try {
      return await this.#o.source.architecture(this.#o.signal);
    } catch (err) {
      const ours = DEBIAN_NAMES[process.arch];
      if (codeOf(err) !== 'IMAGES_NO_APT' || ours === undefined) throw err;
      return ours;
    }
  }

  /** What apt would take now of everything that the images were built from; undefined: it cannot say. */
  async #candidates(known: readonly (BuildRecord | undefined)[]): Promise<ReadonlyMap<string, string> | undefined> {
    const { source, signal, clock, onStep } = this.#o;
    const startMs = clock.monotonicMs();
    const names = [...new Set(known.flatMap((built) => built?.packages.map((p) => p.name) ?? []))];
    if (names.length === 0) return new Map();
    try {
      // Getting lists takes network and time; whoever wants newer packages than those in the cache runs apt-get update.
      if (!(await source.hasLists())) return this.#offline('no package lists');
      const candidates = await source.resolve(names, signal);
      onStep({ step: 'check', detail: `${names.length} packages for newer versions`, tookMs: clock.monotonicMs() - startMs });
      return new Map(candidates.map((c) => [c.name, c.sha256]));
    } catch (err) {
      if (signal.aborted) throw signal.reason;
      // Another release of Debian has other packages: all is to be built anew.
      return codeOf(err) === 'IMAGES_PACKAGE_NOT_FOUND' ? new Map() : this.#offline(explain(err));
    }
  }

  #offline(why: string): undefined {
    this.#o.onStep({ step: 'offline', detail: `using what the cache holds: ${why}`, tookMs: 0 });
    return undefined;
  }

  async #one(recipe: Recipe, built: BuildRecord | undefined, { architecture, fresh }: Now): Promise<BuiltImage> {
    const { cacheDir, clock, onStep, compression, createdSec } = this.#o;
    const startMs = clock.monotonicMs();
    const key = keyOf({ format: FORMAT, recipe, compression, createdSec, architecture });
    const usable = built?.recipeKey === key ? built : undefined;
    const same = usable !== undefined && (fresh === undefined || usable.packages.every((p) => fresh.get(p.name) === p.sha256));
    const result = same ? usable : await this.#build(recipe, { architecture, key, usable });
    const image = describeBuilt(recipe.name, cacheDir, result);
    onStep({
      step: result === usable ? 'reuse' : 'build',
      detail: `${image.ref} ${image.digest.slice(0, 19)}`,
      tookMs: clock.monotonicMs() - startMs,
    });
    return image;
  }

  async #build(recipe: Recipe, what: What): Promise<BuildRecord> {
    const { source, signal } = this.#o;
    try {
      return await this.#buildOnce(recipe, what).catch(async (err: unknown) => {
        if (!STALE.has(codeOf(err) ?? '') || this.#refreshed || signal.aborted) throw err;
        this.#refreshed = true;
        await source.refresh(signal);
        return this.#buildOnce(recipe, what);
      });
    } catch (err) {
      if (what.usable === undefined || signal.aborted || !NO_PACKAGES.has(codeOf(err) ?? '')) throw err;
      this.#offline(explain(err));
      return what.usable;
    }
  }

  async #buildOnce(recipe: Recipe, { architecture, key }: What): Promise<BuildRecord> {
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
      const record: BuildRecord = {
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
      await publish(cacheDir, recipe.name, { record, archivePath });
      return record;
    } finally {
      await rm(scratchDir, { recursive: true, force: true });
    }
  }
}

interface Now {
  readonly architecture: string;
  /** SHA-256 by package name. */
  readonly fresh: ReadonlyMap<string, string> | undefined;
}

interface What {
  readonly architecture: string;
  readonly key: string;
  /** Of the same recipe, but perhaps of older packages: good enough when there are no others to be had. */
  readonly usable: BuildRecord | undefined;
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

function keyOf(parts: object): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
