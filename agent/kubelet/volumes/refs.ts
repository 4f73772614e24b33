/** Which objects volumes are made from. Pure. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Volume } from '#api/kinds/core/volumes.ts';
import type { ObjectRef } from '../objects/source.ts';
import { podName } from '../paths.ts';

/** The claim behind a volume: one that people made, or one that was made for this pod alone. */
export function claimOf(pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined {
  return persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${podName(pod).name}-${name}`);
}

const PLUGINS: readonly (readonly [source: keyof Volume, plugin: string])[] = [
  ['emptyDir', 'empty-dir'],
  ['hostPath', 'host-path'],
  ['configMap', 'configmap'],
  ['secret', 'secret'],
  ['downwardAPI', 'downward-api'],
  ['projected', 'projected'],
  ['persistentVolumeClaim', 'local-volume'],
  ['ephemeral', 'local-volume'],
];

/** As upstream's plugins are called, without "kubernetes.io/"; a claim is one of a local volume, whatever is behind it. */
export function pluginOf(volume: Volume): string {
  return PLUGINS.find(([source]) => volume[source] !== undefined)?.[1] ?? 'unknown';
}

export function volumeRefs(pod: Pod, volumes: readonly Volume[]): ObjectRef[] {
  const { namespace } = podName(pod);
  const ref = (kind: ObjectRef['kind'], name: string | undefined): ObjectRef[] => (name === undefined ? [] : [{ kind, namespace, name }]);
  return volumes.flatMap((v) => [
    ...ref('ConfigMap', v.configMap?.name),
    ...ref('Secret', v.secret?.secretName),
    ...ref('PersistentVolumeClaim', claimOf(pod, v)),
    ...(v.projected?.sources ?? []).flatMap((s) => [...ref('ConfigMap', s.configMap?.name), ...ref('Secret', s.secret?.name)]),
  ]);
}
