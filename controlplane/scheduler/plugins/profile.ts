/** The built-in plugins with upstream's order and weights, and the profile they make by default. */
import type { Profile } from '../core/decide.ts';
import type { Plugin } from '../core/plugin.ts';
import { imageLocality } from './imageLocality.ts';
import { interPodAffinity } from './interPodAffinity.ts';
import { nodeAffinity } from './nodeAffinity.ts';
import { nodeName } from './nodeName.ts';
import { nodePorts } from './nodePorts.ts';
import { balancedAllocation, nodeResourcesFit } from './nodeResources.ts';
import { nodeUnschedulable } from './nodeUnschedulable.ts';
import { podTopologySpread } from './podTopologySpread.ts';
import { schedulingGates } from './schedulingGates.ts';
import { taintToleration } from './taintToleration.ts';

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

export function profileOf(
  schedulerName: string,
  plugins: readonly Plugin[],
  weightOf: (name: string) => number = (name) => DEFAULT_WEIGHTS[name] ?? 1,
): Profile {
  return {
    schedulerName,
    plugins,
    filters: plugins.filter((p) => p.filter !== undefined),
    scores: plugins.filter((p) => p.score !== undefined).map((plugin) => ({ plugin, weight: weightOf(plugin.name) })),
  };
}

export function defaultProfile(more: readonly Plugin[] = []): Profile {
  return profileOf(DEFAULT_SCHEDULER, [
    schedulingGates,
    nodeUnschedulable,
    nodeName,
    taintToleration,
    nodeAffinity(),
    nodePorts,
    nodeResourcesFit(),
    ...more,
    podTopologySpread(),
    interPodAffinity(),
    balancedAllocation(),
    imageLocality,
  ]);
}
