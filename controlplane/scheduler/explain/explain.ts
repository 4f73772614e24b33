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

/** What an extender said when it was asked last: it is not asked for explanations. */
export interface Said {
  readonly node: string;
  readonly plugin: string;
  readonly reasons: readonly string[];
}

/** As things are now: each plugin is asked about each node, not only up to the first refusal. */
export function explainWaiting(
  pod: PodInfo,
  { profile, cluster }: { readonly profile: Profile; readonly cluster: Cluster },
  said: readonly Said[] = [],
): Waiting {
  const byNode = Map.groupBy(said, ({ node }) => node);
  const prepared = prepare(pod, { profile, cluster });
  if ('refused' in prepared) return { before: prepared.refused, nodes: [] };
  const nodes = cluster.nodes.map((node) => {
    const found = prepared.filters.map(({ plugin, filter }) => ({ plugin: plugin.name, verdict: filter.check(node) }));
    const told = byNode.get(node.name) ?? [];
    const changes = found.flatMap(({ plugin, verdict }) => (verdict === undefined ? [] : remediesFor(plugin, pod, node, verdict)));
    changes.push(...told.flatMap(({ plugin, reasons }) => reasons.map((reason) => ({ text: `${plugin}: ${reason}`, size: 3 }))));
    const report: NodeReport = {
      node: node.name,
      verdicts: [
        ...found.map(({ plugin, verdict }) => ({ plugin, reasons: verdict?.reasons ?? [] })),
        ...told.map(({ plugin, reasons }) => ({ plugin, reasons })),
      ],
      changes,
    };
    return { report, size: changes.reduce((sum, { size }) => sum + size, 0) };
  });
  return { before: undefined, nodes: nodes.toSorted((a, b) => a.size - b.size).map(({ report }) => report) };
}
