/**
 * Gives a pod from a manifest the identity of a static pod. Pure.
 *
 * The UID follows from the content, the node and the file: a changed manifest is another pod.
 * Source: "Create static Pods" in the Kubernetes docs; names of the annotations in pods/labels.ts.
 */
import { createHash } from 'node:crypto';
import type { Pod } from '#api/kinds/core/pod.ts';
import { CONFIG_HASH, CONFIG_SEEN, CONFIG_SOURCE } from '../pods/labels.ts';

export interface StaticPodContext {
  readonly nodeName: string;
  readonly file: string;
  readonly seenAt: Date;
  /** Where the file comes from; default: the manifest directory. */
  readonly source?: 'file' | 'http';
}

export function toStaticPod(pod: Pod, { nodeName, file, seenAt, source = 'file' }: StaticPodContext): Pod {
  const given = pod.metadata ?? {};
  const uid =
    given.uid ??
    createHash('sha256')
      .update(canonical(pod))
      .update(`host:${nodeName}`)
      .update(`${source === 'file' ? 'file' : 'url'}:${file}`)
      .digest('hex')
      .slice(0, 32);
  const { status: _, ...told } = pod; // whatever a manifest says of it
  return {
    ...told,
    metadata: {
      ...given,
      name: `${given.name ?? ''}-${nodeName.toLowerCase()}`,
      namespace: given.namespace ?? 'default',
      uid,
      annotations: { ...given.annotations, [CONFIG_HASH]: uid, [CONFIG_SEEN]: seenAt.toISOString(), [CONFIG_SOURCE]: source },
    },
    spec: {
      ...pod.spec,
      nodeName,
      // Static pods stay whatever the node is like, as upstream: they tolerate every NoExecute taint.
      tolerations: [...(pod.spec.tolerations ?? []), ...(tolerates(pod) ? [] : [{ operator: 'Exists', effect: 'NoExecute' } as const])],
    },
  };
}

function tolerates(pod: Pod): boolean {
  return pod.spec.tolerations?.some((t) => t.operator === 'Exists' && t.effect === 'NoExecute' && t.key === undefined) ?? false;
}

/** The same text for the same content, whatever the order of the keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`)
    .join(',')}}`;
}
