/**
 * NodeResourcesFit: room for what the pod asks for; and three ways to score it. NodeResourcesBalancedAllocation: resources used alike.
 * Source: the formulas of upstream's scheduler, whole-number arithmetic included; a resource the node does not have does not count.
 */
import { MOST_SCORE, type Plugin, type Scorer, type Verdict } from '../core/plugin.ts';
import type { NodeInfo } from '../core/nodeInfo.ts';
import type { PodInfo } from '../core/podInfo.ts';

export interface ResourceWeight {
  readonly name: string;
  readonly weight: number;
}
export interface ShapePoint {
  readonly utilization: number;
  /** 0 to 10 */
  readonly score: number;
}
export type ScoringStrategy =
  | { readonly type: 'LeastAllocated' | 'MostAllocated'; readonly resources: readonly ResourceWeight[] }
  | {
      readonly type: 'RequestedToCapacityRatio';
      readonly resources: readonly ResourceWeight[];
      readonly shape: readonly ShapePoint[];
    };

export interface FitArgs {
  readonly ignoredResources?: readonly string[];
  readonly ignoredResourceGroups?: readonly string[];
  readonly strategy?: ScoringStrategy;
}

export const DEFAULT_RESOURCES: readonly ResourceWeight[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

export function nodeResourcesFit({
  ignoredResources = [],
  ignoredResourceGroups = [],
  strategy = { type: 'LeastAllocated', resources: DEFAULT_RESOURCES },
}: FitArgs = {}): Plugin {
  const isIgnored = (name: string): boolean =>
    ignoredResources.includes(name) || (name.includes('/') && ignoredResourceGroups.includes(name.split('/')[0] ?? ''));
  return {
    name: 'NodeResourcesFit',
    filter: (pod) => ({ check: (node) => lacking(pod, node, isIgnored) }),
    score: (pod) => allocationScorer(strategy, pod),
    helps: (event, pod) => {
      switch (event.kind) {
        case 'podGone':
        case 'podShrank':
        case 'self':
          return true;
        case 'nodeAdded':
        case 'nodeChanged':
          if (event.kind === 'nodeChanged' && !event.what.allocatable) return false;
          return couldEverFit(pod, event.node.status?.allocatable ?? {});
        default:
          return false;
      }
    },
  };
}

function couldEverFit({ requests }: PodInfo, allocatable: Readonly<Record<string, string>>): boolean {
  // A node without a resource that the pod asks for helps nobody; sizes are compared when it is its turn.
  return [...requests.scalars].every(([name, amount]) => amount === 0 || Object.hasOwn(allocatable, name));
}

const VERDICTS = new Map<string, Verdict>();
/** Kept, because they are given out thousands of times a second; those of extended resources come from outside and are not. */
function insufficient(names: readonly string[], beyond: boolean): Verdict {
  const key = `${names.join()}${beyond}`;
  const known = VERDICTS.get(key);
  if (known !== undefined) return known;
  const made = { reasons: names.map((name) => (name === 'pods' ? 'Too many pods' : `Insufficient ${name}`)), helpedByPreemption: !beyond };
  if (names.every((name) => !name.includes('/')) && VERDICTS.size < 100) VERDICTS.set(key, made);
  return made;
}

/** What of the pod's wishes the node cannot give. beyond: not even if it were empty. */
function lacking(pod: PodInfo, node: NodeInfo, isIgnored: (name: string) => boolean): Verdict | undefined {
  const { requests } = pod;
  const { requested, allocatable } = node;
  let names: string[] | undefined;
  let beyond = false;
  const add = (name: string, isBeyond: boolean): void => {
    (names ??= []).push(name);
    beyond ||= isBeyond;
  };
  if (node.pods.size + 1 > node.podLimit) add('pods', node.podLimit === 0);
  if (requests.isNothing) return names === undefined ? undefined : insufficient(names, beyond);
  const { cpuMilli, memoryBytes, storageBytes } = requests;
  if (cpuMilli > 0 && cpuMilli > allocatable.cpuMilli - requested.cpuMilli) add('cpu', cpuMilli > allocatable.cpuMilli);
  if (memoryBytes > 0 && memoryBytes > allocatable.memoryBytes - requested.memoryBytes)
    add('memory', memoryBytes > allocatable.memoryBytes);
  if (storageBytes > 0 && storageBytes > allocatable.storageBytes - requested.storageBytes)
    add('ephemeral-storage', storageBytes > allocatable.storageBytes);
  for (const [name, amount] of requests.scalars) {
    if (amount === 0 || isIgnored(name)) continue;
    const all = allocatable.scalars.get(name) ?? 0;
    if (amount > all - (requested.scalars.get(name) ?? 0)) add(name, amount > all);
  }
  return names === undefined ? undefined : insufficient(names, beyond);
}

type Formula = (used: number, all: number) => number;

function allocationScorer(strategy: ScoringStrategy, pod: PodInfo): Scorer {
  const { resources, type } = strategy;
  const formula = formulaOf(strategy);
  // Only with the ratio is what nobody said really nothing.
  const isExact = type === 'RequestedToCapacityRatio';
  return {
    score: (node) => {
      let sum = 0;
      let weights = 0;
      for (const { name, weight } of resources) {
        const all = node.allocatable.get(name);
        if (all === 0) continue;
        const used = (isExact ? node.requested : node.unsaid).get(name) + (isExact ? pod.requests : pod.unsaid).get(name);
        const score = formula(used, all);
        if (isExact && score <= 0) continue;
        sum += score * weight;
        weights += weight;
      }
      if (weights === 0) return 0;
      return isExact ? Math.round(sum / weights) : Math.floor(sum / weights);
    },
  };
}

function formulaOf(strategy: ScoringStrategy): Formula {
  switch (strategy.type) {
    case 'LeastAllocated':
      return (used, all) => (used > all ? 0 : Math.floor(((all - used) * MOST_SCORE) / all));
    case 'MostAllocated':
      return (used, all) => Math.floor((Math.min(used, all) * MOST_SCORE) / all);
    default: {
      const points = strategy.shape.map(({ utilization, score }) => [utilization, score * (MOST_SCORE / 10)] as const);
      return (used, all) => onShape(points, used > all ? 100 : Math.floor((used * 100) / all));
    }
  }
}

function onShape(points: readonly (readonly [number, number])[], at: number): number {
  for (const [i, [x, y]] of points.entries()) {
    if (at > x) continue;
    const before = points[i - 1];
    if (before === undefined) return y;
    return before[1] + Math.trunc(((y - before[1]) * (at - before[0])) / (x - before[0]));
  }
  return points.at(-1)?.[1] ?? 0;
}

export function balancedAllocation({ resources = DEFAULT_RESOURCES }: { readonly resources?: readonly ResourceWeight[] } = {}): Plugin {
  return {
    name: 'NodeResourcesBalancedAllocation',
    score: (pod) => {
      // All nodes are as good for a pod that asks for nothing.
      if (resources.every(({ name }) => pod.requests.get(name) === 0)) return undefined;
      return {
        score: (node) => {
          const parts: number[] = [];
          for (const { name } of resources) {
            const all = node.allocatable.get(name);
            if (all > 0) parts.push(Math.min(1, (node.requested.get(name) + pod.requests.get(name)) / all));
          }
          return Math.trunc((1 - deviation(parts)) * MOST_SCORE);
        },
      };
    },
    helps: () => false,
  };
}

function deviation(parts: readonly number[]): number {
  const [a, b] = parts;
  if (a === undefined || b === undefined) return 0;
  if (parts.length === 2) return Math.abs(a - b) / 2;
  const mean = parts.reduce((sum, p) => sum + p, 0) / parts.length;
  return Math.sqrt(parts.reduce((sum, p) => sum + (p - mean) ** 2, 0) / parts.length);
}
