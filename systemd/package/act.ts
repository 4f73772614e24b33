/** Builds the package: lays its tree out in a scratch directory, and has dpkg-deb pack it. Nobody has to be root for it. */
import { createHash } from 'node:crypto';
import { chmod, copyFile, lstat, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { run } from '#agent/linux/exec.ts';
import { installProgram } from '../install/act.ts';
import { isPackaged, layoutOf, PACKAGE, PROGRAM } from '../install/layout.ts';
import { controlText } from './control.ts';

export interface BuildOptions {
  /** A clone with its npm packages. */
  readonly root: string;
  readonly outDir: string;
  readonly version: string;
  /** none is for tests: it takes a second instead of a minute. */
  readonly compression: 'xz' | 'none';
  readonly signal: AbortSignal;
}

const PACK_WITHIN_MS = 15 * 60_000;
const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'];

/** The file it made. */
export async function buildPackage({ root, outDir, version, compression, signal }: BuildOptions): Promise<string> {
  const architecture = (await run(['dpkg', '--print-architecture'], { signal })).stdout.trim();
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-deb-'));
  const file = join(outDir, `kijabi_${version}_${architecture}.deb`);
  try {
    await installProgram(root, join(dir, PROGRAM));
    await layOut(root, dir);
    const files = await settle(dir);
    await writeControl({ root, dir, files, version, architecture });
    await mkdir(outDir, { recursive: true });
    const argv = ['dpkg-deb', '--root-owner-group', `-Z${compression}`, '--build', dir, file] as const;
    await run(argv, { signal, timeoutMs: PACK_WITHIN_MS });
    return file;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function layOut(root: string, dir: string): Promise<void> {
  const layout = layoutOf('all', PACKAGE);
  for (const { path, source, mode } of layout.files.filter(isPackaged)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await copyFile(join(root, source), join(dir, path));
    await chmod(join(dir, path), mode);
  }
  for (const [path, target] of layout.links) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await symlink(relative(dirname(path), target), join(dir, path));
  }
  const doc = join(dir, 'usr/share/doc/kijabi');
  await mkdir(doc, { recursive: true });
  await copyFile(join(root, 'LICENSE'), join(doc, 'copyright'));
}

interface Laid {
  /** Below the root of the package. */
  readonly path: string;
  readonly bytes: number;
  readonly md5: string;
}

/** Modes that do not depend on who cloned with which umask; all regular files. */
async function settle(dir: string): Promise<readonly Laid[]> {
  const files: Laid[] = [];
  await chmod(dir, 0o755);
  for (const path of (await readdir(dir, { recursive: true })).toSorted()) {
    const full = join(dir, path);
    const stats = await lstat(full);
    if (stats.isDirectory()) await chmod(full, 0o755);
    else if (stats.isFile()) {
      if (!path.startsWith('etc/')) await chmod(full, (stats.mode & 0o100) === 0 ? 0o644 : 0o755);
      const md5 = createHash('md5')
        .update(await readFile(full))
        .digest('hex');
      files.push({ path, bytes: stats.size, md5 });
    }
  }
  return files;
}

interface ControlOptions {
  readonly root: string;
  readonly dir: string;
  readonly files: readonly Laid[];
  readonly version: string;
  readonly architecture: string;
}

async function writeControl({ root, dir, files, version, architecture }: ControlOptions): Promise<void> {
  const control = join(dir, 'DEBIAN');
  // Modes of makers are what the umask leaves of them.
  await mkdir(control);
  await chmod(control, 0o755);
  const put = async (name: string, text: string): Promise<void> => {
    await writeFile(join(control, name), text);
    await chmod(join(control, name), 0o644);
  };
  const installedBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  await put('control', controlText({ version, architecture, installedBytes }));
  // dpkg keeps its own sums of these.
  const isConfig = ({ path }: Laid): boolean => path.startsWith('etc/');
  await put('conffiles', lines(files.filter(isConfig).map(({ path }) => `/${path}`)));
  await put('md5sums', lines(files.filter((file) => !isConfig(file)).map(({ path, md5 }) => `${md5}  ${path}`)));
  for (const name of SCRIPTS) {
    await copyFile(join(root, 'systemd/package/scripts', name), join(control, name));
    await chmod(join(control, name), 0o755);
  }
}

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
