/**
 * What a runtime class adds to a pod: its overhead, and labels the node must have. Pure.
 *
 * Differs: in a cluster the API server adds both when the pod is made; on a node without one the kubelet does.
 * Source: "Runtime Class" and "Pod Overhead" in the Kubernetes docs.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { RuntimeClass } from '#api/kinds/node/v1.ts';
import type { ObjectRef } from '../objects/source.ts';

export function classRef(pod: Pod): ObjectRef<'RuntimeClass'> | undefined {
  const { runtimeClassName: name } = pod.spec;
  return name === undefined || name === '' ? undefined : { kind: 'RuntimeClass', namespace: '', name };
}

/** What the pod says itself stays. */
export function withRuntimeClass(pod: Pod, runtimeClass: RuntimeClass | undefined): Pod {
  if (runtimeClass === undefined) return pod;
  const overhead = pod.spec.overhead ?? runtimeClass.overhead?.podFixed;
  const nodeSelector = both(pod.spec.nodeSelector ?? {}, runtimeClass.scheduling?.nodeSelector ?? {});
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(overhead === undefined ? {} : { overhead }),
      ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
    },
  };
}

/** Two values for one label cannot both hold: the text that stands for them is no value a label can have. */
function both(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): Record<string, string> {
  const clash = (key: string, value: string): string => (Object.hasOwn(a, key) && a[key] !== value ? `${a[key]} and ${value}` : value);
  return { ...a, ...Object.fromEntries(Object.entries(b).map(([key, value]) => [key, clash(key, value)])) };
}
