/**
 * Which directories a pod's volumes need, and where a container sees them. Pure.
 * Source: "Volumes" in the Kubernetes docs (emptyDir, hostPath and its types).
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { podName, volumeDir, type Paths } from '../paths.ts';
import type { MountSpec } from '../pods/config.ts';

export type HostPathType = '' | 'DirectoryOrCreate' | 'Directory' | 'FileOrCreate' | 'File' | 'Socket' | 'CharDevice' | 'BlockDevice';

export type VolumePlan =
  | { readonly kind: 'emptyDir'; readonly name: string; readonly path: string }
  | { readonly kind: 'hostPath'; readonly name: string; readonly path: string; readonly type: HostPathType };

export function planVolumes(pod: Pod, paths: Paths): VolumePlan[] {
  const { uid } = podName(pod);
  return (pod.spec.volumes ?? []).flatMap((v): VolumePlan[] => {
    if (v.hostPath !== undefined) return [{ kind: 'hostPath', name: v.name, path: v.hostPath.path, type: v.hostPath.type ?? '' }];
    if (v.emptyDir !== undefined)
      return [{ kind: 'emptyDir', name: v.name, path: volumeDir(paths, uid, 'kubernetes.io/empty-dir', v.name) }];
    return []; // refused when the manifest was read
  });
}

export function containerMounts(c: Container, volumes: readonly VolumePlan[]): MountSpec[] {
  return (c.volumeMounts ?? []).flatMap((m) => {
    const volume = volumes.find((v) => v.name === m.name);
    return volume === undefined ? [] : [{ containerPath: m.mountPath, hostPath: volume.path, readOnly: m.readOnly === true }];
  });
}
