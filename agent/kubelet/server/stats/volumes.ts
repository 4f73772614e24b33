/**
 * What the volumes of pods take and have left. Measured when somebody asks, and again once that is volumeStatsAggPeriod old: counting the
 * files of a volume may take long. A volume on a file system of its own (memory, a claim) is asked of that.
 */
import { statfs } from 'node:fs/promises';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import { diskUse } from '../../../linux/diskUsage.ts';
import type { VolumePlace } from '../../volumes/plan.ts';
import type { FileSystem, VolumeStats } from './types.ts';

export interface VolumeLooksDeps {
  readonly clock: Clock;
  /** undefined: volumes are not measured. */
  readonly everyMs: number | undefined;
  readonly places: (pod: Pod, signal: AbortSignal) => Promise<readonly VolumePlace[]>;
}

interface Look {
  readonly atMs: number;
  readonly volumes: Promise<readonly VolumeStats[]>;
}

export class VolumeLooks {
  readonly #deps: VolumeLooksDeps;
  /** By UID. */
  readonly #looks = new Map<string, Look>();

  constructor(deps: VolumeLooksDeps) {
    this.#deps = deps;
  }

  /** Those of one pod. What cannot be measured is left out. */
  of(pod: Pod, signal: AbortSignal): Promise<readonly VolumeStats[]> {
    const { clock, everyMs } = this.#deps;
    const uid = pod.metadata.uid ?? '';
    if (everyMs === undefined || (pod.spec.volumes ?? []).length === 0) return Promise.resolve([]);
    const atMs = clock.monotonicMs();
    const before = this.#looks.get(uid);
    if (before !== undefined && atMs - before.atMs < everyMs) return before.volumes;
    const volumes = this.#measure(pod, signal).catch(() => {
      this.#looks.delete(uid);
      return [];
    });
    this.#looks.set(uid, { atMs, volumes });
    return volumes;
  }

  /** Of pods that are gone nothing is kept. */
  forgetAllBut(uids: ReadonlySet<string>): void {
    for (const uid of this.#looks.keys()) if (!uids.has(uid)) this.#looks.delete(uid);
  }

  async #measure(pod: Pod, signal: AbortSignal): Promise<VolumeStats[]> {
    const found: VolumeStats[] = [];
    for (const { name, path, on, claim } of await this.#deps.places(pod, signal)) {
      const atMs = this.#deps.clock.nowMs();
      const whole = await fileSystem(path, atMs).catch(() => undefined);
      if (whole === undefined) continue;
      if (on === 'own') found.push({ name, claim, fs: whole, ephemeral: false });
      else {
        const { bytes, inodes } = await diskUse(path);
        found.push({ name, claim, fs: { ...whole, usedBytes: bytes, inodesUsed: inodes }, ephemeral: on === 'node' });
      }
    }
    return found;
  }
}

export async function fileSystem(path: string, atMs: number): Promise<FileSystem> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
  return {
    atMs,
    availableBytes: bavail * bsize,
    capacityBytes: blocks * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodesFree: ffree,
    inodes: files,
    inodesUsed: files - ffree,
  };
}
