/**
 * Carries an installation out. The program is swapped as a whole: what runs goes on with the files it has open until it is restarted.
 * Throws: the file system's own errors, and what the tools of the host answer. Broken off at any point, the next run mends it.
 */
import { cp, mkdir, readFile, rename, rm, rmdir, stat, symlink, writeFile, chmod } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { run } from '#agent/linux/exec.ts';
import { isProgram, PROGRAM, RECORD, runtimePackages } from './layout.ts';
import type { InstallRecord, Step } from './plan.ts';

/** from: a clone, with its npm packages. */
export async function installProgram(from: string, to = PROGRAM): Promise<void> {
  const fresh = `${to}.new`;
  const old = `${to}.old`;
  for (const leftover of [fresh, old]) await rm(leftover, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true, mode: 0o755 });
  await cp(from, fresh, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => {
      const path = relative(from, source);
      return path === '' || isProgram(path);
    },
  });
  const lock = JSON.parse(await readFile(join(from, 'package-lock.json'), 'utf8')) as Parameters<typeof runtimePackages>[0];
  for (const path of runtimePackages(lock)) {
    if (!(await exists(join(from, path)))) continue; // for another machine, or optional
    await cp(join(from, path), join(fresh, path), {
      recursive: true,
      verbatimSymlinks: true,
      // Packages inside have entries of their own.
      filter: (source) => !relative(join(from, path), source).split('/').includes('node_modules'),
    });
  }
  // The launchers take it as the sign that the packages fit the lock file.
  const stamp = join(fresh, 'node_modules/.cache/kijabi/package-lock.json');
  await mkdir(dirname(stamp), { recursive: true });
  await cp(join(from, 'package-lock.json'), stamp);
  if (await exists(to)) await rename(to, old);
  await rename(fresh, to);
  await rm(old, { recursive: true, force: true });
}

/** Takes the steps; root: of the program the sources are read from. */
export async function takeSteps(steps: readonly Step[], root: string): Promise<void> {
  for (const step of steps) {
    switch (step.kind) {
      case 'write':
        await put(step.path, await readFile(join(root, step.source)), step.mode);
        break;
      case 'edit':
        await put(step.path, Buffer.from(step.text), step.mode);
        break;
      case 'link':
        await mkdir(dirname(step.path), { recursive: true });
        await symlink(step.target, step.path);
        break;
      case 'remove':
        await rm(step.path, { force: true });
        // Directories of drop-ins are ours when nobody else has put anything there.
        if (dirname(step.path).endsWith('.service.d')) await removeIfEmpty(dirname(step.path));
        break;
      case 'keep':
        break;
      default:
        step satisfies never;
    }
  }
}

export async function writeRecord(record: InstallRecord): Promise<void> {
  await put(RECORD, Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`), 0o600);
}

/** The file is there whole or not at all. */
async function put(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const aside = `${path}.kijabi-new`;
  await writeFile(aside, bytes, { mode });
  await chmod(aside, mode);
  await rename(aside, path);
}

export async function removeIfEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch(() => undefined);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

export class Systemd {
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Takes in what changed in files that it, or the kernel through it, reads. */
  async reload(): Promise<void> {
    await this.#run(['systemctl', 'daemon-reload']);
    // Modules that are built in, or that the kernel lacks, are no reason to stop; the kubelet's own checks tell what is missing.
    await this.#run(['systemctl', 'restart', 'systemd-modules-load.service'], [1, 5]);
    await this.#run(['systemd-tmpfiles', '--create', 'kijabi.conf'], [65, 73]);
    await this.#run(['sysctl', '--quiet', '--system'], [1, 255]);
  }

  async enable(units: readonly string[]): Promise<void> {
    if (units.length > 0) await this.#run(['systemctl', 'enable', '--quiet', ...units]);
  }

  /** Waits until each says that it is ready. */
  async restart(units: readonly string[]): Promise<void> {
    // A target that is restarted takes its services with it.
    for (const unit of units) await this.#run(['systemctl', unit.endsWith('.target') ? 'start' : 'restart', unit]);
  }

  async remove(units: readonly string[]): Promise<void> {
    if (units.length === 0) return;
    await this.#run(['systemctl', 'disable', '--quiet', '--now', ...units], [1, 5]);
    await this.#run(['systemctl', 'reset-failed', ...units], [1, 5]);
  }

  /** Also where no systemd runs, as in a chroot. */
  async disable(units: readonly string[]): Promise<void> {
    if (units.length > 0) await this.#run(['systemctl', 'disable', '--quiet', ...units], [1, 5]);
  }

  async daemonReload(): Promise<void> {
    await this.#run(['systemctl', 'daemon-reload']);
  }

  async isActive(unit: string): Promise<boolean> {
    return (await this.#run(['systemctl', 'is-active', unit], [1, 2, 3, 4])).trim() === 'active';
  }

  async #run(argv: readonly [string, ...string[]], okCodes: readonly number[] = []): Promise<string> {
    return (await run(argv, { signal: this.#signal, okCodes, timeoutMs: WITHIN_MS })).stdout;
  }
}

/** systemd has limits of its own, in the units; this one is for a systemd that does not answer. A small machine may be slow. */
const WITHIN_MS = 900_000;
