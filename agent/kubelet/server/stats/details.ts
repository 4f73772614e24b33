/** Reads what the CRI does not tell, for cAdvisor's metrics. What is gone meanwhile is left out. */
import { readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CgroupMounts } from '../../../linux/cgroup.ts';
import { GROUP_FILES, groupUse, type GroupUse } from './cgroup.ts';
import { packets } from './proc.ts';
import type { Details, Packets, PodStats } from './types.ts';

export interface DetailsDeps {
  readonly mounts: CgroupMounts;
  /** The control group of a container below its pod's; undefined: not known. */
  readonly groupOf: (pod: PodStats, containerId: string) => string | undefined;
  readonly hasOwnNetwork: (pod: PodStats) => boolean;
}

const read = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

export async function readDetails(pods: readonly PodStats[], { mounts, groupOf, hasOwnNetwork }: DetailsDeps): Promise<Details> {
  const [groups, traffic] = [new Map<string, GroupUse>(), new Map<string, readonly Packets[]>()];
  const at = (group: string, controller: string, file: string): string | undefined => {
    const tree = mounts.controllers.get(controller);
    return tree === undefined ? undefined : join(tree, group, file);
  };
  for (const pod of pods) {
    for (const { id } of pod.containers) {
      const group = groupOf(pod, id);
      if (group === undefined) continue;
      const texts = await Promise.all(
        Object.entries(GROUP_FILES[mounts.mode]).map(async ([name, [controller, file]]) => {
          const path = at(group, controller, file);
          return [name, path === undefined ? '' : await read(path)] as const;
        }),
      );
      groups.set(id, groupUse(mounts.mode, Object.fromEntries(texts)));
      if (traffic.has(pod.uid) || !hasOwnNetwork(pod)) continue;
      const procs = at(group, 'memory', 'cgroup.procs');
      const [pid = ''] = procs === undefined ? [] : (await read(procs)).split('\n');
      if (pid !== '') traffic.set(pod.uid, packets(await read(`/proc/${pid}/net/dev`)));
    }
  }
  const used = new Set([...groups.values()].flatMap(({ devices }) => devices.map(({ device }) => device)));
  const devices = await Promise.all([...used].map(async (device) => [device, await deviceName(device)] as const));
  return { groups, packets: traffic, devices: new Map(devices) };
}

async function deviceName(device: string): Promise<string> {
  const link = await readlink(`/sys/dev/block/${device}`).catch(() => undefined);
  return link === undefined ? device : `/dev/${basename(link)}`;
}
