/** Binds claims to volumes, makes volumes where their class says so (kijabi.io/local-path), and gives back what was released. */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { rfc3339 } from '#api/formats.ts';
import { claimsOf } from '#api/podClaims.ts';
import { isAlreadyExists, isNotFound } from '#client/errors.ts';
import { regarding } from '#client/events.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { NODES, PODS, STORAGE_CLASSES, VOLUME_CLAIMS, VOLUMES } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';
import { cleanerName, cleanerPod, hostnameOf, localVolume } from './localPath.ts';
import { classOf } from './match.ts';
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, planClaim, planVolume, STORAGE_PROVISIONER, type Action } from './plan.ts';

/** A claim that found nothing is told so again now and then, by an event that counts. */
const TELL_MS = 15_000;
const [CLAIM, VOLUME] = ['claim ', 'volume '] as const;
const byClass = (volume: PersistentVolume): readonly string[] => [volume.spec?.storageClassName ?? ''];
const claimsByClass = (claim: PersistentVolumeClaim): readonly string[] => ((claim.spec?.volumeName ?? '') === '' ? [classOf(claim)] : []);
const claimsByVolume = (claim: PersistentVolumeClaim): readonly string[] => [claim.spec?.volumeName ?? ''];
/** Those of pods that have no node yet. */
const claimsAwaitedBy = (pod: Pod): readonly string[] => ((pod.spec.nodeName ?? '') === '' ? claimsOf(pod) : []);

export function persistentVolumeController(deps: ControllerDeps): Controller {
  const { informers, clock } = deps;
  const claims = informers.for(VOLUME_CLAIMS, { indexes: { unboundOfClass: claimsByClass, ofVolume: claimsByVolume } });
  const volumes = informers.for(VOLUMES, { indexes: { class: byClass } });
  const classes = informers.for(STORAGE_CLASSES);
  const nodes = informers.for(NODES);
  const pods = informers.for(PODS, { indexes: { awaitedClaim: claimsAwaitedBy } });
  const api = deps.clientAs('persistent-volume-binder');
  const events = deps.eventsOf('persistentvolume-controller', 'persistent-volume-binder');
  const expectations = new Expectations(clock, [claims, volumes]);
  const keyOf = ({ metadata }: PersistentVolumeClaim): string => `${CLAIM}${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
  const claimKey = ({ spec }: PersistentVolume): readonly string[] =>
    spec?.claimRef === undefined ? [] : [`${CLAIM}${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`];
  const isUnbound = (key: string): boolean => (claims.get(key)?.spec?.volumeName ?? '') === '';
  /** What was last said of a claim, and when. */
  const said = new Map<string, { readonly what: string; readonly atMs: number }>();
  return loopController<object, Action>({
    name: 'persistentvolume-binder-controller',
    deps,
    expectations,
    retryMaxMs: TELL_MS,
    sources: [
      source(claims, (key, claim) => [
        `${CLAIM}${key}`,
        ...((claim?.spec?.volumeName ?? '') === '' ? [] : [`${VOLUME}${claim?.spec?.volumeName}`]),
      ]),
      {
        informer: volumes,
        onKeys: (ring) =>
          void volumes.onChange(({ key, before, after }) => {
            ring(`${VOLUME}${key}`);
            for (const volume of [before, after]) for (const claim of volume === undefined ? [] : claimKey(volume)) ring(claim);
            for (const claim of claims.by('ofVolume', key)) ring(keyOf(claim));
            if (after !== undefined && after.spec?.claimRef === undefined)
              for (const claim of claims.by('unboundOfClass', after.spec?.storageClassName ?? '')) ring(keyOf(claim));
          }),
      },
      {
        informer: classes,
        onKeys: (ring) => void classes.onChange(({ key }) => claims.by('unboundOfClass', key).forEach((claim) => ring(keyOf(claim)))),
      },
      { informer: nodes, onKeys: () => undefined },
      source(pods, (key, pod) => [
        ...(key.startsWith('kube-system/cleanup-pvc-') ? [`${VOLUME}${key.slice('kube-system/cleanup-'.length)}`] : []),
        ...(pod === undefined
          ? []
          : claimsAwaitedBy(pod)
              .filter(isUnbound)
              .map((claim) => `${CLAIM}${claim}`)),
      ]),
      // Claims ring their volumes also when they go.
      { informer: claims, onKeys: (ring) => void claims.onChange(({ before }) => ring(`${VOLUME}${before?.spec?.volumeName ?? ''}`)) },
    ],
    desired: (key) => (key.startsWith(CLAIM) ? claims.get(key.slice(CLAIM.length)) : volumes.get(key.slice(VOLUME.length))),
    plan: (_, key, nowMs) => {
      if (key.startsWith(VOLUME)) {
        const volume = volumes.get(key.slice(VOLUME.length));
        const { namespace = '', name = '' } = volume?.spec?.claimRef ?? {};
        return { actions: volume === undefined ? [] : planVolume(volume, claims.get(`${namespace}/${name}`)) };
      }
      const claim = claims.get(key.slice(CLAIM.length));
      if (claim === undefined) {
        said.delete(key);
        return { actions: [] };
      }
      const actions = planClaim({
        claim,
        volume: volumes.get(claim.spec?.volumeName ?? ''),
        volumes: volumes.by('class', classOf(claim)),
        storageClass: classes.get(classOf(claim)),
        waitingPods: pods.by('awaitedClaim', keyOf(claim).slice(CLAIM.length)).map(({ metadata }) => metadata.name ?? ''),
      });
      // What can only be told is told when it is new; nothing changes by saying it again.
      const [first] = actions;
      const what = first?.kind === 'tell' ? first.event.message : first?.kind === 'askProvisioner' ? first.provisioner : undefined;
      if (what === undefined || said.get(key)?.what === what) return { actions: what === undefined ? actions : [] };
      said.set(key, { what, atMs: nowMs });
      return { actions };
    },
    act: async (action, key, signal) => {
      switch (action.kind) {
        case 'bindVolume': {
          const { volume, claim } = action;
          const { namespace, name = '', uid = '', resourceVersion } = claim.metadata;
          const was = volume.spec?.claimRef;
          const annotations =
            was === undefined ? { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER]: 'yes' } : volume.metadata.annotations;
          const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion };
          const next = { ...volume, metadata: { ...volume.metadata, annotations }, spec: { ...volume.spec, claimRef } } as PersistentVolume;
          return expectations.written(key, volumes, await api.resource(VOLUMES).update(next, { signal }));
        }
        case 'bindClaim': {
          const { volume, claim } = action;
          const isOurs = (claim.spec?.volumeName ?? '') === '';
          const annotations = {
            ...claim.metadata.annotations,
            [BIND_COMPLETED]: 'yes',
            ...(isOurs ? { [BOUND_BY_CONTROLLER]: 'yes' } : {}),
          };
          const next = {
            ...claim,
            metadata: { ...claim.metadata, annotations },
            spec: { ...claim.spec, volumeName: volume.metadata.name ?? '' },
          };
          return expectations.written(key, claims, await api.resource(VOLUME_CLAIMS).update(next, { signal }));
        }
        case 'claimStatus': {
          const { claim, status, event } = action;
          if (event !== undefined) events.record(regarding(VOLUME_CLAIMS, claim), event);
          return expectations.written(key, claims, await api.resource(VOLUME_CLAIMS).updateStatus({ ...claim, status }, { signal }));
        }
        case 'volumePhase': {
          const { volume, phase, event } = action;
          if (phase === 'Released' && (await claimIsThere(volume, signal))) return;
          if (event !== undefined) events.record(regarding(VOLUMES, volume), event);
          const status = { ...volume.status, phase, lastPhaseTransitionTime: rfc3339(clock.nowMs()) };
          return expectations.written(key, volumes, await api.resource(VOLUMES).updateStatus({ ...volume, status }, { signal }));
        }
        case 'unbindVolume': {
          const { volume, keepsName } = action;
          const { claimRef, ...spec } = volume.spec ?? {};
          const { [BOUND_BY_CONTROLLER]: _, ...annotations } = volume.metadata.annotations ?? {};
          const { uid: _uid, resourceVersion: _version, ...name } = claimRef ?? {};
          const next = {
            ...volume,
            metadata: { ...volume.metadata, annotations },
            spec: keepsName ? { ...spec, claimRef: name } : spec,
          } as PersistentVolume;
          return expectations.written(key, volumes, await api.resource(VOLUMES).update(next, { signal }));
        }
        case 'removeVolume':
          return removeVolume(action.volume, key, signal);
        case 'provision':
          return provision(action, key, signal);
        case 'askProvisioner': {
          const { claim, provisioner } = action;
          const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
          events.record(regarding(VOLUME_CLAIMS, claim), { type: 'Normal', reason: 'ExternalProvisioning', message });
          if (claim.metadata.annotations?.[STORAGE_PROVISIONER] === provisioner) return;
          const annotations = { ...claim.metadata.annotations, [STORAGE_PROVISIONER]: provisioner };
          return expectations.written(
            key,
            claims,
            await api.resource(VOLUME_CLAIMS).update({ ...claim, metadata: { ...claim.metadata, annotations } }, { signal }),
          );
        }
        case 'tell':
          return events.record(regarding(VOLUME_CLAIMS, action.claim), action.event);
      }
    },
  });

  /** Asked of the server: what we know may be old, and data may depend on it. */
  async function claimIsThere({ spec }: PersistentVolume, signal: AbortSignal): Promise<boolean> {
    const { namespace, name = '', uid } = spec?.claimRef ?? {};
    try {
      const { metadata } = await api.resource(VOLUME_CLAIMS).get({ namespace, name }, { signal });
      return metadata.uid === uid && claims.get(`${namespace ?? ''}/${name}`)?.metadata.uid !== uid;
    } catch (err) {
      if (isNotFound(err)) return false;
      throw err;
    }
  }

  async function provision(
    { claim, storageClass, node }: Extract<Action, { readonly kind: 'provision' }>,
    key: string,
    signal: AbortSignal,
  ): Promise<void> {
    const hostname = nodes.get(node)?.metadata.labels?.['kubernetes.io/hostname'] ?? node;
    const volume = localVolume(claim, storageClass, hostname);
    try {
      expectations.written(key, volumes, await api.resource(VOLUMES).create(volume, { signal }));
    } catch (err) {
      if (!isAlreadyExists(err)) throw err; // made before we were started again
    }
    const message = `Successfully provisioned volume ${volume.metadata.name} using ${storageClass.provisioner}`;
    events.record(regarding(VOLUME_CLAIMS, claim), { type: 'Normal', reason: 'ProvisioningSucceeded', message });
  }

  /** The directory first, by a pod on its node; the volume when that is done. A node that is gone has taken it along. */
  async function removeVolume(volume: PersistentVolume, key: string, signal: AbortSignal): Promise<void> {
    const name = volume.metadata.name ?? '';
    const hostname = hostnameOf(volume);
    const node = [...nodes.values()].find(({ metadata }) => (metadata.labels?.['kubernetes.io/hostname'] ?? metadata.name) === hostname);
    const resource = api.resource(PODS);
    const at = { namespace: 'kube-system', name: cleanerName(volume) };
    if (node !== undefined) {
      const cleaner = pods.get(`${at.namespace}/${at.name}`);
      if (cleaner === undefined) {
        const pod = cleanerPod(volume, node.metadata.name ?? '');
        if (pod === undefined) {
          const message = `its directory ${volume.spec?.hostPath?.path ?? ''} is none that this provisioner makes`;
          return events.record(regarding(VOLUMES, volume), { type: 'Warning', reason: 'VolumeFailedDelete', message });
        }
        await resource.create(pod, { signal }).catch((err: unknown) => {
          if (!isAlreadyExists(err)) throw err;
        });
        return;
      }
      if (cleaner.status?.phase !== 'Succeeded') return;
    }
    await api.resource(VOLUMES).delete({ name }, { preconditions: { uid: volume.metadata.uid ?? '' }, signal });
    expectations.deleted(key, volumes, volume);
    if (node !== undefined)
      await resource.delete(at, { gracePeriodSeconds: 0, signal }).catch((err: unknown) => {
        if (!isNotFound(err)) throw err;
      });
  }
}
