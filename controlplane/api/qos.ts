/**
 * How much a pod can rely on what it asked for. Pure.
 * Source: ComputePodQOS of Kubernetes 1.36: only cpu and memory count; pod-level resources count instead of the containers' where set.
 */
import { compareQuantities } from '#api/quantity.ts';
import type { PodSpec } from '#api/kinds/core/pod.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COUNTED = ['cpu', 'memory'] as const;

interface Asks {
  readonly requests?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

export function qosClassOf(spec: PodSpec): QosClass {
  const podLevel = spec.resources;
  const all: readonly Asks[] =
    podLevel === undefined ? [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((c) => c.resources ?? {}) : [podLevel];
  if (!all.some((asks) => COUNTED.some((name) => has(asks.requests, name) || has(asks.limits, name)))) return 'BestEffort';
  const isGuaranteed = all.every((asks) =>
    COUNTED.every((name) => {
      const limit = asks.limits?.[name];
      if (limit === undefined || !has(asks.limits, name)) return false;
      return compareQuantities(asks.requests?.[name] ?? limit, limit) === 0;
    }),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}

function has(list: Readonly<Record<string, string>> | undefined, name: string): boolean {
  const value = list?.[name];
  return value !== undefined && compareQuantities(value, '0') > 0;
}
