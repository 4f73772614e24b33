/**
 * A PackageSource for tests: packages are described in memory, and their files are written where real ones would be unpacked.
 * Throws on packages it was not told of, with the code of the real one.
 */
import { createHash } from 'node:crypto';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '#base/errors.ts';
import type { Candidate, PackageSource, Unpacked } from './debs.ts';

export interface FakePackage {
  readonly name: string;
  readonly version: string;
  readonly depends?: readonly string[];
  /** By path; a string starting with "-> " is a link. */
  readonly files: Readonly<Record<string, string | Uint8Array>>;
}

export class FakePackages implements PackageSource {
  readonly packages: FakePackage[];
  /** What happens now when the source is asked; tests change it. */
  mood: { readonly kind: 'well' } | { readonly kind: 'failing'; readonly code: string } = { kind: 'well' };
  lists: 'present' | 'absent' = 'present';
  /** Packages that appear with the next refresh. */
  afterRefresh: FakePackage[] = [];
  unpacked: string[] = [];

  constructor(packages: readonly FakePackage[]) {
    this.packages = [...packages];
  }

  async architecture(): Promise<string> {
    return 'amd64';
  }

  async hasLists(): Promise<boolean> {
    return this.lists === 'present';
  }

  async resolve(names: readonly string[]): Promise<readonly Candidate[]> {
    this.#check();
    return names.map((name) => candidate(this.#find(name)));
  }

  async refresh(): Promise<void> {
    this.#check();
    this.packages.push(...this.afterRefresh.splice(0));
  }

  async unpack(candidates: readonly Candidate[], scratchDir: string): Promise<readonly Unpacked[]> {
    this.#check();
    const unpacked: Unpacked[] = [];
    for (const wanted of candidates) {
      const pkg = this.#find(wanted.name);
      const root = join(scratchDir, pkg.name);
      for (const [path, content] of Object.entries(pkg.files)) await put(join(root, path), content);
      await mkdir(root, { recursive: true });
      this.unpacked.push(pkg.name);
      unpacked.push({ ...wanted, root, depends: pkg.depends ?? [] });
    }
    return unpacked;
  }

  /** As after an upgrade of the archive. */
  replace(pkg: FakePackage): void {
    this.packages.splice(
      this.packages.findIndex((p) => p.name === pkg.name),
      1,
      pkg,
    );
  }

  #find(name: string): FakePackage {
    const found = this.packages.find((p) => p.name === name);
    if (found === undefined) throw new AppError('IMAGES_PACKAGE_NOT_FOUND', `no ${name}`, { package: name });
    return found;
  }

  #check(): void {
    if (this.mood.kind === 'failing') throw new AppError(this.mood.code, 'as the test wants it');
  }
}

function candidate({ name, version, files }: FakePackage): Candidate {
  const hash = createHash('sha256').update(JSON.stringify([name, version, files]));
  return { name, version, architecture: 'amd64', sha256: hash.digest('hex'), fileName: `${name}_${version}_amd64.deb` };
}

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (typeof content === 'string' && content.startsWith('-> ')) return symlink(content.slice(3), path);
  await writeFile(path, content);
  await chmod(path, 0o755);
}
