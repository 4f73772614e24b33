/**
 * Which fields of a pod of an API server this kubelet honours: those of static pods, and what an API server adds or has decided already.
 * Pure. Source: what the scheduler and the admission plugins fill in.
 */
import { formatPath } from '#api/fieldPath.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { POD, unsupportedFields, type Support } from './support.ts';

const STATIC = POD as { readonly spec: Readonly<Record<string, Support>> };
const VOLUMES = STATIC.spec['volumes'] as { readonly projected: { readonly sources: Readonly<Record<string, Support>> } };

const API_POD: Support = {
  apiVersion: true,
  kind: true,
  metadata: true,
  status: true,
  spec: {
    ...STATIC.spec,
    volumes: {
      ...VOLUMES,
      projected: { ...VOLUMES.projected, sources: { ...VOLUMES.projected.sources, serviceAccountToken: true } },
    },
    serviceAccountName: true,
    serviceAccount: true,
    automountServiceAccountToken: true,
    // Decided when it got its node.
    affinity: true,
    preemptionPolicy: true,
    priorityClassName: true,
    schedulingGates: true,
    topologySpreadConstraints: true,
  },
};

/** In one text; undefined: all of it is honoured. */
export function unsupportedText(pod: Pod): string | undefined {
  const found = unsupportedFields(pod, API_POD);
  if (found.length === 0) return undefined;
  return found.map(({ path, message }) => `${formatPath(path)}: ${message}`).join('; ');
}
