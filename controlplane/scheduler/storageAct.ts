/** Claims and volumes out of the informers, and what the scheduler writes about them. */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { CSINode, StorageClass } from '#api/kinds/storage/v1.ts';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Informer } from '#client/informer.ts';
import type { Client } from '#client/rest.ts';
import type { PluginHandle } from './core/storage.ts';
import { VOLUME_CLAIMS, VOLUMES } from '../component/kinds.ts';

export interface StorageInformers {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly classes: Informer<StorageClass>;
  readonly csiNodes: Informer<CSINode>;
}

export function storageOf({ claims, volumes, classes, csiNodes }: StorageInformers, client: Client, clock: Clock): PluginHandle {
  const claimClient = client.resource(VOLUME_CLAIMS);
  const volumeClient = client.resource(VOLUMES);
  return {
    storage: {
      claim: (key) => claims.get(key),
      volume: (name) => volumes.get(name),
      volumes: () => volumes.values(),
      storageClass: (name) => classes.get(name),
      csiNode: (name) => csiNodes.get(name),
    },
    writer: {
      giveVolume: async ({ metadata: { name = '', resourceVersion } }, claim, signal) => {
        const { namespace, name: claimName, uid, resourceVersion: claimVersion } = claim.metadata;
        const claimRef = {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          namespace,
          name: claimName,
          uid,
          resourceVersion: claimVersion,
        };
        // The version: should somebody else have taken it meanwhile, this fails.
        const metadata = { resourceVersion, annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } };
        await volumeClient.patch({ namespace: undefined, name }, { type: 'merge', body: { metadata, spec: { claimRef } } }, { signal });
      },
      provisionFor: async ({ metadata: { namespace, name = '', resourceVersion } }, node, signal) => {
        const metadata = { resourceVersion, annotations: { 'volume.kubernetes.io/selected-node': node } };
        await claimClient.patch({ namespace, name }, { type: 'merge', body: { metadata } }, { signal });
      },
      until: (holds, timeoutMs, signal) =>
        new Promise((resolve, reject) => {
          const done = new AbortController();
          const look = (): void => {
            try {
              if (holds()) end(resolve);
            } catch (err) {
              end(() => reject(err));
            }
          };
          const stops = [claims.onChange(() => queueMicrotask(look))];
          const end = (act: () => void): void => {
            done.abort();
            for (const stop of stops) stop();
            act();
          };
          void clock.sleep(timeoutMs, AbortSignal.any([signal, done.signal])).then(
            () =>
              end(() => reject(new AppError('VOLUMES_LATE', `timed out waiting for the volumes of the pod to be bound (${timeoutMs} ms)`))),
            () => (done.signal.aborted ? undefined : end(() => reject(signal.reason))),
          );
          look();
        }),
    },
  };
}
