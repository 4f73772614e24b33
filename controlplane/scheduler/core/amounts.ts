/**
 * Amounts of resources as numbers, for sums that are done thousands of times a second. Pure but for add and subtract.
 * Units: cpu in millicores, everything else in its own unit (bytes, pieces), rounded up. Exact up to 2^53.
 */
import { amountOf, podTotal, type ResourceList } from '#api/podResources.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { PodSpec } from '#api/kinds/core/pod.ts';
import { toBytes, toMilli } from '#api/quantity.ts';

export class Amounts {
  cpuMilli = 0;
  memoryBytes = 0;
  storageBytes = 0;
  /** Huge pages and extended resources by name. */
  readonly scalars = new Map<string, number>();

  static of(list: ResourceList | undefined): Amounts {
    const amounts = new Amounts();
    for (const [name, quantity] of Object.entries(list ?? {})) {
      if (name === 'cpu') amounts.cpuMilli = toMilli(quantity);
      else if (name === 'memory') amounts.memoryBytes = toBytes(quantity);
      else if (name === 'ephemeral-storage') amounts.storageBytes = toBytes(quantity);
      else if (name !== 'pods') amounts.scalars.set(name, toBytes(quantity));
    }
    return amounts;
  }

  add(other: Amounts, times: 1 | -1 = 1): void {
    this.cpuMilli += times * other.cpuMilli;
    this.memoryBytes += times * other.memoryBytes;
    this.storageBytes += times * other.storageBytes;
    for (const [name, amount] of other.scalars) this.scalars.set(name, (this.scalars.get(name) ?? 0) + times * amount);
  }

  get(name: string): number {
    if (name === 'cpu') return this.cpuMilli;
    if (name === 'memory') return this.memoryBytes;
    return name === 'ephemeral-storage' ? this.storageBytes : (this.scalars.get(name) ?? 0);
  }

  get isNothing(): boolean {
    return this.cpuMilli === 0 && this.memoryBytes === 0 && this.storageBytes === 0 && this.scalars.size === 0;
  }
}

/** What a container without requests counts as when nodes are compared. Source: upstream's scheduler. */
export const UNSAID: ResourceList = { cpu: '100m', memory: '200Mi' };

/** The same sum, with UNSAID for each container that says nothing: so that pods without requests do not all go to one node. */
export function unsaidTotal(spec: PodSpec): Amounts {
  const filled = <C extends Pick<Container, 'resources'>>(container: C): C => ({
    ...container,
    resources: { ...container.resources, requests: { ...UNSAID, ...container.resources?.requests } },
  });
  const { initContainers } = spec;
  return Amounts.of(
    podTotal(
      {
        ...spec,
        containers: (spec.containers ?? []).map(filled),
        ...(initContainers === undefined ? {} : { initContainers: initContainers.map(filled) }),
      },
      'requests',
    ),
  );
}

export const podLimitOf = (list: ResourceList | undefined): number => {
  const most = amountOf(list, 'pods');
  return most === undefined ? 0 : toBytes(most);
};
