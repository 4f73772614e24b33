/**
 * Control groups as slices of systemd: it knows of them, shows them (systemd-cgls), and does not undo their limits when it is reloaded.
 * It is asked through its own program, over the bus. What it cannot be told (huge pages) is written beside it, as on a host without it.
 *
 * Throws: CGROUP_FAILED, CGROUP_BUSY, EXEC_* (no systemd, no bus: the message says which).
 * Source: the manual pages org.freedesktop.systemd1(5), systemd.resource-control(5), systemd.slice(5).
 */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { AppError } from '#base/errors.ts';
import { Cgroups, CPU_PERIOD_US, weightOf, type CgroupLimits, type CgroupMounts } from './cgroup.ts';
import { run } from './exec.ts';

const MANAGER = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager'] as const;
const ANSWER_WITHIN_MS = 10_000;
const INFINITY = '18446744073709551615';

type Property = readonly [name: string, type: 'b' | 's' | 't', value: string];

/** What systemd is told of a group, as busctl wants it. Pure. */
export function sliceProperties(mode: CgroupMounts['mode'], limits: CgroupLimits): Property[] {
  const { cpuShares, cpuQuotaUs, cpuPeriodUs = CPU_PERIOD_US, memoryBytes, pidsMax } = limits;
  const most = (n: number): string => (n < 0 ? INFINITY : String(n));
  const v2 = mode === 'v2';
  return [
    ['CPUAccounting', 'b', 'true'],
    ['MemoryAccounting', 'b', 'true'],
    ['TasksAccounting', 'b', 'true'],
    ...(cpuShares === undefined
      ? []
      : [v2 ? (['CPUWeight', 't', String(weightOf(cpuShares))] as const) : (['CPUShares', 't', String(cpuShares)] as const)]),
    ...(cpuQuotaUs === undefined
      ? []
      : ([
          ['CPUQuotaPeriodUSec', 't', String(cpuPeriodUs)],
          ['CPUQuotaPerSecUSec', 't', cpuQuotaUs < 0 ? INFINITY : String(Math.round((cpuQuotaUs * 1_000_000) / cpuPeriodUs))],
        ] as const)),
    ...(memoryBytes === undefined ? [] : [[v2 ? 'MemoryMax' : 'MemoryLimit', 't', most(memoryBytes)] as const]),
    ...(pidsMax === undefined ? [] : [['TasksMax', 't', most(pidsMax)] as const]),
  ];
}

export class SliceCgroups extends Cgroups {
  override async ensure(path: string, limits: CgroupLimits): Promise<void> {
    const name = basename(path);
    const properties = sliceProperties(this.mounts.mode, limits);
    const isThere = this.#exists(path);
    if (!isThere || !(await this.#tell(name, properties))) await this.#make(name, properties);
    await super.ensure(path, limits);
  }

  /** systemd would end the processes of a slice that it stops, so one with processes is left alone. */
  override async remove(path: string): Promise<void> {
    if (!this.#exists(path)) return;
    if ((await this.processes(path)).length > 0)
      throw new AppError('CGROUP_BUSY', `Cannot remove slice ${path}: processes are still in it`, { path });
    await call(['StopUnit', 'ss', basename(path), 'replace'], /not loaded/);
    await super.remove(path);
  }

  #exists(path: string): boolean {
    return this.mounts.trees.some((tree) => existsSync(join(tree, path)));
  }

  /** False: systemd has no such slice, although the groups are there. */
  #tell(name: string, properties: readonly Property[]): Promise<boolean> {
    return call(['SetUnitProperties', 'sba(sv)', name, 'true', ...asArguments(properties)], /not loaded|not found|not active|inactive/i);
  }

  async #make(name: string, properties: readonly Property[]): Promise<void> {
    const all: Property[] = [['Description', 's', `Kubernetes pods (${name})`], ['DefaultDependencies', 'b', 'false'], ...properties];
    if (!(await call(['StartTransientUnit', 'ssa(sv)a(sa(sv))', name, 'replace', ...asArguments(all), '0'], /already|exists/i)))
      await this.#tell(name, properties);
  }
}

function asArguments(properties: readonly Property[]): string[] {
  return [String(properties.length), ...properties.flat()];
}

/** False: it was refused for a reason that answers the question. */
async function call(args: readonly string[], answer: RegExp): Promise<boolean> {
  const { exitCode, stderr } = await run(['busctl', '--system', '--quiet', 'call', ...MANAGER, ...args], {
    timeoutMs: ANSWER_WITHIN_MS,
    okCodes: [1],
  });
  if (exitCode === 0) return true;
  if (answer.test(stderr)) return false;
  throw new AppError('CGROUP_FAILED', `systemd refused ${args[0]} ${args[2]}: ${stderr.trim()}`);
}
