/**
 * Which pods have to go so that a more important one finds room. Pure: everything tried out is put back before it returns.
 *
 * On each node that could be helped all less important pods are thought away; if the pod fits then, as many as possible come back, the most
 * important first, those whose budget allows no disruption before the others. Of all nodes the one is taken where the least is lost.
 * Source: upstream's DefaultPreemption (order of the criteria, texts, 10 % of the nodes but at least 100).
 */
import type { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import { matches } from '#api/labels.ts';
import type { Cluster } from './cluster.ts';
import { firstRefusal, prepare, type DoesNotFit, type Prepared, type Profile } from './decide.ts';
import { preemptionText } from './message.ts';
import type { NodeInfo } from './nodeInfo.ts';
import { selectorOf, type PodInfo } from './podInfo.ts';

export interface PreemptOptions {
  readonly profile: Profile;
  readonly cluster: Cluster;
  readonly budgets: readonly PodDisruptionBudget[];
  /** 0 <= x < 1; where in the order of nodes the search begins. */
  readonly random: () => number;
  readonly minCandidateNodesPercentage?: number;
  readonly minCandidateNodesAbsolute?: number;
}

export interface Candidate {
  readonly node: NodeInfo;
  /** The most important first. */
  readonly victims: readonly PodInfo[];
  readonly violations: number;
}

export type Preemption =
  | { readonly kind: 'victims'; readonly candidate: Candidate; readonly candidates: readonly Candidate[] }
  /** text: for the message of the pod. */
  | { readonly kind: 'none'; readonly text: string };

const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
const NO_VICTIMS = 'No preemption victims found for incoming pod';

export function preempt(pod: PodInfo, decision: DoesNotFit, options: PreemptOptions): Preemption {
  const { cluster, minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 } = options;
  const ineligible = whyNot(pod, decision, cluster);
  if (ineligible !== undefined) return { kind: 'none', text: `preemption: ${ineligible}` };
  const prepared = prepare(pod, options);
  const { nodes } = cluster;
  const helped = nodes.filter((n) => decision.refused.get(n)?.verdict.helpedByPreemption === true);
  if ('refused' in prepared || helped.length === 0)
    return {
      kind: 'none',
      text: preemptionText(
        nodes.length,
        nodes.map(() => NOT_HELPFUL),
      ),
    };
  const reasons = Array<string>(nodes.length - helped.length).fill(NOT_HELPFUL);
  const candidates: Candidate[] = [];
  const enough = Math.max(Math.floor((nodes.length * minCandidateNodesPercentage) / 100), minCandidateNodesAbsolute);
  const start = Math.floor(options.random() * helped.length);
  for (let i = 0; i < helped.length && candidates.length < enough; i++) {
    const node = helped[(start + i) % helped.length] as NodeInfo;
    const found = victimsOn(node, { pod, prepared, cluster, budgets: options.budgets });
    if ('node' in found) candidates.push(found);
    else reasons.push(...found.reasons);
  }
  const [first, ...others] = candidates;
  if (first === undefined) return { kind: 'none', text: preemptionText(nodes.length, reasons) };
  return { kind: 'victims', candidates, candidate: leastLoss([first, ...others]) };
}

export function leastLoss([first, ...others]: readonly [Candidate, ...Candidate[]]): Candidate {
  return others.reduce((least, other) => (isLess(other, least) ? other : least), first);
}

/** Why the pod may not push others away; undefined: it may. */
function whyNot(pod: PodInfo, { refused }: DoesNotFit, cluster: Cluster): string | undefined {
  if (pod.pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = cluster.nominatedNodeOf(pod.key);
  const node = nominated === undefined ? undefined : cluster.node(nominated);
  if (node === undefined || refused.get(node)?.verdict.helpedByPreemption === false) return undefined;
  const leaving = [...node.pods.values()].some((p) => p.priority < pod.priority && leavesForAnother(p));
  return leaving ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

/** It was pushed out already: then what is under way is waited for. Others that end do so for reasons of their own. */
function leavesForAnother({ isTerminating, pod }: PodInfo): boolean {
  const told = pod.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return isTerminating && told?.status === 'True' && told.reason === 'PreemptionByScheduler';
}

interface Parts {
  readonly pod: PodInfo;
  readonly prepared: Prepared;
  readonly cluster: Cluster;
  readonly budgets: readonly PodDisruptionBudget[];
}

function victimsOn(node: NodeInfo, { pod, prepared, cluster, budgets }: Parts): Candidate | { readonly reasons: readonly string[] } {
  const lesser = [...node.pods.values()].filter((p) => p.priority < pod.priority).toSorted(byImportance);
  if (lesser.length === 0) return { reasons: [NO_VICTIMS] };
  const gone = new Set<PodInfo>();
  const remove = (p: PodInfo): void => {
    cluster.takeOff(p, node);
    gone.add(p);
  };
  const comeBack = (p: PodInfo): void => {
    cluster.putOn(p, node);
    gone.delete(p);
  };
  try {
    for (const p of lesser) remove(p);
    const refusal = firstRefusal(pod, node, prepared, cluster);
    if (refusal !== undefined) return refusal.verdict;
    const protectedOnes = withoutBudget(lesser, budgets);
    const victims: PodInfo[] = [];
    let violations = 0;
    for (const p of [...lesser.filter((v) => protectedOnes.has(v)), ...lesser.filter((v) => !protectedOnes.has(v))]) {
      comeBack(p);
      if (firstRefusal(pod, node, prepared, cluster) === undefined) continue;
      remove(p);
      victims.push(p);
      if (protectedOnes.has(p)) violations += 1;
    }
    return { node, victims: victims.toSorted(byImportance), violations };
  } finally {
    for (const p of gone) cluster.putOn(p, node);
  }
}

/** Pods whose budget allows no (further) disruption. */
function withoutBudget(pods: readonly PodInfo[], budgets: readonly PodDisruptionBudget[]): ReadonlySet<PodInfo> {
  const rules = budgets.map((budget) => ({
    budget,
    selector: selectorOf(budget.spec?.selector) ?? [],
    allowed: budget.status?.disruptionsAllowed ?? 0,
  }));
  const out = new Set<PodInfo>();
  for (const pod of pods) {
    for (const rule of rules) {
      const { metadata, status } = rule.budget;
      if (metadata.namespace !== pod.namespace || rule.selector.length === 0 || !matches(rule.selector, pod.labels)) continue;
      if (Object.hasOwn(status?.disruptedPods ?? {}, pod.name)) continue;
      rule.allowed -= 1;
      if (rule.allowed < 0) out.add(pod);
    }
  }
  return out;
}

const startOf = ({ pod }: PodInfo): number => Date.parse(pod.status?.startTime ?? '') || Infinity;

/** Who runs longer is more important. */
function byImportance(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || (startOf(a) === startOf(b) ? 0 : startOf(a) - startOf(b));
}

/** Each criterion decides only between those that are equal in the ones before it; the smaller loss wins. */
const LOSSES: readonly ((c: Candidate) => number)[] = [
  (c) => c.violations,
  (c) => c.victims[0]?.priority ?? -Infinity,
  // Shifted, so that many unimportant ones do not weigh less than one.
  (c) => c.victims.reduce((sum, v) => sum + v.priority + 2 ** 31, 0),
  (c) => c.victims.length,
  (c) => -Math.min(...c.victims.filter((v) => v.priority === c.victims[0]?.priority).map(startOf)),
];

function isLess(a: Candidate, b: Candidate): boolean {
  for (const loss of LOSSES) {
    const [x, y] = [loss(a), loss(b)];
    if (x !== y) return x < y;
  }
  return false;
}
