/**
 * Turns a recipe into the entries of an image: picks the files, finds the libraries they need (and the packages that bring
 * those) from the files themselves, adds what is generated, and closes the tree over its parent folders.
 *
 * Packages are looked for only among what the packages at hand depend on, those whose name fits the library's first
 * (libssl.so.3 -> libssl3), so that a recipe names programs and no libraries, on every Debian release.
 * Throws: IMAGES_LIBRARY_NOT_FOUND, IMAGES_FILE_NOT_FOUND, IMAGES_NOT_STATIC, and what debs.ts and elf.ts throw.
 */
import { readFile, readlink, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { run } from '../../linux/exec.ts';
import { AppError } from '#base/errors.ts';
import type { Candidate, PackageSource, Unpacked } from './debs.ts';
import { isStatic } from './elf.ts';
import { PackageView, canonicalPath, type ElfAt } from './packageView.ts';
import type { Recipe, RecipeItem } from './recipes.ts';
import type { Owner, TarEntry } from './tar.ts';

export interface Rootfs {
  readonly entries: readonly TarEntry[];
  /** Every package that was looked into, in the order they were added. */
  readonly packages: readonly Candidate[];
  /** Names of those that files were taken from. */
  readonly used: ReadonlySet<string>;
}

export interface RootfsOptions {
  readonly recipe: Recipe;
  readonly source: PackageSource;
  /** Package files are unpacked here; entries point to them. The caller removes it when the image is written. */
  readonly scratchDir: string;
  readonly signal: AbortSignal;
}

export async function makeRootfs(options: RootfsOptions): Promise<Rootfs> {
  const build = new Build(options);
  await build.addPackages(options.recipe.packages);
  for (const item of options.recipe.items) await build.add(item);
  await build.addLibraries();
  return build.finish();
}

class Build {
  readonly #options: RootfsOptions;
  readonly #view = new PackageView();
  readonly #packages = new Map<string, Unpacked>();
  readonly #notThere = new Set<string>();
  readonly #entries = new Map<string, TarEntry>();
  readonly #used = new Set<string>();

  constructor(options: RootfsOptions) {
    this.#options = options;
  }

  async addPackages(names: readonly string[]): Promise<void> {
    const { source, scratchDir, signal } = this.#options;
    const candidates = await source.resolve(names, signal);
    for (const pkg of await source.unpack(candidates, scratchDir, signal)) {
      this.#packages.set(pkg.name, pkg);
      await this.#view.add(pkg);
    }
  }

  async add(item: RecipeItem): Promise<void> {
    switch (item.kind) {
      case 'pick':
        return this.#pick(item);
      case 'directory':
        return this.#put({ kind: 'directory', path: canonicalPath(item.path), mode: item.mode ?? 0o755, ...owned(item) });
      case 'link':
        return this.#put({ kind: 'symlink', path: canonicalPath(item.path), target: item.target });
      case 'text':
        return this.#put({ ...textFile(canonicalPath(item.path), item.text), mode: item.mode ?? 0o644, ...owned(item) });
      case 'concat':
        return this.#concat(item.from, canonicalPath(item.to));
      case 'applets':
        return this.#applets(canonicalPath(item.busybox), item.except ?? []);
    }
  }

  #put(entry: TarEntry): void {
    this.#entries.set(entry.path, entry);
  }

  async #pick({ from, to, linking }: RecipeItem & { readonly kind: 'pick' }): Promise<void> {
    const paths = this.#found(from);
    for (const path of paths) await this.#take(path, to === undefined ? path : canonicalPath(to));
    if (linking !== 'static') return;
    for (const path of paths) {
      const elf = await this.#view.elf((await this.#view.follow(path)).at(-1) ?? path);
      if (elf === undefined || !isStatic(elf)) {
        throw new AppError(
          'IMAGES_NOT_STATIC',
          `Cannot use /${path}: it has to be a static program, and in this release of Debian it is none`,
          { path: `/${path}` },
        );
      }
    }
  }

  #found(pattern: string): string[] {
    const paths = this.#view.match(pattern);
    if (paths.length > 0) return paths;
    const names = [...this.#packages.values()].map((p) => `${p.name} ${p.version}`).join(', ');
    throw new AppError('IMAGES_FILE_NOT_FOUND', `Cannot find ${pattern} in ${names}`, { path: pattern });
  }

  /** A file; for a link the link and what it leads to, or under another name just the file. */
  async #take(path: string, to: string): Promise<void> {
    const chain = await this.#view.follow(path);
    for (const at of to === path ? chain : chain.slice(-1)) {
      const file = this.#view.get(at);
      if (file === undefined) continue;
      this.#used.add(file.package.name);
      if (file.kind === 'symlink') this.#put({ kind: 'symlink', path: at, target: await readlink(file.diskPath) });
      else {
        const content = { kind: 'disk', path: file.diskPath, sizeBytes: (await stat(file.diskPath)).size } as const;
        this.#put({ kind: 'file', path: to === path ? at : to, mode: await this.#view.mode(at), content });
      }
    }
  }

  async #concat(from: string, to: string): Promise<void> {
    const parts: Buffer[] = [];
    for (const path of this.#found(from)) {
      const file = this.#view.get((await this.#view.follow(path)).at(-1) ?? path);
      if (file === undefined) continue;
      this.#used.add(file.package.name);
      parts.push(await readFile(file.diskPath));
    }
    this.#put({ kind: 'file', path: to, mode: 0o644, content: { kind: 'bytes', bytes: Buffer.concat(parts) } });
  }

  async #applets(busybox: string, except: readonly string[]): Promise<void> {
    const file = this.#view.get(busybox);
    if (file === undefined) throw new AppError('IMAGES_FILE_NOT_FOUND', `Cannot list the applets of /${busybox}: no package brings it`);
    const { stdout } = await run([file.diskPath, '--list'], { signal: this.#options.signal });
    for (const applet of stdout.split('\n').filter((name) => name !== '' && !except.includes(name))) {
      const path = posix.join(posix.dirname(busybox), applet);
      if (!this.#entries.has(path) && !this.#entries.has(path.replace('/bin/', '/sbin/'))) {
        this.#put({ kind: 'symlink', path, target: posix.basename(busybox) });
      }
    }
  }

  /** Until nothing is missing: every program's interpreter and every library named by a file that is in. */
  async addLibraries(): Promise<void> {
    for (;;) {
      this.#options.signal.throwIfAborted();
      const missing = await this.#takeLibraries();
      if (missing.length === 0) return;
      if (!(await this.#widen(missing))) {
        const [first] = missing;
        throw new AppError(
          'IMAGES_LIBRARY_NOT_FOUND',
          `Cannot find ${first?.name ?? ''}, which /${first?.wantedBy.path ?? ''} needs, in anything that ${first?.wantedBy.package.name ?? ''} depends on`,
        );
      }
    }
  }

  async #takeLibraries(): Promise<Missing[]> {
    const missing: Missing[] = [];
    const seen = new Set<string>();
    for (let todo = await this.#elvesBeyond(seen); todo.length > 0; todo = await this.#elvesBeyond(seen)) {
      for (const wantedBy of todo) {
        seen.add(wantedBy.path);
        const interpreter = wantedBy.elf.interpreter;
        if (interpreter !== undefined) {
          const path = canonicalPath(interpreter);
          if (this.#view.get(path) === undefined) missing.push({ name: posix.basename(path), wantedBy });
          else await this.#take(path, path);
        }
        for (const name of wantedBy.elf.needed) {
          const path = await this.#view.library(name, wantedBy);
          if (path === undefined) missing.push({ name, wantedBy });
          else await this.#take(path, path);
        }
      }
    }
    return missing;
  }

  async #elvesBeyond(seen: ReadonlySet<string>): Promise<ElfAt[]> {
    const found: ElfAt[] = [];
    for (const [path, entry] of this.#entries) {
      if (seen.has(path) || entry.kind !== 'file' || entry.content.kind !== 'disk') continue;
      const origin = this.#originOf(entry.content.path);
      const elf = origin === undefined ? undefined : await this.#view.elf(origin.path);
      if (origin !== undefined && elf !== undefined) found.push({ path, package: origin.package, elf });
    }
    return found;
  }

  #originOf(diskPath: string): { readonly path: string; readonly package: Unpacked } | undefined {
    const pkg = [...this.#packages.values()].find((p) => diskPath.startsWith(`${p.root}/`));
    return pkg === undefined ? undefined : { path: canonicalPath(posix.relative(pkg.root, diskPath)), package: pkg };
  }

  /** Unpacks more packages that may bring what is missing. False: there are none left to try. */
  async #widen(missing: readonly Missing[]): Promise<boolean> {
    const around = [...this.#packages.values()].flatMap((pkg) => pkg.depends);
    const untried = (m: Missing): string[] =>
      [...m.wantedBy.package.depends, ...around].filter((name) => !this.#packages.has(name) && !this.#notThere.has(name));
    const fitting = missing.flatMap((m) => untried(m).filter((name) => likelyNames(m.name).includes(name)));
    let next = [...new Set(fitting.length > 0 ? fitting : missing.flatMap((m) => untried(m).sort(librariesFirst).slice(0, 1)))];
    if (next.length === 0) return false;
    while (next.length > 0) {
      try {
        await this.addPackages(next);
        break;
      } catch (err) {
        const absent = err instanceof AppError && err.code === 'IMAGES_PACKAGE_NOT_FOUND' ? err.facts['package'] : undefined;
        if (typeof absent !== 'string' || !next.includes(absent)) throw err;
        this.#notThere.add(absent); // a virtual package, or an alternative of another release
        next = next.filter((name) => name !== absent);
      }
    }
    return true;
  }

  async finish(): Promise<Rootfs> {
    for (const name of this.#used) await this.#copyright(name);
    for (const path of this.#entries.keys()) {
      for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) {
        if (!this.#entries.has(folder)) this.#put({ kind: 'directory', path: folder, mode: 0o755 });
      }
    }
    for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
      if (this.#entries.has(`usr/${name}`)) this.#put({ kind: 'symlink', path: name, target: `usr/${name}` });
    }
    return { entries: [...this.#entries.values()], packages: [...this.#packages.values()], used: this.#used };
  }

  /** Whoever passes an image on has to pass on the terms of what is in it. */
  async #copyright(name: string): Promise<void> {
    const path = `usr/share/doc/${name}/copyright`;
    const chain = await this.#view.follow(path).catch(() => []);
    const file = this.#view.get(chain.at(-1) ?? '');
    if (file !== undefined)
      this.#put({ kind: 'file', path, mode: 0o644, content: { kind: 'bytes', bytes: await readFile(file.diskPath) } });
  }
}

interface Missing {
  readonly name: string;
  readonly wantedBy: ElfAt;
}

function owned({ owner }: { readonly owner?: Owner }): { readonly owner?: Owner } {
  return owner === undefined ? {} : { owner };
}

function textFile(path: string, text: string): TarEntry & { readonly kind: 'file' } {
  return { kind: 'file', path, mode: 0o644, content: { kind: 'bytes', bytes: Buffer.from(text) } };
}

/** Libraries whose package's name does not tell; a shortcut, not a need. */
const ODD_NAMES: Readonly<Record<string, string>> = {
  libz: 'zlib1g',
  libm: 'libc6',
  libdl: 'libc6',
  libpthread: 'libc6',
  librt: 'libc6',
  libresolv: 'libc6',
};

/** Debian policy 8.1: the library's name and version in one word, a dash between two digits; t64 since the 64-bit time transition. */
export function likelyNames(library: string): string[] {
  const [, stem, version = ''] = /^(.+?)\.so(?:\.(.+))?$/.exec(library.toLowerCase()) ?? [];
  if (stem === undefined || stem.startsWith('ld-linux')) return ['libc6'];
  const name = `${stem}${/\d$/.test(stem) && /^\d/.test(version) ? '-' : ''}${version}`.replaceAll('_', '-');
  const odd = ODD_NAMES[stem];
  return odd === undefined ? [name, `${name}t64`] : [odd, name, `${name}t64`];
}

function librariesFirst(a: string, b: string): number {
  return Number(b.includes('lib')) - Number(a.includes('lib'));
}
