/**
 * Whether the node takes a pod. Pure: the pod, those that were taken before it, and the node in; a reason to refuse out, or none.
 *
 * Source: reasons and messages are those of upstream's kubelet (lifecycle predicates), because people and controllers match on them.
 * Units: quantities as texts; cpu is told in millicores, everything else in its own unit.
 */
import { hostPorts, portsClash } from '#api/hostPorts.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { podMatchesNode } from '#api/nodeSelector.ts';
import { amountOf, podTotal, sum, type ResourceList } from '#api/podResources.ts';
import { toMilli, toUnits } from '#api/quantity.ts';
import { isCritical, priorityOf } from './priority.ts';
import { qosClassOf } from './qos.ts';

export interface NodeRoom {
  /** What pods can have: cpu, memory, pods, … What is not named has no limit here. */
  readonly allocatable: ResourceList;
  readonly labels: Readonly<Record<string, string>>;
  /** MemoryPressure, DiskPressure, PIDPressure: those that are true. */
  readonly pressures: readonly string[];
  /** What the node cannot give, whatever is free. */
  readonly refuse?: (pod: Pod) => Rejection | undefined;
}

export interface Rejection {
  readonly reason: string;
  readonly message: string;
  /** What it lacks of the node: others could make room for it. */
  readonly short?: readonly string[];
}

const COUNTED = ['cpu', 'memory', 'ephemeral-storage'] as const;

export function admit(pod: Pod, others: readonly Pod[], node: NodeRoom): Rejection | undefined {
  return (
    underPressure(pod, node) ?? node.refuse?.(pod) ?? outOfResources(pod, others, node) ?? wrongNode(pod, node) ?? portTaken(pod, others)
  );
}

function underPressure(pod: Pod, { pressures }: NodeRoom): Rejection | undefined {
  if (pressures.length === 0 || isCritical(pod.spec)) return undefined;
  if (pressures.length === 1 && pressures[0] === 'MemoryPressure' && qosClassOf(pod.spec) !== 'BestEffort') return undefined;
  return { reason: 'Evicted', message: `The node had condition: [${pressures.join(' ')}]. ` };
}

function outOfResources(pod: Pod, others: readonly Pod[], { allocatable }: NodeRoom): Rejection | undefined {
  const wants = podTotal(pod.spec, 'requests');
  const used = sum(others.map((p) => podTotal(p.spec, 'requests')));
  const huge = Object.keys(wants).filter((name) => name.startsWith('hugepages-'));
  const rows = [...COUNTED, ...huge].map((name) => ({
    name,
    want: amountOf(wants, name) ?? '0',
    use: amountOf(used, name) ?? '0',
    // A page size that the node does not have is none; of the rest what is not named has no limit.
    all: amountOf(allocatable, name) ?? (name.startsWith('hugepages-') ? '0' : undefined),
  }));
  const short = rows.filter(
    ({ name, want, use, all }) =>
      all !== undefined && inUnits(name, want) > 0n && inUnits(name, want) + inUnits(name, use) > inUnits(name, all),
  );
  const lacks = short.map((row) => ({
    name: row.name,
    numbers: [row.want, row.use, row.all ?? '0'].map((q) => inUnits(row.name, q)),
  }));
  const most = amountOf(allocatable, 'pods');
  if (most !== undefined && BigInt(others.length) + 1n > toUnits(most))
    lacks.unshift({ name: 'pods', numbers: [1n, BigInt(others.length), toUnits(most)] });
  const [first] = lacks;
  if (first === undefined) return undefined;
  const [requested, use, capacity] = first.numbers;
  const message = `Node didn't have enough resource: ${first.name}, requested: ${requested}, used: ${use}, capacity: ${capacity}`;
  return { reason: `OutOf${first.name}`, message, short: lacks.map((l) => l.name) };
}

const inUnits = (name: string, quantity: string): bigint => (name === 'cpu' ? BigInt(toMilli(quantity)) : toUnits(quantity));

function wrongNode(pod: Pod, { labels }: NodeRoom): Rejection | undefined {
  if (pod.spec.os !== undefined && pod.spec.os.name !== 'linux')
    return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  if (podMatchesNode(pod, { name: labels['kubernetes.io/hostname'], labels })) return undefined;
  return { reason: 'NodeAffinity', message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector" };
}

function portTaken(pod: Pod, others: readonly Pod[]): Rejection | undefined {
  const taken = others.flatMap((other) => hostPorts(other.spec));
  const clash = hostPorts(pod.spec).some((p) => taken.some((o) => portsClash(p, o)));
  return clash
    ? { reason: 'NodePorts', message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" }
    : undefined;
}

/**
 * Who has to go so that a critical pod finds room: the fewest and least important, and none if that would not suffice.
 * Those that run longest are kept when all else is equal (they come first in others).
 */
export function preempt(pod: Pod, others: readonly Pod[], node: NodeRoom): Pod[] | undefined {
  if (!isCritical(pod.spec)) return undefined;
  const fits = (left: readonly Pod[]): boolean => admit(pod, left, node) === undefined;
  const order = new Map(others.map((p, i) => [p, i]));
  const candidates = others
    .filter((p) => priorityOf(p.spec) < priorityOf(pod.spec) && !isCritical(p.spec))
    .toSorted((a, b) => priorityOf(a.spec) - priorityOf(b.spec) || qosRank(a) - qosRank(b) || (order.get(b) ?? 0) - (order.get(a) ?? 0));
  const gone: Pod[] = [];
  for (const candidate of candidates) {
    if (fits(others.filter((p) => !gone.includes(p)))) break;
    gone.push(candidate);
  }
  if (!fits(others.filter((p) => !gone.includes(p)))) return undefined;
  // Of those chosen on the way, whoever need not go stays, the most important first.
  for (const p of gone.toReversed()) {
    const rest = gone.filter((g) => g !== p);
    if (fits(others.filter((o) => !rest.includes(o)))) gone.splice(gone.indexOf(p), 1);
  }
  return gone;
}

function qosRank(pod: Pod): number {
  return ['BestEffort', 'Burstable', 'Guaranteed'].indexOf(qosClassOf(pod.spec));
}
