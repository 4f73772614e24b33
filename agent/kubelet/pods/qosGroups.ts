/**
 * The control groups above those of the pods: all pods together are held to what is not reserved, and the classes share the CPU as
 * their pods asked for it.
 * Source: "Reserve Compute Resources for System Daemons" in the Kubernetes docs; the weights of the classes as in KEP-2254.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { amountOf } from '#api/podResources.ts';
import { toMilli } from '#api/quantity.ts';
import type { Logger } from '#base/log.ts';
import type { Cgroups, CgroupLimits } from '../../linux/cgroup.ts';
import type { CgroupNames } from './cgroupNames.ts';
import { qosClassOf } from './qos.ts';
import { podRequests, sharesOf } from './resources.ts';

export interface QosGroupsDeps {
  readonly cgroups: Pick<Cgroups, 'ensure'>;
  readonly cgroupNames: CgroupNames;
  /** What all pods may use together; undefined: they are not held to anything. */
  readonly most: { readonly cpuMilli: number; readonly memoryBytes: number } | undefined;
  readonly log: Logger;
  /** Told when all pods are held to the limit, once, and each time they cannot be. */
  readonly onEnforced?: (outcome: { readonly path: string; readonly err?: unknown }) => void;
}

/** What BestEffort pods get when others want the CPU: as little as there is. Pure. */
export function classShares(pods: Iterable<Pod>): { readonly burstable: number; readonly besteffort: number } {
  let milli = 0;
  for (const { spec } of pods) if (qosClassOf(spec) === 'Burstable') milli += toMilli(amountOf(podRequests(spec), 'cpu') ?? '0');
  return { burstable: sharesOf(milli), besteffort: sharesOf(0) };
}

export class QosGroups {
  readonly #deps: QosGroupsDeps;
  /** Path -> the limits it has. */
  readonly #set = new Map<string, string>();

  constructor(deps: QosGroupsDeps) {
    this.#deps = deps;
  }

  /** All pods that shall run. What cannot be set is told, and tried again with the next change. */
  async update(pods: Iterable<Pod>): Promise<void> {
    const { cgroupNames, most } = this.#deps;
    const { burstable, besteffort } = classShares(pods);
    const all: CgroupLimits = most === undefined ? {} : { cpuShares: sharesOf(most.cpuMilli), memoryBytes: most.memoryBytes };
    const whole = cgroupNames.ofClass('Guaranteed');
    const ensured = await this.#ensure(whole, all);
    if (most !== undefined && ensured !== 'asItWas') this.#deps.onEnforced?.({ path: whole, ...ensured });
    await this.#ensure(cgroupNames.ofClass('Burstable'), { cpuShares: burstable });
    await this.#ensure(cgroupNames.ofClass('BestEffort'), { cpuShares: besteffort });
  }

  /** What went wrong is told. */
  async #ensure(path: string, limits: CgroupLimits): Promise<{ readonly err?: unknown } | 'asItWas'> {
    const wanted = JSON.stringify(limits);
    if (this.#set.get(path) === wanted) return 'asItWas';
    this.#set.set(path, wanted);
    try {
      await this.#deps.cgroups.ensure(path, limits);
      return {};
    } catch (err) {
      this.#set.delete(path);
      this.#deps.log.warn('Cannot limit a control group of all pods', { path, err });
      return { err };
    }
  }
}
