/** The claims that a pod mounts, as "namespace/name". Pure. */
import type { Pod } from '#api/kinds/core/pod.ts';

export function claimsOf({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    const claim = persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${metadata.name ?? ''}-${name}`);
    return claim === undefined ? [] : [`${metadata.namespace ?? ''}/${claim}`];
  });
}

export const hasNode = ({ spec }: Pod): boolean => (spec.nodeName ?? '') !== '';
