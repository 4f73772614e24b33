/**
 * PodTopologySpread: pods evenly over the values of a label. Hard constraints (DoNotSchedule) filter, soft ones (ScheduleAnyway) score.
 * Source: "Pod Topology Spread Constraints" in the Kubernetes docs; formulas and defaults of upstream's scheduler.
 * A pod without constraints gets the profile's; the built-in ones are soft, over zones and hosts, for pods that a controller or service
 * groups. Differs: such a group is told by the pod's own labels when it has a controller, upstream looks up the selectors of services and
 * controllers; the counts are the same for pods of one template.
 */
import type { TopologySpreadConstraint } from '#api/kinds/core/scheduling.ts';
import { matches, type Selector } from '#api/labels.ts';
import { podMatchesNode } from '#api/nodeSelector.ts';
import { untolerated } from '#api/tolerations.ts';
import type { Cluster } from '../core/cluster.ts';
import type { NodeInfo } from '../core/nodeInfo.ts';
import { MOST_SCORE, type Filter, type Plugin, type Scorer, type Verdict } from '../core/plugin.ts';
import { selectorOf, withOwnLabels, type PodInfo } from '../core/podInfo.ts';

const SKEW: Verdict = { reasons: ["node(s) didn't match pod topology spread constraints"], helpedByPreemption: true };
const LABEL: Verdict = {
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  helpedByPreemption: false,
};
const HOST = 'kubernetes.io/hostname';

export interface PodTopologySpreadArgs {
  /** undefined: the built-in ones. */
  readonly defaultConstraints?: readonly TopologySpreadConstraint[] | undefined;
}

interface Constraint {
  readonly key: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selector: Selector;
  readonly honorsAffinity: boolean;
  readonly honorsTaints: boolean;
}

const BUILT_IN: readonly TopologySpreadConstraint[] = [
  { maxSkew: 3, topologyKey: HOST, whenUnsatisfiable: 'ScheduleAnyway' },
  { maxSkew: 5, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
];

export function podTopologySpread({ defaultConstraints }: PodTopologySpreadArgs = {}): Plugin {
  const constraintsOf = (pod: PodInfo, action: TopologySpreadConstraint['whenUnsatisfiable']): readonly Constraint[] => {
    const own = pod.pod.spec.topologySpreadConstraints ?? [];
    const group = own.length > 0 ? undefined : groupOf(pod);
    if (own.length === 0 && group === undefined) return [];
    return (own.length > 0 ? own : (defaultConstraints ?? BUILT_IN))
      .filter((c) => c.whenUnsatisfiable === action)
      .map((c) => compiled(c, pod, group));
  };
  return {
    name: 'PodTopologySpread',
    filter: (pod, cluster) => {
      const constraints = constraintsOf(pod, 'DoNotSchedule');
      return constraints.length === 0 ? undefined : hard(pod, constraints, cluster);
    },
    score: (pod, cluster, nodes) => {
      const constraints = constraintsOf(pod, 'ScheduleAnyway');
      const needsAll = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0 || defaultConstraints !== undefined;
      return constraints.length === 0 ? undefined : soft({ pod, constraints, cluster, nodes, needsAll });
    },
    helps: (event, pod) => {
      switch (event.kind) {
        case 'nodeAdded':
        case 'self':
          return true;
        case 'nodeChanged':
          return event.what.labels || event.what.taints || event.what.unschedulable;
        case 'podPlaced':
        case 'podGone':
        case 'podRelabelled':
          return event.pod.namespace === pod.namespace;
        default:
          return false;
      }
    },
  };
}

/** Labels that tell the pods of a controller; undefined: it has none. */
function groupOf({ pod, labels }: PodInfo): Selector | undefined {
  if (pod.metadata.ownerReferences?.some((owner) => owner.controller === true) !== true) return undefined;
  const own = Object.entries(labels).filter(
    ([key]) =>
      !key.includes('controller-revision-hash') && !key.startsWith('statefulset.') && !key.startsWith('apps.kubernetes.io/pod-index'),
  );
  return own.length === 0 ? undefined : own.map(([key, value]) => ({ kind: 'in', key, values: [value] }));
}

function compiled(c: TopologySpreadConstraint, pod: PodInfo, group: Selector | undefined): Constraint {
  const nobody: Selector = [{ kind: 'in', key: '', values: [] }];
  return {
    key: c.topologyKey,
    maxSkew: c.maxSkew,
    minDomains: c.minDomains ?? 1,
    selector: group ?? withOwnLabels(selectorOf(c.labelSelector) ?? nobody, c.matchLabelKeys, pod.labels),
    honorsAffinity: c.nodeAffinityPolicy !== 'Ignore',
    honorsTaints: c.nodeTaintsPolicy === 'Honor',
  };
}

const valueOf = (node: NodeInfo, key: string): string | undefined => (Object.hasOwn(node.labels, key) ? node.labels[key] : undefined);

function countOn(node: NodeInfo, selector: Selector, namespace: string): number {
  let count = 0;
  for (const other of node.pods.values())
    if (other.namespace === namespace && !other.isTerminating && matches(selector, other.labels)) count += 1;
  return count;
}

/** Whether the pods of a node count for a constraint of this pod. */
function included(node: NodeInfo, { pod }: PodInfo, { honorsAffinity, honorsTaints }: Constraint): boolean {
  if (honorsAffinity && !podMatchesNode(pod, node)) return false;
  return !honorsTaints || untolerated(node.node?.spec.taints, pod.spec.tolerations) === undefined;
}

function hard(pod: PodInfo, constraints: readonly Constraint[], cluster: Cluster): Filter {
  const counts = constraints.map(() => new Map<string, number>());
  const least: (number | undefined)[] = constraints.map(() => undefined);
  const isCounted = (node: NodeInfo): boolean => constraints.every(({ key }) => valueOf(node, key) !== undefined);
  for (const node of cluster.nodes) {
    if (!isCounted(node)) continue;
    for (const [i, constraint] of constraints.entries()) {
      if (!included(node, pod, constraint)) continue;
      const value = valueOf(node, constraint.key) ?? '';
      const map = counts[i] as Map<string, number>;
      map.set(value, (map.get(value) ?? 0) + (node.pods.size === 0 ? 0 : countOn(node, constraint.selector, pod.namespace)));
    }
  }
  const leastOf = (i: number, { minDomains }: Constraint): number => {
    const known = least[i];
    if (known !== undefined) return known;
    const map = counts[i] as Map<string, number>;
    let found = Infinity;
    for (const count of map.values()) if (count < found) found = count;
    return (least[i] = map.size < minDomains || map.size === 0 ? 0 : found);
  };
  const move = (other: PodInfo, node: NodeInfo, by: 1 | -1): void => {
    if (other.namespace !== pod.namespace || other.isTerminating || !isCounted(node)) return;
    for (const [i, constraint] of constraints.entries()) {
      if (!matches(constraint.selector, other.labels) || !included(node, pod, constraint)) continue;
      const value = valueOf(node, constraint.key) ?? '';
      counts[i]?.set(value, (counts[i]?.get(value) ?? 0) + by);
      least[i] = undefined;
    }
  };
  const selfCounts = constraints.map(({ selector }) => (matches(selector, pod.labels) ? 1 : 0));
  return {
    check: (node) => {
      for (const [i, constraint] of constraints.entries()) {
        const value = valueOf(node, constraint.key);
        if (value === undefined) return LABEL;
        const there = counts[i]?.get(value) ?? 0;
        if (there + (selfCounts[i] ?? 0) - leastOf(i, constraint) > constraint.maxSkew) return SKEW;
      }
      return undefined;
    },
    added: (other, node) => move(other, node, 1),
    removed: (other, node) => move(other, node, -1),
  };
}

interface SoftParts {
  readonly pod: PodInfo;
  readonly constraints: readonly Constraint[];
  readonly cluster: Cluster;
  readonly nodes: readonly NodeInfo[];
  /** Whether nodes without all labels are left out. */
  readonly needsAll: boolean;
}

function soft({ pod, constraints, cluster, nodes, needsAll }: SoftParts): Scorer {
  const hasAll = (node: NodeInfo): boolean => constraints.every(({ key }) => valueOf(node, key) !== undefined);
  const leftOut = new Set(needsAll ? nodes.filter((n) => !hasAll(n)) : []);
  const counts = constraints.map(() => new Map<string, number>());
  for (const node of nodes) {
    if (leftOut.has(node)) continue;
    for (const [i, { key }] of constraints.entries()) if (key !== HOST) counts[i]?.set(valueOf(node, key) ?? '', 0);
  }
  const weights = constraints.map(({ key }, i) => Math.log((key === HOST ? nodes.length - leftOut.size : (counts[i]?.size ?? 0)) + 2));
  const others = constraints.flatMap((constraint, i) =>
    constraint.key === HOST ? [] : [[constraint, counts[i] as Map<string, number>] as const],
  );
  if (others.some(([, map]) => map.size > 0)) {
    for (const node of cluster.nodes) {
      if (node.pods.size === 0 || (needsAll && !hasAll(node))) continue;
      for (const [constraint, map] of others) {
        const value = valueOf(node, constraint.key) ?? '';
        const count = map.get(value);
        if (count === undefined || !included(node, pod, constraint)) continue;
        map.set(value, count + countOn(node, constraint.selector, pod.namespace));
      }
    }
  }
  return {
    score: (node) => {
      if (leftOut.has(node)) return 0;
      let score = 0;
      for (const [i, { key, selector, maxSkew }] of constraints.entries()) {
        const value = valueOf(node, key);
        if (value === undefined) continue;
        const count = key === HOST ? countOn(node, selector, pod.namespace) : (counts[i]?.get(value) ?? 0);
        score += count * (weights[i] ?? 0) + (maxSkew - 1);
      }
      return Math.round(score);
    },
    normalize: (scores) => {
      let least = Infinity;
      let most = 0;
      for (const [i, score] of scores.entries()) {
        if (leftOut.has(nodes[i] as NodeInfo)) continue;
        if (score < least) least = score;
        if (score > most) most = score;
      }
      for (const [i, score] of scores.entries()) {
        if (leftOut.has(nodes[i] as NodeInfo)) scores[i] = 0;
        else scores[i] = most === 0 ? MOST_SCORE : Math.trunc((MOST_SCORE * (most + least - score)) / most);
      }
    },
  };
}
