/**
 * What the node has left: memory, space and inodes of its file systems, processes. Nothing decided.
 *
 * Differs: memory is what the kernel itself says can be had (MemAvailable), where upstream computes it from the root control group.
 * Kernel: /proc/meminfo, /proc/sys/kernel/{pid_max,threads-max}, /proc/loadavg.
 */
import { readFileSync } from 'node:fs';
import { readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { ContainerStats } from '#cri/gen/cri.ts';
import type { CgroupMounts } from '../../linux/cgroup.ts';
import { diskUse, NO_USE, sumUse, type DiskUse } from '../../linux/diskUsage.ts';
import { podLogs, podName, volumeDir, type Paths } from '../paths.ts';
import { allContainers } from '../pods/containers.ts';
import { CONTAINER_NAME, POD_UID } from '../pods/labels.ts';
import type { StorageUse } from './storage.ts';
import type { Reading, Readings } from './decide.ts';
import type { Signal } from './thresholds.ts';

export interface FileSystems {
  /** Where the kubelet keeps volumes and logs. */
  readonly nodefs: string;
  /** Where the runtime keeps images; undefined: not known. */
  readonly imagefs: string | undefined;
}

export interface Observed {
  readonly readings: Readings;
  /** Images lie on another file system than the kubelet's own files. */
  readonly imagesApart: boolean;
}

export async function readSignals({ nodefs, imagefs }: FileSystems): Promise<Observed> {
  const [memory, node, image, pids, imagesApart] = await Promise.all([
    readMemory(),
    readDisk(nodefs),
    imagefs === undefined ? undefined : readDisk(imagefs).catch(() => undefined),
    readPids(),
    isApart(nodefs, imagefs),
  ]);
  const readings = new Map<Signal, Reading>([
    ['memory.available', memory],
    ['nodefs.available', node.space],
    ['nodefs.inodesFree', node.inodes],
    ['pid.available', pids],
  ]);
  if (image !== undefined) {
    readings.set('imagefs.available', image.space);
    readings.set('imagefs.inodesFree', image.inodes);
  }
  // A file system without inodes of its own (btrfs, overlay of some kinds) has none to run out of.
  for (const [signal, { capacity }] of readings) if (capacity === 0) readings.delete(signal);
  return { readings, imagesApart };
}

export async function isApart(nodefs: string, imagefs: string | undefined): Promise<boolean> {
  const [node, image] = await Promise.all([stat(nodefs), imagefs === undefined ? undefined : stat(imagefs).catch(() => undefined)]);
  return image !== undefined && image.dev !== node.dev;
}

async function readMemory(): Promise<Reading> {
  const text = await readFile('/proc/meminfo', 'utf8');
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1_024;
  return { available: bytes('MemAvailable'), capacity: bytes('MemTotal') };
}

async function readDisk(path: string): Promise<{ space: Reading; inodes: Reading }> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(path);
  return { space: { available: bavail * bsize, capacity: blocks * bsize }, inodes: { available: ffree, capacity: files } };
}

async function readPids(): Promise<Reading> {
  const [max, threads, load] = await Promise.all(
    ['sys/kernel/pid_max', 'sys/kernel/threads-max', 'loadavg'].map((f) => readFile(`/proc/${f}`, 'utf8')),
  );
  const capacity = Math.min(Number(max), Number(threads));
  const running = Number(/\/(\d+) /.exec(load ?? '')?.[1] ?? 0);
  return { available: capacity - running, capacity };
}

/** What pods use of the node's disk, by UID; of those without a running container nothing is known. */
export async function storageOf(pods: readonly Pod[], stats: readonly ContainerStats[], paths: Paths): Promise<Map<string, StorageUse>> {
  const uses = new Map<string, StorageUse>();
  for (const pod of pods) {
    const name = podName(pod);
    const at = (plugin: string, volume: string): string => volumeDir(paths, name.uid, `kubernetes.io/${plugin}`, volume);
    const emptyDirs = new Map<string, DiskUse>();
    let other = NO_USE;
    for (const v of pod.spec.volumes ?? []) {
      if (v.emptyDir !== undefined) emptyDirs.set(v.name, await diskUse(at('empty-dir', v.name)));
      if (v.configMap !== undefined) other = sumUse([other, await diskUse(at('configmap', v.name))]);
    }
    const containers = new Map<string, { log: DiskUse; layer: DiskUse }>();
    for (const c of allContainers(pod.spec)) {
      const mine = stats.filter((s) => s.attributes?.labels[POD_UID] === name.uid && s.attributes.labels[CONTAINER_NAME] === c.name);
      const layer = sumUse(mine.map(layerOf));
      containers.set(c.name, { log: await diskUse(join(podLogs(paths, name), c.name)), layer });
    }
    uses.set(name.uid, { emptyDirs, other, containers });
  }
  return uses;
}

function layerOf({ writable_layer: layer }: ContainerStats): DiskUse {
  return { bytes: Number(layer?.used_bytes?.value ?? 0), inodes: Number(layer?.inodes_used?.value ?? 0) };
}

/** Processes in a control group and below it; 0 where they are not counted. */
export function processesIn({ controllers, trees }: CgroupMounts, cgroup: string): number {
  const root = controllers.get('pids') ?? trees[0];
  if (root === undefined) return 0;
  try {
    return Number(readFileSync(join(root, cgroup, 'pids.current'), 'utf8'));
  } catch {
    return 0; // it ended meanwhile, or the controller is not there
  }
}
