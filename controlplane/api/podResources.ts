/**
 * What a pod asks for in all: its containers together, or its largest init container if that is more. Pure.
 * Sidecars (init containers with restartPolicy Always) run beside everything that starts after them, so they count with both.
 * Units: canonical quantity texts by resource name.
 * Source: KEP-753 (sidecars), KEP-2837 (pod level resources).
 */
import { addQuantities, compareQuantities } from '#api/quantity.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { PodSpec } from '#api/kinds/core/pod.ts';

export type ResourceList = Readonly<Record<string, string>>;
export type Side = 'requests' | 'limits';

/** Requests or limits of all containers, without the pod's overhead and without spec.resources. */
export function containersTotal(spec: Pick<PodSpec, 'containers' | 'initContainers'>, side: Side): ResourceList {
  let together = sum((spec.containers ?? []).map((c) => of(c, side)));
  let sidecars: ResourceList = {};
  let mostWhileStarting: ResourceList = {};
  for (const container of spec.initContainers ?? []) {
    const own = of(container, side);
    if (container.restartPolicy === 'Always') {
      together = sum([together, own]);
      sidecars = sum([sidecars, own]);
      mostWhileStarting = larger(mostWhileStarting, sidecars);
    } else {
      mostWhileStarting = larger(mostWhileStarting, sum([sidecars, own]));
    }
  }
  return larger(together, mostWhileStarting);
}

/** What the scheduler reserves: spec.resources where it says something, the containers otherwise, and the overhead on top. */
export function podTotal(spec: PodSpec, side: Side): ResourceList {
  const total = { ...containersTotal(spec, side), ...spec.resources?.[side] };
  const overhead = spec.overhead ?? {};
  // Without a limit there is nothing that an overhead could be added to.
  const counted =
    side === 'requests' ? overhead : Object.fromEntries(Object.entries(overhead).filter(([name]) => Object.hasOwn(total, name)));
  return sum([total, counted]);
}

const of = (container: Pick<Container, 'resources'>, side: Side): ResourceList => container.resources?.[side] ?? {};

export function sum(lists: readonly ResourceList[]): ResourceList {
  const out = new Map<string, string>();
  for (const [name, amount] of lists.flatMap((list) => Object.entries(list))) {
    const other = out.get(name);
    out.set(name, other === undefined ? amount : addQuantities(other, amount));
  }
  return Object.fromEntries(out);
}

function larger(a: ResourceList, b: ResourceList): ResourceList {
  const out = new Map(Object.entries(a));
  for (const [name, amount] of Object.entries(b)) {
    const other = out.get(name);
    if (other === undefined || compareQuantities(amount, other) > 0) out.set(name, amount);
  }
  return Object.fromEntries(out);
}

/** The amount of one resource; names such as __proto__ mean nothing special. */
export function amountOf(list: ResourceList | undefined, name: string): string | undefined {
  return list !== undefined && Object.hasOwn(list, name) ? list[name] : undefined;
}
