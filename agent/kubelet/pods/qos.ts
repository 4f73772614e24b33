/**
 * The quality-of-service class of a pod. Pure.
 * Source: "Configure Quality of Service for Pods" in the Kubernetes docs; only cpu and memory count. Where the pod as a whole has
 * requests or limits (KEP-2837), these alone count.
 */
import type { PodSpec } from '#api/kinds/core/pod.ts';
import { compareQuantities } from '#api/quantity.ts';
import { ownContainers } from './containers.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COUNTED = ['cpu', 'memory'] as const;

export function qosClassOf(spec: PodSpec): QosClass {
  const whole = spec.resources;
  const isWhole = Object.keys({ ...whole?.requests, ...whole?.limits }).length > 0;
  const containers = isWhole ? [{ resources: whole }] : ownContainers(spec);
  const set = (list: Readonly<Record<string, string>> | undefined, name: string): string | undefined => {
    const quantity = list?.[name];
    return quantity === undefined || compareQuantities(quantity, 0) === 0 ? undefined : quantity;
  };
  const asks = containers.some((c) =>
    COUNTED.some((name) => set(c.resources?.requests, name) !== undefined || set(c.resources?.limits, name) !== undefined),
  );
  if (!asks) return 'BestEffort';
  const guaranteed = containers.every((c) =>
    COUNTED.every((name) => {
      const limit = set(c.resources?.limits, name);
      const request = set(c.resources?.requests, name) ?? limit;
      return limit !== undefined && request !== undefined && compareQuantities(request, limit) === 0;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
