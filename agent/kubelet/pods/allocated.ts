/**
 * Resources that a pod was given when its containers were made, and what becomes of a wish for others (the resize subresource). Pure.
 *
 * A resize in place is not honoured: what runs keeps what it has, also over restarts of a container, and a condition of the pod says so.
 * Source: "Resize CPU and Memory Resources assigned to Containers" in the Kubernetes docs (condition and reason).
 */
import type { ResourceRequirements } from '#api/kinds/core/compute.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { canonical } from '../sources/staticPod.ts';
import type { RuntimeContainer } from '../runtime/types.ts';

export const RESIZE_INFEASIBLE =
  'this kubelet does not change resources of a running pod: make the pod anew, or set its resources back to what it has';

type Made = Pick<RuntimeContainer, 'uid' | 'name' | 'attempt' | 'resources'>;

/** The pod with the resources that it has; of a container that was never made, those that it asks for. */
export function allocatedPod(pod: Pod, containers: readonly Made[]): Pod {
  const { spec } = pod;
  const own = containers.filter((c) => c.uid === pod.metadata.uid);
  if (!own.some((c) => c.resources !== undefined)) return pod;
  const given = (c: Container): Container => {
    const resources = allocated(own, c.name) ?? c.resources;
    return resources === undefined ? c : { ...c, resources };
  };
  return {
    ...pod,
    spec: {
      ...spec,
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(given) }),
      containers: spec.containers.map(given),
    },
  };
}

/** Whether the pod asks for other resources than it has. */
export function isResized(pod: Pod, containers: readonly Made[]): boolean {
  const has = allocatedPod(pod, containers);
  if (has === pod) return false;
  const all = ({ spec }: Pod): unknown => [spec.initContainers ?? [], spec.containers].flat().map((c) => c.resources ?? {});
  return canonical(all(has)) !== canonical(all(pod));
}

function allocated(own: readonly Made[], name: string): ResourceRequirements | undefined {
  const runs = own.filter((c) => c.name === name && c.resources !== undefined);
  return runs.toSorted((a, b) => b.attempt - a.attempt)[0]?.resources;
}
