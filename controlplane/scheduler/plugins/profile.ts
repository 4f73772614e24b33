/** The built-in plugins with upstream's order and weights, and the profile they make by default. */
import type { TopologySpreadConstraint } from '#api/kinds/core/scheduling.ts';
import type { Profile } from '../core/decide.ts';
import type { Plugin } from '../core/plugin.ts';
import { NO_STORAGE, type PluginHandle } from '../core/storage.ts';
import { imageLocality } from './imageLocality.ts';
import { interPodAffinity } from './interPodAffinity.ts';
import { nodeAffinity } from './nodeAffinity.ts';
import { nodeName } from './nodeName.ts';
import { nodePorts } from './nodePorts.ts';
import {
  balancedAllocation,
  DEFAULT_RESOURCES,
  nodeResourcesFit,
  type FitArgs,
  type ResourceWeight,
  type ScoringStrategy,
  type ShapePoint,
} from './nodeResources.ts';
import { nodeUnschedulable } from './nodeUnschedulable.ts';
import { podTopologySpread, type PodTopologySpreadArgs } from './podTopologySpread.ts';
import { schedulingGates } from './schedulingGates.ts';
import { nodeVolumeLimits } from './nodeVolumeLimits.ts';
import { taintToleration } from './taintToleration.ts';
import { volumeBinding } from './volumeBinding.ts';
import { volumeRestrictions } from './volumeRestrictions.ts';
import { volumeZone } from './volumeZone.ts';

export const DEFAULT_SCHEDULER = 'default-scheduler';

export const DEFAULT_WEIGHTS: Readonly<Record<string, number>> = {
  TaintToleration: 3,
  NodeAffinity: 2,
  PodTopologySpread: 2,
  InterPodAffinity: 2,
  NodeResourcesFit: 1,
  NodeResourcesBalancedAllocation: 1,
  ImageLocality: 1,
};

export type PluginFactory = (args: Readonly<Record<string, unknown>>, handle: PluginHandle) => Plugin;

/** In upstream's order. Arguments were checked when the configuration was read. */
export const BUILT_IN: ReadonlyMap<string, PluginFactory> = new Map<string, PluginFactory>([
  ['SchedulingGates', () => schedulingGates],
  ['NodeUnschedulable', () => nodeUnschedulable],
  ['NodeName', () => nodeName],
  ['TaintToleration', () => taintToleration],
  ['NodeAffinity', (args) => nodeAffinity(args)],
  ['NodePorts', () => nodePorts],
  ['NodeResourcesFit', (args) => nodeResourcesFit(fitArgs(args))],
  ['VolumeRestrictions', (_, handle) => volumeRestrictions(handle)],
  ['NodeVolumeLimits', (_, handle) => nodeVolumeLimits(handle)],
  ['VolumeBinding', (args, handle) => volumeBinding(args, handle)],
  ['VolumeZone', (_, handle) => volumeZone(handle)],
  ['PodTopologySpread', (args) => podTopologySpread(spreadArgs(args))],
  ['InterPodAffinity', (args) => interPodAffinity(args)],
  ['NodeResourcesBalancedAllocation', (args) => balancedAllocation(resourcesOf(args))],
  ['ImageLocality', () => imageLocality],
]);

export function defaultProfile(handle: PluginHandle = NO_STORAGE): Profile {
  const plugins = [...BUILT_IN.values()].map((make) => make({}, handle));
  return {
    schedulerName: DEFAULT_SCHEDULER,
    plugins,
    filters: plugins.filter((p) => p.filter !== undefined),
    scores: plugins.filter((p) => p.score !== undefined).map((plugin) => ({ plugin, weight: DEFAULT_WEIGHTS[plugin.name] ?? 1 })),
  };
}

type Args<T extends { readonly [key: string]: unknown }> = Partial<T>;

/** A weight that is not said is 1. */
function weighted(list: readonly { readonly name: string; readonly weight?: number }[] | undefined): readonly ResourceWeight[] {
  return list === undefined || list.length === 0
    ? DEFAULT_RESOURCES
    : list.map(({ name, weight }) => ({ name, weight: weight === undefined || weight === 0 ? 1 : weight }));
}

function resourcesOf({ resources }: Args<{ resources: { name: string; weight?: number }[] }>): {
  readonly resources: readonly ResourceWeight[];
} {
  return { resources: weighted(resources) };
}

interface StrategyArgs {
  readonly type?: ScoringStrategy['type'];
  readonly resources?: readonly { readonly name: string; readonly weight?: number }[];
  readonly requestedToCapacityRatio?: { readonly shape?: readonly ShapePoint[] };
}

function fitArgs(args: Args<{ ignoredResources: string[]; ignoredResourceGroups: string[]; scoringStrategy: StrategyArgs }>): FitArgs {
  const { ignoredResources = [], ignoredResourceGroups = [], scoringStrategy = {} } = args;
  const { type = 'LeastAllocated', requestedToCapacityRatio } = scoringStrategy;
  const resources = weighted(scoringStrategy.resources);
  if (type !== 'RequestedToCapacityRatio') return { ignoredResources, ignoredResourceGroups, strategy: { type, resources } };
  const shape = requestedToCapacityRatio?.shape ?? [];
  if (shape.length === 0 || shape.some((point, i) => i > 0 && point.utilization <= (shape[i - 1]?.utilization ?? 0)))
    throw new RangeError('scoringStrategy.requestedToCapacityRatio.shape: want points of growing utilization');
  return { ignoredResources, ignoredResourceGroups, strategy: { type, resources, shape } };
}

function spreadArgs({
  defaultConstraints,
  defaultingType = 'System',
}: Args<{ defaultConstraints: TopologySpreadConstraint[]; defaultingType: string }>): PodTopologySpreadArgs {
  if (defaultingType === 'System' && (defaultConstraints ?? []).length > 0)
    throw new RangeError('defaultConstraints: want defaultingType List with them');
  return defaultingType === 'System' ? {} : { defaultConstraints: defaultConstraints ?? [] };
}
