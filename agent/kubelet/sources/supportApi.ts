/**
 * Which fields of a pod of an API server this kubelet honours: those of static pods, and what an API server adds or has decided already.
 * Pure. Source: what the scheduler and the admission plugins fill in.
 */
import { formatPath } from '#api/fieldPath.ts';
import type { EphemeralContainer } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { CONTAINER, POD, unsupportedFields, type Support, type Unsupported } from './support.ts';

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
    readinessGates: true,
    // They come later, and one that cannot be does no harm to the others: looked at when it is to begin (ephemeralTrouble).
    ephemeralContainers: true,
  },
};

/** In one text; undefined: all of it is honoured. */
export function unsupportedText(pod: Pod): string | undefined {
  return textOf(unsupportedFields(pod, API_POD));
}

const EPHEMERAL: Support = { ...(CONTAINER as Readonly<Record<string, Support>>), targetContainerName: true };

/** What of an ephemeral container is not honoured, in one text. */
export function unsupportedEphemeral(container: EphemeralContainer): string | undefined {
  return textOf(unsupportedFields(container, EPHEMERAL));
}

function textOf(found: readonly Unsupported[]): string | undefined {
  return found.length === 0 ? undefined : found.map(({ path, message }) => `${formatPath(path)}: ${message}`).join('; ');
}
