/** VolumeRestrictions: claims for one pod alone (ReadWriteOncePod), and disks that one node writes to. */
import type { Volume } from '#api/kinds/core/volumes.ts';
import type { Plugin } from '../core/plugin.ts';
import type { PluginHandle } from '../core/storage.ts';

const IN_USE = {
  reasons: ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'],
  helpedByPreemption: true,
};
const DISK = { reasons: ['node(s) had no available disk'], helpedByPreemption: true };

interface Disk {
  /** One that two have in common is enough. */
  readonly ids: readonly string[];
  /** Two that only read do not disturb each other. */
  readonly readOnly: boolean;
}

function diskOf({ gcePersistentDisk: gce, awsElasticBlockStore: ebs, iscsi, rbd }: Volume): Disk | undefined {
  if (gce !== undefined) return { ids: [`gce ${gce.pdName}`], readOnly: gce.readOnly === true };
  if (ebs !== undefined) return { ids: [`ebs ${ebs.volumeID}`], readOnly: false };
  if (iscsi !== undefined) return { ids: [`iscsi ${iscsi.iqn}`], readOnly: iscsi.readOnly === true };
  if (rbd !== undefined)
    return { ids: rbd.monitors.map((monitor) => `rbd ${monitor} ${rbd.pool} ${rbd.image}`), readOnly: rbd.readOnly === true };
  return undefined;
}

const disturbs = (one: Disk, other: Disk): boolean => !(one.readOnly && other.readOnly) && one.ids.some((id) => other.ids.includes(id));

const disksOf = (volumes: readonly Volume[] | undefined): readonly Disk[] => (volumes ?? []).flatMap((v) => diskOf(v) ?? []);

export function volumeRestrictions({ storage }: PluginHandle): Plugin {
  return {
    name: 'VolumeRestrictions',
    filter: (pod, cluster) => {
      const disks = disksOf(pod.pod.spec.volumes);
      const alone = pod.claims.filter((key) => storage.claim(key)?.spec?.accessModes?.includes('ReadWriteOncePod') === true);
      if (disks.length + alone.length === 0) return undefined;
      const users = alone.map((key) => cluster.counting(`claim ${key}`, (other) => other.claims.includes(key)));
      return {
        check: (node) => {
          for (const other of disks.length === 0 ? [] : node.pods.values())
            for (const taken of disksOf(other.pod.spec.volumes)) if (disks.some((disk) => disturbs(disk, taken))) return DISK;
          return users.every((index) => index.isEmpty) ? undefined : IN_USE;
        },
      };
    },
    helps: (event) => event.kind === 'podGone' || event.kind === 'nodeAdded' || event.kind === 'storage',
  };
}
