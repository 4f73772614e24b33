/** Which objects volumes are made from. Pure. */
import type { Volume } from '#api/kinds/core/volumes.ts';
import type { ObjectRef } from '../objects/source.ts';

export function volumeRefs(volumes: readonly Volume[], namespace: string): ObjectRef[] {
  const ref = (kind: ObjectRef['kind'], name: string | undefined): ObjectRef[] => (name === undefined ? [] : [{ kind, namespace, name }]);
  return volumes.flatMap((v) => [
    ...ref('ConfigMap', v.configMap?.name),
    ...ref('Secret', v.secret?.secretName),
    ...ref('PersistentVolumeClaim', v.persistentVolumeClaim?.claimName),
    ...(v.projected?.sources ?? []).flatMap((s) => [...ref('ConfigMap', s.configMap?.name), ...ref('Secret', s.secret?.name)]),
  ]);
}
