/** Puts the parts together that keep the node from running full: eviction and the removal of images. Nothing decided. */
import { statfs } from 'node:fs/promises';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { CriClient } from '#cri/client.ts';
import type { CgroupMounts } from '../../linux/cgroup.ts';
import type { Settings } from '../config/settings.ts';
import type { EventLog } from '../events.ts';
import { reclaimEvent, tooLittleFreed, type NodeEvent } from '../cluster/nodeEvents.ts';
import { Evictor } from '../eviction/evictor.ts';
import { isApart, processesIn, readSignals, storageOf } from '../eviction/observe.ts';
import type { StorageUse } from '../eviction/storage.ts';
import { StorageLimits } from '../eviction/storageLimits.ts';
import { candidatesOf } from '../eviction/use.ts';
import { ImageCollector } from '../images/collector.ts';
import type { DiskUse } from '../images/gc.ts';
import type { PullRecords } from '../images/records/act.ts';
import type { Paths } from '../paths.ts';
import type { Admission } from '../pods/admission.ts';
import type { Fates } from '../pods/fates.ts';
import { keyOf } from '../sources/fileSet.ts';

export interface HousekeepingDeps {
  readonly settings: Settings;
  readonly client: CriClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventLog;
  readonly fates: Fates;
  readonly paths: Paths;
  readonly admission: Admission;
  readonly cgroupMounts: CgroupMounts;
  readonly pullRecords: PullRecords;
  readonly pods: () => readonly Pod[];
  readonly onPod: (key: string) => void;
  /** For metrics. */
  readonly onEvicted: (signal: string) => void;
  readonly onImageRemoved: (why: 'age' | 'space') => void;
  readonly onNodeEvent: (event: NodeEvent) => void;
}

/** The file system that the runtime keeps images on, as it says itself. */
class ImageFs {
  readonly #client: CriClient;
  #path: string | undefined;

  constructor(client: CriClient) {
    this.#client = client;
  }

  async learn(signal: AbortSignal): Promise<void> {
    const { image_filesystems: all } = await this.#client.image.imageFsInfo({}, { signal }).catch(() => ({ image_filesystems: [] }));
    this.#path = all[0]?.fs_id?.mountpoint;
  }

  get path(): string | undefined {
    return this.#path;
  }

  async use(): Promise<DiskUse | undefined> {
    if (this.#path === undefined) return undefined;
    const { bsize, blocks, bavail } = await statfs(this.#path);
    return { capacityBytes: blocks * bsize, availableBytes: bavail * bsize };
  }
}

export interface Housekeeping {
  readonly imageFs: ImageFs;
  readonly collector: ImageCollector;
  readonly evictor: Evictor;
  readonly storage: StorageLimits;
}

export function makeHousekeeping(deps: HousekeepingDeps): Housekeeping {
  const { settings, client, clock, log, events, fates, paths, admission, cgroupMounts, pods, onPod } = deps;
  const imageFs = new ImageFs(client);
  const collector = new ImageCollector({
    client,
    clock,
    log,
    rules: () => settings.imageGc,
    disk: () => imageFs.use(),
    records: deps.pullRecords,
    onRemoved: deps.onImageRemoved,
    onTooLittle: (wanted, freed) => deps.onNodeEvent(tooLittleFreed(wanted, freed)),
  });
  const evictor = new Evictor({
    clock,
    log,
    events,
    fates,
    settings: () => settings.eviction,
    read: () => readSignals({ nodefs: paths.rootDir, imagefs: imageFs.path }),
    candidates: async (signal, { disk }) => {
      const { stats } = await client.runtime.listContainerStats({}, { signal });
      return candidatesOf(pods(), {
        stats,
        pidsOf: (pod) => processesIn(cgroupMounts, settings.cgroupNames.ofPod(pod)),
        storage: disk ? await storageOf(pods(), stats, paths) : new Map<string, StorageUse>(),
      });
    },
    podOf: (uid) => {
      const pod = pods().find((p) => p.metadata.uid === uid);
      return pod === undefined ? undefined : { key: keyOf(pod), pod };
    },
    reclaim: (signal) => collector.collectAll(signal),
    onPod,
    onConditions: () => admission.lookAgain(),
    onEvicted: deps.onEvicted,
    onShort: (resource) => deps.onNodeEvent(reclaimEvent(resource)),
  });
  const storage = new StorageLimits({
    clock,
    log,
    events,
    fates,
    pods,
    use: async (some, signal) => storageOf(some, (await client.runtime.listContainerStats({}, { signal })).stats, paths),
    imagesApart: () => isApart(paths.rootDir, imageFs.path),
    onPod,
  });
  return { imageFs, collector, evictor, storage };
}
