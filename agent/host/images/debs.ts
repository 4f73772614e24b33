/**
 * Debian packages as a source of files: which version apt would take, the .deb itself (checked against apt's SHA-256), and its
 * files unpacked into a folder. Nothing is installed; no maintainer script runs. As root it may refresh apt's package lists.
 *
 * Throws: IMAGES_NO_APT, IMAGES_NO_PACKAGE_LISTS, IMAGES_PACKAGE_NOT_FOUND, IMAGES_NO_NETWORK, IMAGES_LISTS_STALE, IMAGES_APT_LOCKED,
 * IMAGES_APT_FAILED, IMAGES_DISK_FULL.
 * Source: apt-get(8) (download, --print-uris), deb-control(5), deb-version(7).
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run, type Argv, type RunResult } from '../../linux/exec.ts';
import { AppError, codeOf } from '#base/errors.ts';
import type { Clock } from '#base/clock.ts';
import type { OnStep } from './steps.ts';

export interface Candidate {
  readonly name: string;
  readonly version: string;
  /** amd64, arm64 or all. */
  readonly architecture: string;
  readonly sha256: string;
  readonly fileName: string;
}

export interface Unpacked extends Candidate {
  readonly root: string;
  /** Names of Pre-Depends and Depends in their order, alternatives one after the other. */
  readonly depends: readonly string[];
}

/** Where package files come from. The real one is apt; tests bring a folder of packages they made. */
export interface PackageSource {
  /** Without them, resolve has to get them first. */
  hasLists(): Promise<boolean>;
  /** One candidate for each name, or IMAGES_PACKAGE_NOT_FOUND. Asks no network unless apt has no lists at all. */
  resolve(names: readonly string[], signal: AbortSignal): Promise<readonly Candidate[]>;
  /** Unpacks into folders below scratchDir, which is the caller's. */
  unpack(candidates: readonly Candidate[], scratchDir: string, signal: AbortSignal): Promise<readonly Unpacked[]>;
  /** The packages lists are out of date when a file they name is gone. */
  refresh(signal: AbortSignal): Promise<void>;
  /** Debian's name of this machine's architecture. */
  architecture(signal: AbortSignal): Promise<string>;
}

export interface AptOptions {
  /** Downloaded packages are kept in its folder debs. */
  readonly cacheDir: string;
  readonly clock: Clock;
  readonly onStep: OnStep;
  /** Before every apt-get's own arguments, such as -o Dir::State::lists=... */
  readonly aptArgs?: readonly string[];
  readonly listsDir?: string;
  readonly archivesDir?: string;
  readonly isRoot?: boolean;
}

const ENGLISH = { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' } as const;
const APT_TIMEOUT_MS = 15 * 60_000;
const OR_COPY = ', or copy the cache directory of a machine that has built the images';
const LOCK_RETRY_MS = 1_000;
const LOCK_TRIES = 120;

export class Apt implements PackageSource {
  readonly #options: AptOptions;
  readonly #listsDir: string;
  readonly #archivesDir: string;
  readonly #isRoot: boolean;
  /** What apt said once holds for the whole build; asking costs up to a second where apt keeps no binary cache. */
  readonly #resolved = new Map<string, Candidate>();

  constructor(options: AptOptions) {
    this.#options = options;
    this.#listsDir = options.listsDir ?? '/var/lib/apt/lists';
    this.#archivesDir = options.archivesDir ?? '/var/cache/apt/archives';
    this.#isRoot = options.isRoot ?? process.getuid?.() === 0;
  }

  async architecture(signal: AbortSignal): Promise<string> {
    return (await this.#command(['dpkg', '--print-architecture'], signal)).stdout.trim();
  }

  async resolve(names: readonly string[], signal: AbortSignal): Promise<readonly Candidate[]> {
    if (!(await this.hasLists())) await this.refresh(signal);
    const unknown = names.filter((name) => !this.#resolved.has(name));
    if (unknown.length > 0) {
      const { stdout } = await this.#inScratch(async (cwd) => this.#apt(['download', '--print-uris', ...unknown], { cwd, signal }));
      for (const candidate of parseUris(stdout)) this.#resolved.set(candidate.name, candidate);
    }
    return names.map((name) => {
      const candidate = this.#resolved.get(name);
      if (candidate !== undefined) return candidate;
      throw new AppError('IMAGES_PACKAGE_NOT_FOUND', `apt knows no download of ${name}; look at: apt-cache policy ${name}`, {
        package: name,
      });
    });
  }

  async refresh(signal: AbortSignal): Promise<void> {
    if (!this.#isRoot) {
      throw new AppError('IMAGES_NO_PACKAGE_LISTS', 'Cannot look up packages: apt has no up-to-date lists; run as root: apt-get update');
    }
    const { clock, onStep } = this.#options;
    const startMs = clock.monotonicMs();
    this.#resolved.clear();
    for (let tries = 1; ; tries++) {
      try {
        await this.#apt(['update'], { signal });
        break;
      } catch (err) {
        if (signal.aborted) throw err;
        if (codeOf(err) === 'IMAGES_APT_LOCKED' && tries < LOCK_TRIES) {
          if (tries === 1) onStep({ step: 'packageLists', detail: 'waiting for another apt to finish', tookMs: 0 });
          await clock.sleep(LOCK_RETRY_MS, signal);
          continue;
        }
        // One source of several that does not answer is no reason to stop: the next look-up tells.
        if (!(await this.hasLists())) throw err;
        break;
      }
    }
    if (!(await this.hasLists())) {
      throw new AppError(
        'IMAGES_NO_NETWORK',
        `apt-get update brought no package lists; check the network and /etc/apt/sources.list${OR_COPY}`,
      );
    }
    onStep({ step: 'packageLists', detail: 'apt-get update', tookMs: clock.monotonicMs() - startMs });
  }

  async unpack(candidates: readonly Candidate[], scratchDir: string, signal: AbortSignal): Promise<readonly Unpacked[]> {
    const files = await this.#fetch(candidates, signal);
    const unpacked: Unpacked[] = [];
    for (const candidate of candidates) {
      const deb = files.get(candidate.fileName) ?? '';
      const root = join(scratchDir, candidate.name);
      await mkdir(root, { recursive: true });
      await this.#command(['dpkg-deb', '-x', deb, root], signal);
      const control = await this.#command(['dpkg-deb', '-f', deb, 'Pre-Depends', 'Depends'], signal);
      unpacked.push({ ...candidate, root, depends: parseDepends(control.stdout.replaceAll(/^(Pre-)?Depends:/gm, ',')) });
    }
    return unpacked;
  }

  /** Where each .deb lies, downloading those that neither we nor apt keep. */
  async #fetch(candidates: readonly Candidate[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const debsDir = join(this.#options.cacheDir, 'debs');
    await mkdir(debsDir, { recursive: true });
    const missing: Candidate[] = [];
    for (const candidate of candidates) {
      const ours = join(debsDir, candidate.fileName);
      if (await isIntact(ours, candidate)) continue;
      const apts = join(this.#archivesDir, candidate.fileName);
      if (!(await isIntact(apts, candidate))) missing.push(candidate);
      else await this.#inScratch(async (dir) => copyFile(apts, join(dir, 'deb')).then(() => rename(join(dir, 'deb'), ours)));
    }
    if (missing.length > 0) await this.#download(missing, debsDir, signal);
    return new Map(candidates.map((c) => [c.fileName, join(debsDir, c.fileName)]));
  }

  async #download(missing: readonly Candidate[], debsDir: string, signal: AbortSignal): Promise<void> {
    const { clock, onStep } = this.#options;
    const startMs = clock.monotonicMs();
    await this.#inScratch(async (cwd) => {
      await this.#apt(['download', ...missing.map((c) => `${c.name}=${c.version}`)], { cwd, signal });
      for (const candidate of missing) {
        const file = join(cwd, candidate.fileName);
        if (!(await isIntact(file, candidate))) {
          throw new AppError(
            'IMAGES_APT_FAILED',
            `apt downloaded ${candidate.name} ${candidate.version}, but not the file that its lists name; run: apt-get update`,
          );
        }
        await rename(file, join(debsDir, candidate.fileName));
      }
    });
    onStep({ step: 'download', detail: missing.map((c) => `${c.name} ${c.version}`).join(', '), tookMs: clock.monotonicMs() - startMs });
  }

  async #inScratch<T>(work: (dir: string) => Promise<T>): Promise<T> {
    await mkdir(this.#options.cacheDir, { recursive: true });
    const dir = await mkdtemp(join(this.#options.cacheDir, `scratch-${process.pid}-`));
    try {
      return await work(dir);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  async hasLists(): Promise<boolean> {
    const files = await readdir(this.#listsDir).catch(() => []);
    return files.some((file) => /_Packages(\.\w+)?$/.test(file));
  }

  #apt(args: readonly string[], options: { readonly cwd?: string; readonly signal: AbortSignal }): Promise<RunResult> {
    return this.#command(['apt-get', '-q', ...(this.#options.aptArgs ?? []), ...args], options.signal, options.cwd);
  }

  async #command(argv: Argv, signal: AbortSignal, cwd?: string): Promise<RunResult> {
    try {
      return await run(argv, { signal, env: ENGLISH, timeoutMs: APT_TIMEOUT_MS, ...(cwd === undefined ? {} : { cwd }) });
    } catch (err) {
      if (signal.aborted) throw signal.reason;
      throw aptError(argv[0], err);
    }
  }
}

/** Says in our words what apt and dpkg said in theirs. */
export function aptError(program: string, err: unknown): AppError {
  if (codeOf(err) === 'EXEC_NOT_FOUND') {
    return new AppError(
      'IMAGES_NO_APT',
      `Cannot run ${program}: images are built from Debian packages; build them on a Debian machine and copy the cache directory here`,
      {},
      err,
    );
  }
  const said = err instanceof Error ? err.message : String(err);
  if (/No space left on device/.test(said))
    return new AppError(
      'IMAGES_DISK_FULL',
      'No space is left on the disk; make room or choose another cache directory (--cache-dir)',
      {},
      err,
    );
  if (/Could not get lock/.test(said))
    return new AppError('IMAGES_APT_LOCKED', 'Another apt is running; try again when it has finished', {}, err);
  const [, missing] =
    /Unable to locate package (\S+)|Package '([^']+)' has no installation candidate|Can't find a source to download version/.exec(said) ??
    [];
  if (missing !== undefined || /no installation candidate|Can't find a source/.test(said)) {
    return new AppError(
      'IMAGES_PACKAGE_NOT_FOUND',
      `apt finds no package ${missing ?? ''}; is it in the sources, and are the lists fresh (apt-get update)?`,
      { package: missing ?? '' },
      err,
    );
  }
  if (
    /Could not resolve|Temporary failure|Could not connect|Connection (failed|refused|timed out)|Unable to connect|Cannot initiate|Network is unreachable/.test(
      said,
    )
  ) {
    return new AppError('IMAGES_NO_NETWORK', `apt cannot reach its servers; check the network${OR_COPY}`, {}, err);
  }
  if (/404\s+Not Found/.test(said))
    return new AppError('IMAGES_LISTS_STALE', 'The package lists name files that are gone; run as root: apt-get update', {}, err);
  return new AppError('IMAGES_APT_FAILED', `${program} failed`, {}, err);
}

async function isIntact(file: string, candidate: Candidate): Promise<boolean> {
  const there = await stat(file).catch(() => undefined);
  if (there?.isFile() !== true) return false;
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex') === candidate.sha256;
}

/** Lines such as: 'http://.../catatonit_0.1.7-1%2bb2_amd64.deb' catatonit_0.1.7-1+b2_amd64.deb 260608 SHA256:3ee3... */
export function parseUris(text: string): Candidate[] {
  return [...text.matchAll(/^'[^']*' (\S+) \d+ .*?SHA256:([0-9a-f]{64})/gm)].flatMap(([, fileName = '', sha256 = '']) => {
    const [, name, version, architecture] = /^([^_]+)_([^_]+)_([^_]+)\.deb$/.exec(fileName) ?? [];
    if (name === undefined || version === undefined || architecture === undefined) return [];
    return [{ name, version: decodeURIComponent(version), architecture, sha256, fileName }];
  });
}

/** "a (>= 1) | b:any, c [amd64]" gives a, b, c. */
export function parseDepends(field: string): string[] {
  const names = field.split(/[,|]/).map((part) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(part)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** "5:7.0.15-1~deb12u10" gives "7.0.15": without epoch, revision and repacking marks. */
export function upstreamVersion(version: string): string {
  return /^(?:\d+:)?([^-+~]+)/.exec(version)?.[1] ?? version;
}
