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
import { valueOf, type PodIndex } from '../core/podIndex.ts';
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

/** Pods of the constraint's selector that stay. */
function counted(pod: PodInfo, { selector }: Constraint, cluster: Cluster): PodIndex {
  const { namespace } = pod;
  const key = `spread ${namespace} ${JSON.stringify(selector)}`;
  return cluster.counting(key, (other) => other.namespace === namespace && !other.isTerminating && matches(selector, other.labels));
}

/** Nodes whose pods count for a constraint, and the values of its label that they have. */
interface Domains {
  readonly nodes: ReadonlySet<NodeInfo>;
  readonly isAll: boolean;
  readonly values: ReadonlySet<string>;
}

function domainsOf(pod: PodInfo, constraint: Constraint, labels: readonly string[], cluster: Cluster): Domains {
  const { honorsAffinity, honorsTaints, key } = constraint;
  const { nodeSelector, affinity, tolerations } = pod.pod.spec;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const question = [key, labels, honorsAffinity && [nodeSelector, required], honorsTaints && [tolerations]];
  return cluster.ofNodes(`domains ${JSON.stringify(question)}`, () => {
    const nodes = cluster.nodes.filter((node) => {
      if (labels.some((label) => valueOf(node, label) === undefined)) return false;
      if (honorsAffinity && !podMatchesNode(pod.pod, node)) return false;
      return !honorsTaints || untolerated(node.node?.spec.taints, tolerations) === undefined;
    });
    return {
      nodes: new Set(nodes),
      isAll: nodes.length === cluster.nodes.length,
      values: new Set(nodes.flatMap((node) => valueOf(node, key) ?? [])),
    };
  });
}

/** By value of the label, of the nodes that count. */
function countsIn(pods: PodIndex, label: string, { nodes, isAll }: Domains): ReadonlyMap<string, number> {
  if (isAll) return pods.by(label);
  const counts = new Map<string, number>();
  for (const [node, count] of pods.byNode) {
    const value = nodes.has(node) ? valueOf(node, label) : undefined;
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + count);
  }
  return counts;
}

function hard(pod: PodInfo, constraints: readonly Constraint[], cluster: Cluster): Filter {
  const labels = constraints.map(({ key }) => key);
  const rules = constraints.map((constraint) => {
    const { key, maxSkew, minDomains, selector } = constraint;
    const pods = counted(pod, constraint, cluster);
    const domains = domainsOf(pod, constraint, labels, cluster);
    let version = -1;
    let counts: ReadonlyMap<string, number> = new Map();
    let least = 0;
    const look = (): void => {
      if (version === pods.version) return;
      ({ version } = pods);
      counts = countsIn(pods, key, domains);
      least = domains.values.size < minDomains ? 0 : Infinity;
      for (const value of domains.values) least = Math.min(least, counts.get(value) ?? 0);
      if (least === Infinity) least = 0;
    };
    const self = matches(selector, pod.labels) ? 1 : 0;
    return (node: NodeInfo): Verdict | undefined => {
      const value = valueOf(node, key);
      if (value === undefined) return LABEL;
      look();
      return (counts.get(value) ?? 0) + self - least > maxSkew ? SKEW : undefined;
    };
  });
  return {
    check: (node) => {
      for (const rule of rules) {
        const verdict = rule(node);
        if (verdict !== undefined) return verdict;
      }
      return undefined;
    },
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
  const labels = needsAll ? constraints.map(({ key }) => key) : [];
  const leftOut = new Set(nodes.filter((node) => labels.some((label) => valueOf(node, label) === undefined)));
  const parts = constraints.map((constraint) => {
    const { key, maxSkew } = constraint;
    const pods = counted(pod, constraint, cluster);
    const counts = key === HOST ? undefined : countsIn(pods, key, domainsOf(pod, constraint, labels, cluster));
    const size =
      key === HOST ? nodes.length - leftOut.size : new Set(nodes.map((n) => (leftOut.has(n) ? undefined : valueOf(n, key)))).size;
    return { key, maxSkew, pods, counts, weight: Math.log(size + 2) };
  });
  return {
    score: (node) => {
      if (leftOut.has(node)) return 0;
      let score = 0;
      for (const { key, maxSkew, pods, counts, weight } of parts) {
        const value = valueOf(node, key);
        if (value === undefined) continue;
        const count = counts === undefined ? pods.byNode.get(node) : counts.get(value);
        score += (count ?? 0) * weight + (maxSkew - 1);
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
