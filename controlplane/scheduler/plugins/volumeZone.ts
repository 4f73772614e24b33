/** VolumeZone: a volume with a zone or region is used from nodes of that zone or region. Nodes without such labels are not held to it. */
import type { NodeInfo } from '../core/nodeInfo.ts';
import type { Plugin } from '../core/plugin.ts';
import { isBound, type PluginHandle } from '../core/storage.ts';

const ELSEWHERE = { reasons: ['node(s) had no available volume zone'], helpedByPreemption: false };
/** Each with the name that it had before. */
const LABELS = [
  ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'],
  ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'],
] as const;

export function volumeZone({ storage }: PluginHandle): Plugin {
  return {
    name: 'VolumeZone',
    filter: (pod) => {
      const wanted = pod.claims
        .flatMap((key) => storage.claim(key) ?? [])
        .filter(isBound)
        .flatMap((claim) => storage.volume(claim.spec?.volumeName ?? '') ?? [])
        .flatMap(({ metadata: { labels = {} } }) =>
          LABELS.flatMap((names) =>
            names.flatMap((name) => (labels[name] === undefined ? [] : [{ names, values: labels[name].split('__') }])),
          ),
        );
      if (wanted.length === 0) return undefined;
      const hasPlace = ({ labels }: NodeInfo): boolean => LABELS.flat().some((name) => Object.hasOwn(labels, name));
      return {
        check: (node) =>
          !hasPlace(node) || wanted.every(({ names, values }) => names.some((name) => values.includes(node.labels[name] ?? '')))
            ? undefined
            : ELSEWHERE,
      };
    },
    helps: (event) => event.kind === 'storage' || event.kind === 'nodeAdded' || (event.kind === 'nodeChanged' && event.what.labels),
  };
}
