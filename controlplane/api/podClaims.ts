/** The claims that a pod mounts, its generic ephemeral volumes among them, as "namespace/name". Pure. */
import type { Pod } from '#api/kinds/core/pod.ts';

export function claimsOf({ metadata: { namespace = '', name: pod = '' }, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    const claim = persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${pod}-${name}`);
    return claim === undefined ? [] : [`${namespace}/${claim}`];
  });
}
