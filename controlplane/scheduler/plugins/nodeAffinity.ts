/** NodeAffinity: nodeSelector and node affinity, those of the profile (addedAffinity) too. */
import type { NodeAffinity } from '#api/kinds/core/scheduling.ts';
import { matchesNodeSelector, matchesNodeTerm, podMatchesNode, type NodeFacts } from '#api/nodeSelector.ts';
import { normalizeToMost, type Filter, type Plugin } from '../core/plugin.ts';
import type { NodeInfo } from '../core/nodeInfo.ts';
import type { PodInfo } from '../core/podInfo.ts';

const POD = { reasons: ["node(s) didn't match Pod's node affinity/selector"], helpedByPreemption: false };
const ENFORCED = { reasons: ["node(s) didn't match scheduler-enforced node affinity"], helpedByPreemption: false };

export interface NodeAffinityArgs {
  readonly addedAffinity?: NodeAffinity | undefined;
}

export function nodeAffinity({ addedAffinity }: NodeAffinityArgs = {}): Plugin {
  const enforced = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const added = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    name: 'NodeAffinity',
    filter: (pod): Filter | undefined => {
      const { nodeSelector, affinity } = pod.pod.spec;
      const asks =
        (nodeSelector !== undefined && Object.keys(nodeSelector).length > 0) ||
        affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined;
      if (!asks && enforced === undefined) return undefined;
      const only = namedNodes(pod);
      return {
        check: (node) => {
          if (enforced !== undefined && !matchesNodeSelector(enforced, node)) return ENFORCED;
          return podMatchesNode(pod.pod, node) ? undefined : POD;
        },
        ...(only === undefined ? {} : { only }),
      };
    },
    score: ({ pod }) => {
      const own = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      const terms = [...added, ...own].filter(({ weight }) => weight !== 0);
      if (terms.length === 0) return undefined;
      return {
        score: (node) => terms.reduce((sum, { weight, preference }) => sum + (matchesNodeTerm(preference, node) ? weight : 0), 0),
        normalize: (scores) => normalizeToMost(scores),
      };
    },
    helps: (event, pod) => {
      if (event.kind === 'self') return true;
      if (event.kind !== 'nodeAdded' && !(event.kind === 'nodeChanged' && event.what.labels)) return false;
      const node: NodeFacts = { name: event.node.metadata.name, labels: event.node.metadata.labels };
      return podMatchesNode(pod.pod, node) && (enforced === undefined || matchesNodeSelector(enforced, node));
    },
  };
}

/** When each term names its nodes (as the pods of daemon sets do), no other node need be looked at. */
function namedNodes({ pod }: PodInfo): ReadonlySet<NodeInfo['name']> | undefined {
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined || terms.length === 0) return undefined;
  const out = new Set<string>();
  for (const { matchFields = [] } of terms) {
    const names = matchFields.filter((f) => f.key === 'metadata.name' && f.operator === 'In').map((f) => new Set(f.values));
    const [first, ...others] = names;
    if (first === undefined) return undefined;
    for (const name of first) if (others.every((set) => set.has(name))) out.add(name);
  }
  return out;
}
