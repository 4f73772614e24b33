/** Claims, volumes and classes as plugins see them, and what they have done about them. */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { CSINode, StorageClass } from '#api/kinds/storage/v1.ts';

export interface StorageView {
  /** By "namespace/name". */
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): Iterable<PersistentVolume>;
  storageClass(name: string): StorageClass | undefined;
  csiNode(name: string): CSINode | undefined;
}

export interface StorageWriter {
  /** Says in the volume whose it is to be; who binds volumes does the rest. */
  giveVolume(volume: PersistentVolume, claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void>;
  /** Asks for a volume that this node can reach. */
  provisionFor(claim: PersistentVolumeClaim, node: string, signal: AbortSignal): Promise<void>;
  /** Resolves when it holds: looked at with every change. Rejects after timeoutMs. */
  until(holds: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export interface PluginHandle {
  readonly storage: StorageView;
  readonly writer: StorageWriter;
}

const nothing = (): never => {
  throw new TypeError('there is no storage here');
};

/** A cluster without storage. */
export const NO_STORAGE: PluginHandle = {
  storage: { claim: () => undefined, volume: () => undefined, volumes: () => [], storageClass: () => undefined, csiNode: () => undefined },
  writer: { giveVolume: nothing, provisionFor: nothing, until: nothing },
};

/** Bound for good: both sides say so. */
export function isBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (spec?.volumeName ?? '') !== '' && Object.hasOwn(metadata.annotations ?? {}, 'pv.kubernetes.io/bind-completed');
}
