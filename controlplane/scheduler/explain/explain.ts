/** Why a pod is where it is, or nowhere: every plugin's word about every node, and the smallest change that would help. Pure. */
import type { Cluster } from '../core/cluster.ts';
import { prepare, type Profile } from '../core/decide.ts';
import type { PodInfo } from '../core/podInfo.ts';
import { remediesFor, type Remedy } from './remedies.ts';

export interface NodeReport {
  readonly node: string;
  /** Of every plugin that looks at this pod; empty reasons: it has nothing against it. */
  readonly verdicts: readonly { readonly plugin: string; readonly reasons: readonly string[] }[];
  /** All of them are needed. */
  readonly changes: readonly Remedy[];
}

export interface Waiting {
  /** Said before any node was looked at. */
  readonly before: string | undefined;
  /** The one that needs the smallest change first. */
  readonly nodes: readonly NodeReport[];
}

/** As things are now: each plugin is asked about each node, not only up to the first refusal. */
export function explainWaiting(pod: PodInfo, { profile, cluster }: { readonly profile: Profile; readonly cluster: Cluster }): Waiting {
  const prepared = prepare(pod, { profile, cluster });
  if ('refused' in prepared) return { before: prepared.refused, nodes: [] };
  const nodes = cluster.nodes.map((node) => {
    const found = prepared.filters.map(({ plugin, filter }) => ({ plugin: plugin.name, verdict: filter.check(node) }));
    const changes = found.flatMap(({ plugin, verdict }) => (verdict === undefined ? [] : remediesFor(plugin, pod, node, verdict)));
    const report: NodeReport = {
      node: node.name,
      verdicts: found.map(({ plugin, verdict }) => ({ plugin, reasons: verdict?.reasons ?? [] })),
      changes,
    };
    return { report, size: changes.reduce((sum, { size }) => sum + size, 0) };
  });
  return { before: undefined, nodes: nodes.toSorted((a, b) => a.size - b.size).map(({ report }) => report) };
}
