/**
 * Which directories a pod's volumes need, and where a container sees them. Pure: the objects they are made from are fetched before.
 * Throws: AppError VOLUME_FAILED, OBJECT_NOT_FOUND, OBJECT_KEY_MISSING; the pod waits then (FailedMount).
 * Source: "Volumes" and "Persistent Volumes" in the Kubernetes docs.
 */
import type { Container, MountPropagationMode, VolumeMount } from '#api/kinds/core/container.ts';
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Volume } from '#api/kinds/core/volumes.ts';
import { toBytes } from '#api/quantity.ts';
import { AppError } from '#base/errors.ts';
import type { AtomicFile } from '../../linux/atomicFiles.ts';
import type { Ownership } from '../../linux/groupOwnership.ts';
import { notFound, refKey, type ObjectKinds, type ObjectRef } from '../objects/source.ts';
import { podName, volumeDir, type Paths } from '../paths.ts';
import type { MountSpec } from '../pods/config.ts';
import { ownContainers } from '../pods/containers.ts';
import { hugePageLimits } from '../pods/resources.ts';
import { volumeFiles, type ContentFacts } from './content.ts';
import { claimOf, pluginOf } from './refs.ts';
import { subPathOf } from './subPath/plan.ts';

export type HostPathType = '' | 'DirectoryOrCreate' | 'Directory' | 'FileOrCreate' | 'File' | 'Socket' | 'CharDevice' | 'BlockDevice';

export type VolumePlan =
  | { readonly kind: 'emptyDir'; readonly name: string; readonly path: string; readonly group?: number }
  | {
      readonly kind: 'memory';
      readonly name: string;
      readonly path: string;
      readonly sizeBytes: number | undefined;
      /** Huge pages of this size. */
      readonly pageBytes?: number;
      readonly group?: number;
    }
  | {
      readonly kind: 'hostPath';
      readonly name: string;
      readonly path: string;
      readonly type: HostPathType;
      readonly readOnly: boolean;
      /** Once for each pod, before its first container. */
      readonly ownership?: Ownership;
    }
  | {
      readonly kind: 'files';
      readonly name: string;
      readonly path: string;
      readonly files: ReadonlyMap<string, AtomicFile>;
      readonly group?: number;
      /** In memory, so that secrets are never on the disk. */
      readonly memory: boolean;
    };

export interface VolumeFacts extends Omit<ContentFacts, 'objects'> {
  readonly paths: Paths;
  /** By refKey; what is not in it is not there. */
  readonly objects: ReadonlyMap<string, ObjectKinds[keyof ObjectKinds]>;
}

/** Source: upstream's words, with the blank before the colon that people's searches know. */
export function setUpFailed(volume: string, cause: unknown): AppError {
  return new AppError('VOLUME_FAILED', `MountVolume.SetUp failed for volume "${volume}" `, { volume }, cause);
}

export function planVolumes(pod: Pod, facts: VolumeFacts): VolumePlan[] {
  return (pod.spec.volumes ?? []).flatMap((v): VolumePlan[] => {
    try {
      return planVolume(pod, v, facts);
    } catch (err) {
      throw setUpFailed(v.name, err);
    }
  });
}

function planVolume(pod: Pod, v: Volume, facts: VolumeFacts): VolumePlan[] {
  const { name } = v;
  const { uid, namespace } = podName(pod);
  const { fsGroup } = pod.spec.securityContext ?? {};
  const given = fsGroup === undefined ? {} : { group: fsGroup };
  const at = (plugin: string): string => volumeDir(facts.paths, uid, `kubernetes.io/${plugin}`, name);
  if (v.hostPath !== undefined) return [{ kind: 'hostPath', name, path: v.hostPath.path, type: v.hostPath.type ?? '', readOnly: false }];
  if (v.emptyDir !== undefined) {
    const { medium, sizeLimit } = v.emptyDir;
    if (medium?.startsWith(HUGE_PAGES) === true)
      return [{ kind: 'memory', name, path: at('empty-dir'), sizeBytes: undefined, pageBytes: pageBytesOf(pod, medium), ...given }];
    if (medium !== 'Memory') return [{ kind: 'emptyDir', name, path: at('empty-dir'), ...given }];
    return [{ kind: 'memory', name, path: at('empty-dir'), sizeBytes: sizeLimit === undefined ? undefined : toBytes(sizeLimit), ...given }];
  }
  const claim = claimOf(pod, v);
  if (claim !== undefined) {
    const ref = { kind: 'PersistentVolumeClaim' as const, namespace, name: claim };
    if (v.ephemeral !== undefined) checkOwner(pod, ref, facts);
    const { isLocal, ...found } = claimed(ref, facts);
    const readOnly = v.persistentVolumeClaim?.readOnly === true;
    const policy = pod.spec.securityContext?.fsGroupChangePolicy ?? 'Always';
    // Of a hostPath volume the files stay whose they are, as upstream: it is a directory of the host.
    const ownership = fsGroup === undefined || !isLocal ? {} : { ownership: { group: fsGroup, readOnly, policy } };
    return [{ ...found, name, readOnly, ...ownership }];
  }
  const files = volumeFiles(pod, v, facts);
  if (files === undefined) return []; // refused when the manifest was read
  const plugin = pluginOf(v);
  return [{ kind: 'files', name, path: at(plugin), files, memory: plugin !== 'configmap', ...given }];
}

/** Where a volume lies that can be measured. */
export interface VolumePlace {
  readonly name: string;
  readonly path: string;
  /** A file system of its own; else on the node's disk, or in its memory, which is no ephemeral storage. */
  readonly on: 'own' | 'node' | 'memory';
  readonly claim: string | undefined;
}

/** undefined: a claim that leads nowhere now. Of no use for hostPath. */
export function volumePlace(pod: Pod, v: Volume, facts: VolumeFacts): VolumePlace | undefined {
  const { name } = v;
  const { uid, namespace } = podName(pod);
  const at = (plugin: string): string => volumeDir(facts.paths, uid, `kubernetes.io/${plugin}`, name);
  if (v.emptyDir !== undefined) return { name, path: at('empty-dir'), on: v.emptyDir.medium ? 'own' : 'node', claim: undefined };
  const claim = claimOf(pod, v);
  if (claim === undefined) {
    const plugin = pluginOf(v);
    return { name, path: at(plugin), on: plugin === 'configmap' ? 'node' : 'memory', claim: undefined };
  }
  try {
    const { path } = claimed({ kind: 'PersistentVolumeClaim', namespace, name: claim }, facts);
    return { name, path, on: 'own', claim };
  } catch {
    return undefined; // the pod waits, and says so
  }
}

const HUGE_PAGES = 'HugePages';

/** HugePages-<size> names its page size; HugePages alone means the one that the containers ask for. */
function pageBytesOf({ spec }: Pod, medium: string): number {
  if (medium !== HUGE_PAGES) return toBytes(medium.slice(HUGE_PAGES.length + 1));
  const asked = ownContainers(spec).flatMap((c) => [...hugePageLimits({ ...c.resources?.limits, ...c.resources?.requests }).keys()]);
  const [size, other] = new Set([...asked, ...hugePageLimits(spec.resources?.limits).keys()]);
  if (size === undefined)
    throw new AppError('VOLUME_FAILED', 'hugePages storage requested, but there is no resource request for huge pages');
  if (other !== undefined)
    throw new AppError('VOLUME_FAILED', 'medium "HugePages" with several page sizes in the resources: name one, as HugePages-2Mi');
  return size;
}

/** A claim of the same name that was there before is somebody else's data. */
function checkOwner(pod: Pod, ref: ObjectRef<'PersistentVolumeClaim'>, { objects }: VolumeFacts): void {
  const claim = objects.get(refKey(ref)) as PersistentVolumeClaim | undefined;
  const { uid, namespace, name } = podName(pod);
  if (claim !== undefined && claim.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.controller === true) !== true)
    throw new AppError('VOLUME_FAILED', `PVC "${namespace}/${ref.name}" was not created for pod "${namespace}/${name}" (pod is not owner)`);
}

function claimed(
  ref: ObjectRef<'PersistentVolumeClaim'>,
  { objects, nodeName }: VolumeFacts,
): { kind: 'hostPath'; path: string; type: HostPathType; isLocal: boolean } {
  const claim = objects.get(refKey(ref)) as PersistentVolumeClaim | undefined;
  if (claim === undefined) throw notFound(ref);
  const volumeRef: ObjectRef = { kind: 'PersistentVolume', namespace: '', name: claim.spec.volumeName ?? '' };
  if (claim.status?.phase !== 'Bound')
    throw new AppError(
      'VOLUME_FAILED',
      `persistentvolumeclaim "${ref.name}" is not bound: name a volume in its spec.volumeName, or name it in the spec.claimRef of a volume`,
    );
  const volume = objects.get(refKey(volumeRef)) as PersistentVolume | undefined;
  if (volume === undefined) throw notFound(volumeRef);
  if (!reachable(volume, nodeName))
    throw new AppError(
      'VOLUME_FAILED',
      `MountVolume.NodeAffinity check failed for volume "${volumeRef.name}": no matching NodeSelectorTerms`,
    );
  const { hostPath, local } = volume.spec;
  return {
    kind: 'hostPath',
    path: hostPath?.path ?? local?.path ?? '',
    type: hostPath?.type ?? (local === undefined ? '' : 'Directory'),
    isLocal: hostPath === undefined,
  };
}

/** The only label that a node without an API server has for sure. */
function reachable({ spec }: PersistentVolume, nodeName: string): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms;
  if (terms === undefined) return true;
  return terms.some((term) =>
    (term.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      if (key !== 'kubernetes.io/hostname') return false;
      if (operator === 'In') return values.includes(nodeName);
      return operator === 'NotIn' ? !values.includes(nodeName) : operator === 'Exists';
    }),
  );
}

const PROPAGATION: Readonly<Record<MountPropagationMode, NonNullable<MountSpec['propagation']>>> = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
};

/** Which mounts may be so at all is told when the manifest is read. */
function isRecursive({ name, recursiveReadOnly }: VolumeMount, facts: MountFacts): boolean {
  if (recursiveReadOnly === 'Enabled' && !facts.recursiveReadOnly)
    throw new AppError('VOLUME_FAILED', `volume "${name}" requested recursive read-only mount, but it is not supported by the runtime`);
  return facts.recursiveReadOnly && (recursiveReadOnly === 'Enabled' || recursiveReadOnly === 'IfPossible');
}

export interface VolumeMountSpec extends MountSpec {
  /** Of the volume only a part is mounted: which, and of the container's mounts the how manieth it is. */
  readonly part?: { readonly volume: string; readonly path: string; readonly index: number };
}

export interface MountFacts {
  /** Of the container, for subPathExpr. */
  readonly variables: ReadonlyMap<string, string>;
  /** Whether the runtime can. */
  readonly recursiveReadOnly: boolean;
}

/** Throws what makes the container wait (CreateContainerConfigError). */
export function containerMounts(c: Container, volumes: readonly VolumePlan[], facts: MountFacts): VolumeMountSpec[] {
  return (c.volumeMounts ?? []).flatMap((m, index) => {
    const volume = volumes.find((v) => v.name === m.name);
    if (volume === undefined) return [];
    const path = subPathOf(m, facts.variables);
    const readOnly = m.readOnly === true || volume.kind === 'files' || (volume.kind === 'hostPath' && volume.readOnly);
    return [
      {
        containerPath: m.mountPath,
        hostPath: volume.path,
        readOnly,
        ...(isRecursive(m, facts) ? { recursiveReadOnly: true } : {}),
        ...(path === undefined ? {} : { part: { volume: m.name, path, index } }),
        ...(m.mountPropagation === undefined ? {} : { propagation: PROPAGATION[m.mountPropagation] }),
      },
    ];
  });
}
