/** The containers of a pod as one list, in the order of their kinds. Pure. */
import type { Container } from '#api/kinds/core/container.ts';
import type { PodSpec } from '#api/kinds/core/pod.ts';

type Spec = Pick<PodSpec, 'initContainers' | 'containers' | 'ephemeralContainers'>;

/** Those that the pod was made with. */
export function ownContainers({ initContainers = [], containers }: Spec): Container[] {
  return [...initContainers, ...containers];
}

/** And those that were put in later, to look at it. */
export function allContainers(spec: Spec): Container[] {
  return [...ownContainers(spec), ...(spec.ephemeralContainers ?? [])];
}

export function containerNamed(spec: Spec, name: string): Container | undefined {
  return allContainers(spec).find((c) => c.name === name);
}
