/** Small plugins: default storage and ingress classes, protection of storage in use, taints of new nodes. Source: their plugins in Kubernetes 1.36. */
import type { Node } from '#api/kinds/core/node.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { compareQuantities } from '#api/quantity.ts';
import type { Draft } from '#api/schema.ts';
import { EVERYTHING } from '../cache/filter.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts';
import { refuse } from './refuse.ts';
import type { PluginParts } from './plugins.ts';

const creates =
  (...kinds: readonly string[]) =>
  ({ operation, resource, subresource }: AdmissionRequest): boolean =>
    operation === 'CREATE' && subresource === '' && kinds.includes(resource.definition.kind);

/** Marked by an annotation; of several the newest. */
function defaultOf(cache: ResourceCache, annotation: string): KubeObject | undefined {
  const newest = (a: KubeObject, b: KubeObject): number => {
    const byTime = Date.parse(b.metadata.creationTimestamp ?? '') - Date.parse(a.metadata.creationTimestamp ?? '');
    return byTime === 0 ? ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1) : byTime;
  };
  return cache
    .list(EVERYTHING)
    .map((object) => object.decode())
    .filter(({ metadata }) => metadata.annotations?.[annotation] === 'true')
    .toSorted(newest)[0];
}

export function defaultStorageClass({ registry }: PluginParts): AdmissionPlugin {
  const classes = registry.get('storage.k8s.io/v1', 'storageclasses').cache;
  return {
    name: 'DefaultStorageClass',
    handles: creates('PersistentVolumeClaim'),
    mutate({ object }) {
      const claim = object as unknown as Draft<PersistentVolumeClaim>;
      const old = claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'];
      if (claim.spec?.storageClassName !== undefined || old !== undefined) return;
      const found = defaultOf(classes, 'storageclass.kubernetes.io/is-default-class');
      if (found?.metadata.name !== undefined) claim.spec.storageClassName = found.metadata.name;
    },
  };
}

export function defaultIngressClass({ registry }: PluginParts): AdmissionPlugin {
  const classes = registry.get('networking.k8s.io/v1', 'ingressclasses').cache;
  return {
    name: 'DefaultIngressClass',
    handles: creates('Ingress'),
    mutate({ object }) {
      const ingress = object as unknown as Draft<KubeObject> & { spec: { ingressClassName?: string } };
      if (ingress.spec.ingressClassName !== undefined || ingress.metadata.annotations?.['kubernetes.io/ingress.class'] !== undefined)
        return;
      const found = defaultOf(classes, 'ingressclass.kubernetes.io/is-default-class');
      if (found?.metadata.name !== undefined) ingress.spec.ingressClassName = found.metadata.name;
    },
  };
}

const PROTECTION: Readonly<Record<string, string>> = {
  PersistentVolume: 'kubernetes.io/pv-protection',
  PersistentVolumeClaim: 'kubernetes.io/pvc-protection',
  VolumeAttributesClass: 'kubernetes.io/vac-protection',
};

export function storageObjectInUseProtection(): AdmissionPlugin {
  return {
    name: 'StorageObjectInUseProtection',
    handles: creates(...Object.keys(PROTECTION)),
    mutate({ object, resource }) {
      const finalizer = PROTECTION[resource.definition.kind];
      const metadata = object?.metadata;
      if (metadata === undefined || finalizer === undefined || metadata.finalizers?.includes(finalizer) === true) return;
      metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
    },
  };
}

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const;

/** A new node takes no pods before it has said that it is ready. */
export function taintNodesByCondition(): AdmissionPlugin {
  return {
    name: 'TaintNodesByCondition',
    handles: creates('Node'),
    mutate({ object }) {
      const node = object as unknown as Draft<Node>;
      const taints = (node.spec ??= {}).taints ?? [];
      if (taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect)) return;
      node.spec.taints = [...taints, NOT_READY];
    },
  };
}

/** Only claims that a class made may grow, and only where the class says so. */
export function persistentVolumeClaimResize({ registry }: PluginParts): AdmissionPlugin {
  const classes = registry.get('storage.k8s.io/v1', 'storageclasses').cache;
  const sizeOf = (object: unknown): string => (object as PersistentVolumeClaim).spec?.resources?.requests?.['storage'] ?? '0';
  const classOf = (object: unknown): string => (object as PersistentVolumeClaim).spec?.storageClassName ?? '';
  return {
    name: 'PersistentVolumeClaimResize',
    handles: ({ operation, resource, subresource }) =>
      operation === 'UPDATE' && subresource === '' && resource.definition.kind === 'PersistentVolumeClaim',
    validate(request) {
      const { object, old } = request;
      if (compareQuantities(sizeOf(object), sizeOf(old)) <= 0) return;
      if ((old as PersistentVolumeClaim | undefined)?.status?.phase !== 'Bound')
        throw refuse(request, 'Only bound persistent volume claims can be expanded');
      const name = classOf(object);
      const found = classes.get(name)?.decode() as { readonly allowVolumeExpansion?: boolean } | undefined;
      if (name === classOf(old) && found?.allowVolumeExpansion === true) return;
      throw refuse(
        request,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      );
    },
  };
}
