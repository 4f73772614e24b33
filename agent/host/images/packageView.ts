/**
 * The files of several unpacked packages seen as one tree with merged /usr, as they would lie on an installed system.
 * /bin, /sbin, /lib and /lib64 are the same as below /usr, whichever of the two a package uses (Debian 12 and 13 differ).
 *
 * Paths: canonical, that is relative to the root, without the leading slash, below usr/ where that applies.
 * Throws: the file system's own errors; IMAGES_FILE_NOT_FOUND, IMAGES_LINK_LOOP.
 */
import type { Dirent } from 'node:fs';
import { lstat, readFile, readdir, readlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { AppError } from '#base/errors.ts';
import { readElf, type ElfFile } from './elf.ts';
import type { Unpacked } from './debs.ts';

export interface ViewFile {
  readonly kind: 'file' | 'symlink';
  readonly package: Unpacked;
  readonly diskPath: string;
}

export interface ElfAt {
  readonly path: string;
  readonly package: Unpacked;
  readonly elf: ElfFile;
}

const MERGED = /^(bin|sbin|lib(?:32|64|x32)?)(?=\/|$)/;
/** As many links as the kernel follows in one path. */
const MOST_LINKS = 40;

export function canonicalPath(path: string): string {
  return posix.normalize(`/${path}`).slice(1).replace(/\/$/, '').replace(MERGED, 'usr/$1');
}

/** All below a folder. Not a recursive readdir: that goes through links to folders, and an absolute one leads out of the package. */
async function* below(folder: string): AsyncGenerator<Dirent> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    yield entry;
    if (entry.isDirectory()) yield* below(posix.join(folder, entry.name));
  }
}

export class PackageView {
  readonly #files = new Map<string, ViewFile>();
  readonly #elves = new Map<string, ElfFile | undefined>();

  /** Where two packages bring the same path, the one added first keeps it. */
  async add(pkg: Unpacked): Promise<void> {
    for await (const entry of below(pkg.root)) {
      if (!entry.isFile() && !entry.isSymbolicLink()) continue;
      const diskPath = posix.join(entry.parentPath, entry.name);
      const path = canonicalPath(posix.relative(pkg.root, diskPath));
      if (!this.#files.has(path)) this.#files.set(path, { kind: entry.isFile() ? 'file' : 'symlink', package: pkg, diskPath });
    }
  }

  get(path: string): ViewFile | undefined {
    return this.#files.get(path);
  }

  /** All that match, sorted; a * stands for anything but a slash, in the last part of the path. */
  match(pattern: string): string[] {
    const path = canonicalPath(pattern);
    if (!path.includes('*')) return this.#files.has(path) ? [path] : [];
    const parts = path.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
    const regex = new RegExp(`^${parts.join('[^/]*')}$`);
    return [...this.#files.keys()].filter((file) => regex.test(file)).sort();
  }

  /** The path itself and every link on the way to the file, which comes last. */
  async follow(path: string): Promise<string[]> {
    const chain = [canonicalPath(path)];
    for (;;) {
      const last = chain.at(-1) ?? '';
      const link = this.#files.has(last) ? last : this.#linkAbove(last);
      const file = this.#files.get(link ?? '');
      if (file === undefined || link === undefined)
        throw new AppError('IMAGES_FILE_NOT_FOUND', `No package brings /${last}`, { path: `/${last}` });
      if (file.kind === 'file') return chain;
      if (chain.length > MOST_LINKS) throw new AppError('IMAGES_LINK_LOOP', `The links from /${path} lead nowhere`, { path: `/${path}` });
      if (link !== last) chain.push(link);
      const target = posix.resolve('/', posix.dirname(link), await readlink(file.diskPath));
      chain.push(canonicalPath(target + last.slice(link.length)));
    }
  }

  /** The folder on the way that is really a link. */
  #linkAbove(path: string): string | undefined {
    for (let folder = posix.dirname(path); folder !== '.'; folder = posix.dirname(folder)) {
      if (this.#files.get(folder)?.kind === 'symlink') return folder;
    }
    return undefined;
  }

  async elf(path: string): Promise<ElfFile | undefined> {
    const known = this.#elves.get(path);
    if (known !== undefined || this.#elves.has(path)) return known;
    const file = this.#files.get(path);
    const elf = file?.kind === 'file' ? readElf(await readFile(file.diskPath)) : undefined;
    this.#elves.set(path, elf);
    return elf;
  }

  /** What the dynamic linker would load for this name, for this program or library; undefined when no package brings it. */
  async library(name: string, wantedBy: ElfAt): Promise<string | undefined> {
    for (const folder of this.#searchFolders(wantedBy)) {
      const path = canonicalPath(posix.join(folder, name));
      if (!this.#files.has(path)) continue;
      const target = (await this.follow(path).catch(() => [])).at(-1);
      const elf = target === undefined ? undefined : await this.elf(target);
      if (elf !== undefined && elf.machine === wantedBy.elf.machine && elf.bits === wantedBy.elf.bits) return path;
    }
    return undefined;
  }

  /** The file's own search path first, then the system's: the multiarch folders (Debian's ld.so has them built in), then /usr/lib. */
  #searchFolders({ path, elf }: ElfAt): string[] {
    const origin = `/${posix.dirname(path)}`;
    const own = elf.runpath.map((folder) => folder.replaceAll(/\$\{?ORIGIN\}?/g, origin));
    const multiarch = [...this.#files.keys()].map((file) => /^usr\/lib\/[a-z0-9_]+-linux-[a-z0-9]+(?=\/[^/]+$)/.exec(file)?.[0]);
    return [...own, ...new Set(multiarch.filter((folder) => folder !== undefined)), 'usr/lib', 'usr/lib64'];
  }

  /** Permission bits, without set-user-id and set-group-id: no image of ours needs them. */
  async mode(path: string): Promise<number> {
    const file = this.#files.get(path);
    return file === undefined ? 0o644 : (await lstat(file.diskPath)).mode & 0o1777;
  }
}
