/** NodeVolumeLimits: a node can attach so many volumes of a CSI driver, and says how many. */
import type { NodeInfo } from '../core/nodeInfo.ts';
import type { Plugin } from '../core/plugin.ts';
import type { PodInfo } from '../core/podInfo.ts';
import { isBound, type PluginHandle, type StorageView } from '../core/storage.ts';

const FULL = { reasons: ['node(s) exceed max volume count'], helpedByPreemption: true };

/** Driver and volume of each claim; one that is not there yet counts under the name of its claim. */
function attached({ claims }: PodInfo, storage: StorageView): readonly { readonly driver: string; readonly id: string }[] {
  return claims.flatMap((key) => {
    const claim = storage.claim(key);
    if (claim === undefined) return [];
    const csi = isBound(claim) ? storage.volume(claim.spec?.volumeName ?? '')?.spec.csi : undefined;
    if (csi !== undefined) return [{ driver: csi.driver, id: csi.volumeHandle }];
    const driver = isBound(claim) ? undefined : storage.storageClass(claim.spec?.storageClassName ?? '')?.provisioner;
    return driver === undefined ? [] : [{ driver, id: `claim ${key}` }];
  });
}

export function nodeVolumeLimits({ storage }: PluginHandle): Plugin {
  const limitsOf = (node: NodeInfo): ReadonlyMap<string, number> =>
    new Map(
      (storage.csiNode(node.name)?.spec.drivers ?? []).flatMap((d) =>
        d.allocatable?.count === undefined ? [] : [[d.name, d.allocatable.count]],
      ),
    );
  return {
    name: 'NodeVolumeLimits',
    filter: (pod) => {
      const own = attached(pod, storage);
      if (own.length === 0) return undefined;
      return {
        check: (node) => {
          const limits = limitsOf(node);
          if (own.every(({ driver }) => !limits.has(driver))) return undefined;
          const there = [...node.pods.values()].flatMap((other) => attached(other, storage));
          for (const [driver, most] of limits) {
            const before = new Set(there.filter((v) => v.driver === driver).map((v) => v.id));
            const added = own.filter((v) => v.driver === driver && !before.has(v.id));
            if (added.length > 0 && before.size + new Set(added.map((v) => v.id)).size > most) return FULL;
          }
          return undefined;
        },
      };
    },
    helps: (event) => event.kind === 'podGone' || event.kind === 'nodeAdded' || event.kind === 'storage',
  };
}
