/**
 * How claims and volumes come together and part. Pure.
 * Source: phases, annotations, event reasons and messages of upstream's persistent volume controller, 1.36.
 * Differs: volumes are not recycled (deprecated upstream); one with that policy fails when it is released.
 */
import { isDeepStrictEqual } from 'node:util';
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { StorageClass } from '#api/kinds/storage/v1.ts';
import { classOf, findVolume, isMeantFor, misfit } from './match.ts';

export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
export const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner';
export const LOCAL_PATH = 'kijabi.io/local-path';

type Told = { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };

export type Action =
  | { readonly kind: 'bindVolume' | 'bindClaim'; readonly volume: PersistentVolume; readonly claim: PersistentVolumeClaim }
  | {
      readonly kind: 'claimStatus';
      readonly claim: PersistentVolumeClaim;
      readonly status: NonNullable<PersistentVolumeClaim['status']>;
      readonly event?: Told;
    }
  | {
      readonly kind: 'volumePhase';
      readonly volume: PersistentVolume;
      readonly phase: 'Available' | 'Bound' | 'Released' | 'Failed';
      readonly event?: Told;
    }
  | { readonly kind: 'unbindVolume'; readonly volume: PersistentVolume; readonly keepsName: boolean }
  | { readonly kind: 'removeVolume'; readonly volume: PersistentVolume }
  | { readonly kind: 'provision'; readonly claim: PersistentVolumeClaim; readonly storageClass: StorageClass; readonly node: string }
  | { readonly kind: 'askProvisioner'; readonly claim: PersistentVolumeClaim; readonly provisioner: string }
  | { readonly kind: 'tell'; readonly claim: PersistentVolumeClaim; readonly event: Told };

export interface ClaimView {
  readonly claim: PersistentVolumeClaim;
  /** The one that spec.volumeName names. */
  readonly volume: PersistentVolume | undefined;
  /** Of the class of the claim. */
  readonly volumes: readonly PersistentVolume[];
  readonly storageClass: StorageClass | undefined;
  /** Names of pods that use it and have no node yet. */
  readonly waitingPods: readonly string[];
}

export function planClaim({ claim, volume, volumes, storageClass, waitingPods }: ClaimView): readonly Action[] {
  const { annotations = {} } = claim.metadata;
  const named = claim.spec?.volumeName ?? '';
  if (annotations[BIND_COMPLETED] === 'yes') return planBound(claim, named, volume);
  if (claim.metadata.deletionTimestamp !== undefined) return [];
  if (named !== '') {
    if (volume === undefined) return [];
    if (volume.spec?.claimRef !== undefined && !isMeantFor(volume, claim))
      return [tell(claim, 'Warning', 'FailedBinding', `volume ${JSON.stringify(named)} already bound to a different claim.`)];
    const why = volume.spec?.claimRef === undefined ? misfit(volume, claim) : undefined;
    if (why !== undefined)
      return [tell(claim, 'Warning', 'VolumeMismatch', `Cannot bind to requested volume ${JSON.stringify(named)}: ${why}`)];
    return bind(volume, claim);
  }
  const node = annotations[SELECTED_NODE] ?? '';
  const delayed = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const found = findVolume(claim, volumes, delayed);
  if (found !== undefined) return bind(found, claim);
  if (delayed && node === '') return [waiting(claim, waitingPods)];
  const name = classOf(claim);
  if (name === '')
    return [tell(claim, 'Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set')];
  if (storageClass === undefined)
    return [tell(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io ${JSON.stringify(name)} not found`)];
  const { provisioner } = storageClass;
  if (provisioner === 'kubernetes.io/no-provisioner')
    return [tell(claim, 'Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set')];
  if (provisioner !== LOCAL_PATH) return [{ kind: 'askProvisioner', claim, provisioner }];
  const why = refusal(claim, node);
  return why === undefined
    ? [{ kind: 'provision', claim, storageClass, node }]
    : [tell(claim, 'Warning', 'ProvisioningFailed', `Failed to provision volume with StorageClass ${JSON.stringify(name)}: ${why}`)];
}

function refusal({ spec }: PersistentVolumeClaim, node: string): string | undefined {
  if (node === '') return 'a volume on a node needs a class with volumeBindingMode WaitForFirstConsumer';
  if (spec?.volumeMode === 'Block') return 'a directory is no block device';
  if (spec?.selector !== undefined) return 'claim.Spec.Selector is not supported';
  if (spec?.dataSource !== undefined || spec?.dataSourceRef !== undefined) return 'a new directory is empty: dataSource is not supported';
  const many = (spec?.accessModes ?? []).filter((mode) => mode !== 'ReadWriteOnce' && mode !== 'ReadWriteOncePod');
  return many.length === 0 ? undefined : `a directory of one node cannot be ${many.join(', ')}`;
}

function waiting(claim: PersistentVolumeClaim, pods: readonly string[]): Action {
  return pods.length === 0
    ? tell(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
    : tell(claim, 'Normal', 'WaitForPodScheduled', `waiting for pod${pods.length > 1 ? 's' : ''} ${pods.join(',')} to be scheduled`);
}

const tell = (claim: PersistentVolumeClaim, type: Told['type'], reason: string, message: string): Action => ({
  kind: 'tell',
  claim,
  event: { type, reason, message },
});

function bind(volume: PersistentVolume, claim: PersistentVolumeClaim): readonly Action[] {
  const isOurs = volume.spec?.claimRef?.uid === claim.metadata.uid;
  return [...(isOurs ? [] : [{ kind: 'bindVolume', volume, claim } as const]), { kind: 'bindClaim', volume, claim }];
}

function planBound(claim: PersistentVolumeClaim, named: string, volume: PersistentVolume | undefined): readonly Action[] {
  const lost = (reason: string, message: string): readonly Action[] =>
    claim.status?.phase === 'Lost'
      ? []
      : [{ kind: 'claimStatus', claim, status: { phase: 'Lost' }, event: { type: 'Warning', reason, message } }];
  if (named === '') return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  if (volume === undefined) return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  if (volume.spec?.claimRef === undefined) return [{ kind: 'bindVolume', volume, claim }];
  if (volume.spec.claimRef.uid !== claim.metadata.uid)
    return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
  const status = {
    ...claim.status,
    phase: 'Bound' as const,
    accessModes: volume.spec.accessModes ?? [],
    capacity: { ...claim.status?.capacity, storage: claim.status?.capacity?.['storage'] ?? volume.spec.capacity?.['storage'] ?? '0' },
  };
  return isDeepStrictEqual(plain(status), plain(claim.status ?? {})) ? [] : [{ kind: 'claimStatus', claim, status }];
}

/** claim: the one its reference names, as the server has it; undefined: it is gone. */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): readonly Action[] {
  if (volume.metadata.deletionTimestamp !== undefined) return [];
  const { claimRef, persistentVolumeReclaimPolicy: policy = 'Retain' } = volume.spec ?? {};
  const phase = (next: 'Available' | 'Bound' | 'Released'): readonly Action[] =>
    volume.status?.phase === next ? [] : [{ kind: 'volumePhase', volume, phase: next }];
  if (claimRef === undefined || (claimRef.uid ?? '') === '') return phase('Available');
  const isProvisioned = volume.metadata.annotations?.[PROVISIONED_BY] !== undefined;
  if (claim === undefined || claim.metadata.uid !== claimRef.uid) return [...release(volume, policy)];
  const named = claim.spec?.volumeName ?? '';
  if (named === '') return [];
  if (named === volume.metadata.name) return phase('Bound');
  // The claim went with another.
  if (isProvisioned && policy === 'Delete') return release(volume, policy);
  return [{ kind: 'unbindVolume', volume, keepsName: volume.metadata.annotations?.[BOUND_BY_CONTROLLER] !== 'yes' }];
}

function release(volume: PersistentVolume, policy: string): readonly Action[] {
  const { phase } = volume.status ?? {};
  if (phase !== 'Released' && phase !== 'Failed') return [{ kind: 'volumePhase', volume, phase: 'Released' }];
  if (policy === 'Recycle') {
    const event = { type: 'Warning', reason: 'VolumeFailedRecycle', message: 'No recycler plugin found for the volume!' } as const;
    return phase === 'Failed' ? [] : [{ kind: 'volumePhase', volume, phase: 'Failed', event }];
  }
  // Who else provisions removes what it has provisioned.
  return policy === 'Delete' && volume.metadata.annotations?.[PROVISIONED_BY] === LOCAL_PATH ? [{ kind: 'removeVolume', volume }] : [];
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
