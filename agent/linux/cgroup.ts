/**
 * Control groups on disk: makes, limits and removes the groups above the containers (the runtime makes those of the containers).
 *
 * v1 (one tree per controller), hybrid (as v1) and v2 (one tree) are told apart by what is mounted.
 * Only the trees that get a limit are made by us; removal goes through all, because the runtime makes the rest below our path.
 *
 * Units: cpuShares as in cgroup v1 (2..262144, 1024 = one core); cpuQuotaUs per period; bytes.
 * Source: Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst of the kernel; shares to weight as in KEP-2254:
 * weight = 1 + (shares - 2) * 9999 / 262142.
 */
import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError, codeOf } from '#base/errors.ts';

export const CPU_PERIOD_US = 100_000;

export interface CgroupLimits {
  readonly cpuShares?: number;
  /** -1: no limit. */
  readonly cpuQuotaUs?: number;
  /** Default 100 ms. */
  readonly cpuPeriodUs?: number;
  /** -1: no limit. */
  readonly memoryBytes?: number;
  readonly pidsMax?: number;
  /** Page size as the kernel names it (2MB) -> bytes. */
  readonly hugePages?: ReadonlyMap<string, number>;
}

export interface CgroupMounts {
  readonly mode: 'v1' | 'v2';
  /** Controller -> directory of its tree; in v2 every controller maps to the one tree. */
  readonly controllers: ReadonlyMap<string, string>;
  /** Every tree once. */
  readonly trees: readonly string[];
}

/** Reads which trees there are from the text of /proc/self/mountinfo and, for v2, cgroup.controllers. */
export function parseMounts(mountinfo: string, v2Controllers: (root: string) => string): CgroupMounts {
  const v1 = new Map<string, string>();
  const trees = new Set<string>();
  let unified: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const mountPoint = left.split(' ')[4] ?? '';
    const [type, , options = ''] = right.split(' ');
    if (type === 'cgroup2') {
      unified ??= mountPoint;
      trees.add(mountPoint); // in a hybrid the runtime makes its groups there too
    }
    if (type !== 'cgroup') continue;
    trees.add(mountPoint);
    for (const option of options.split(',')) if (!['rw', 'ro'].includes(option) && !option.includes('=')) v1.set(option, mountPoint);
  }
  if (v1.size > 0) return { mode: 'v1', controllers: v1, trees: [...trees] };
  if (unified === undefined) throw new AppError('CGROUP_NONE', 'No cgroup file system is mounted: mount cgroup2 on /sys/fs/cgroup');
  const root = unified;
  return {
    mode: 'v2',
    controllers: new Map(
      v2Controllers(root)
        .trim()
        .split(' ')
        .map((c) => [c, root]),
    ),
    trees: [root],
  };
}

export function findMounts(): CgroupMounts {
  return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'), (root) => readFileSync(join(root, 'cgroup.controllers'), 'utf8'));
}

/** Absolute files to write, in order, so that the group at path has these limits. Pure. */
export function limitFiles(mounts: CgroupMounts, path: string, limits: CgroupLimits): [file: string, text: string][] {
  const at = (controller: string, file: string, text: string): [string, string][] => {
    const tree = mounts.controllers.get(controller);
    return tree === undefined ? [] : [[join(tree, path, file), text]];
  };
  const v2 = mounts.mode === 'v2';
  const none = (n: number): string => (n < 0 ? 'max' : String(n));
  const { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryBytes, pidsMax, hugePages } = limits;
  return [
    ...(cpuShares === undefined
      ? []
      : v2
        ? at('cpu', 'cpu.weight', String(weightOf(cpuShares)))
        : at('cpu', 'cpu.shares', String(cpuShares))),
    ...(cpuQuotaUs === undefined
      ? []
      : v2
        ? at('cpu', 'cpu.max', `${none(cpuQuotaUs)} ${cpuPeriodUs ?? CPU_PERIOD_US}`)
        : [
            ...(cpuPeriodUs === undefined ? [] : at('cpu', 'cpu.cfs_period_us', String(cpuPeriodUs))),
            ...at('cpu', 'cpu.cfs_quota_us', String(cpuQuotaUs)),
          ]),
    ...(memoryBytes === undefined
      ? []
      : v2
        ? at('memory', 'memory.max', none(memoryBytes))
        : at('memory', 'memory.limit_in_bytes', String(memoryBytes))),
    ...(pidsMax === undefined ? [] : at('pids', 'pids.max', none(pidsMax))),
    ...[...(hugePages ?? [])].flatMap(([size, bytes]) => at('hugetlb', `hugetlb.${size}.${v2 ? 'max' : 'limit_in_bytes'}`, String(bytes))),
  ];
}

/** What a new group has anyway. */
function isNoLimit(text: string): boolean {
  return text === '-1' || text.startsWith('max');
}

export function weightOf(cpuShares: number): number {
  return Math.floor(1 + ((Math.min(Math.max(cpuShares, 2), 262_144) - 2) * 9_999) / 262_142);
}

/** What was done to a group, and how long it took. */
export type OnGroup = (operation: 'create' | 'update' | 'destroy', tookMs: number) => void;

export class Cgroups {
  readonly mounts: CgroupMounts;
  readonly #onGroup: OnGroup;
  /** v2: groups whose controllers were handed down to those in them. */
  readonly #handingDown = new Set<string>();

  constructor(mounts: CgroupMounts, onGroup: OnGroup = () => undefined) {
    this.mounts = mounts;
    this.#onGroup = onGroup;
  }

  /** Makes the group (and those above it) and sets its limits. Doing it again changes nothing. */
  async ensure(path: string, limits: CgroupLimits): Promise<void> {
    const began = performance.now();
    const files = limitFiles(this.mounts, path, limits);
    let isNew = true; // in every tree
    try {
      for (const tree of this.#limitTrees()) {
        const made = await mkdir(join(tree, path), { recursive: true });
        isNew &&= made !== undefined;
        const isLeaf = made === undefined || made === join(tree, path);
        if (this.mounts.mode === 'v2' && !(isLeaf && this.#handingDown.has(dirname(path)))) await this.#enableControllers(tree, path);
      }
      for (const [file, text] of files) if (!isNew || !isNoLimit(text)) await writeFile(file, text);
    } catch (err) {
      this.#handingDown.delete(dirname(path)); // somebody may have made them anew
      throw new AppError('CGROUP_FAILED', `Cannot set up cgroup ${path}`, { path }, err);
    }
    this.#onGroup(isNew ? 'create' : 'update', performance.now() - began);
  }

  /** Removes the group with everything below it, in every tree. Processes in it make this fail with CGROUP_BUSY. */
  async remove(path: string): Promise<void> {
    const began = performance.now();
    let wasThere = false;
    for (const tree of this.mounts.trees) if (await removeTree(join(tree, path))) wasThere = true;
    if (wasThere) this.#onGroup('destroy', performance.now() - began);
  }

  /** Names of the groups directly below path, over all trees. */
  async children(path: string): Promise<string[]> {
    const names = new Set<string>();
    for (const tree of this.mounts.trees) for (const name of await subdirectories(join(tree, path))) names.add(name);
    return [...names].sort();
  }

  /** Processes in the group itself and below it. */
  async processes(path: string): Promise<number[]> {
    const pids = new Set<number>();
    for (const tree of this.mounts.trees) await collectProcesses(join(tree, path), pids);
    return [...pids];
  }

  #limitTrees(): Set<string> {
    return new Set(['cpu', 'memory', 'pids', 'hugetlb'].flatMap((c) => this.mounts.controllers.get(c) ?? []));
  }

  /** v2: a controller works in a group only when every group above hands it down. */
  async #enableControllers(tree: string, path: string): Promise<void> {
    const wanted = [...this.mounts.controllers.keys()].filter((c) => ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb'].includes(c));
    let at = tree;
    for (const part of ['', ...path.split('/').filter(Boolean)].slice(0, -1)) {
      at = join(at, part);
      await writeFile(join(at, 'cgroup.subtree_control'), wanted.map((c) => `+${c}`).join(' '));
    }
    this.#handingDown.add(dirname(path));
  }
}

/** False: there was none. */
async function removeTree(directory: string): Promise<boolean> {
  for (const name of await subdirectories(directory)) await removeTree(join(directory, name));
  try {
    await rmdir(directory);
    return true;
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return false;
    throw new AppError('CGROUP_BUSY', `Cannot remove cgroup ${directory}: processes are still in it`, { directory }, err);
  }
}

async function subdirectories(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory, { withFileTypes: true })).filter((e) => e.isDirectory()).map((e) => e.name);
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return [];
    throw err;
  }
}

async function collectProcesses(directory: string, into: Set<number>): Promise<void> {
  for (const name of await subdirectories(directory)) await collectProcesses(join(directory, name), into);
  const text = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch((err: unknown) => {
    if (codeOf(err) === 'ENOENT' || codeOf(err) === 'ENODEV') return '';
    throw err;
  });
  for (const line of text.split('\n')) if (line !== '') into.add(Number(line));
}
