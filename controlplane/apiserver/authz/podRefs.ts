/**
 * What a pod and a volume refer to, and so what the pod's node may read. Pure.
 * Source: the edges of the node authorizer's graph, Kubernetes 1.36. Mirror pods refer to nothing: a node makes them itself, and must not
 * be able to give itself rights.
 */
import type { EnvFromSource, EnvVar } from '#api/kinds/core/env.ts';
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { Pod } from '#api/kinds/core/pod.ts';

export type RefKind = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts' | 'resourceclaims';
type Volume = NonNullable<Pod['spec']['volumes']>[number];
type Add = (kind: RefKind, name: string | undefined) => void;

export const MIRROR = 'kubernetes.io/config.mirror';

export const refTo = (kind: RefKind, namespace: string, name: string): string => `${kind}/${namespace}/${name}`;

/** "secrets/namespace/name" */
export function refsOf(pod: Pod): ReadonlySet<string> {
  if (pod.metadata.annotations?.[MIRROR] !== undefined) return new Set();
  return allRefsOf(pod);
}

/** Those of mirror pods too, so that they can be refused. */
export function allRefsOf({ spec, status, metadata }: Pod): ReadonlySet<string> {
  const out = new Set<string>();
  const add: Add = (kind, name) => {
    if (name !== undefined && name !== '') out.add(refTo(kind, metadata.namespace ?? '', name));
  };
  add('serviceaccounts', spec.serviceAccountName);
  for (const { name } of spec.imagePullSecrets ?? []) add('secrets', name);
  for (const list of [spec.containers, spec.initContainers, spec.ephemeralContainers]) {
    for (const { env, envFrom } of list ?? []) addEnv(add, env, envFrom);
  }
  for (const volume of spec.volumes ?? []) addVolume(add, volume, metadata.name ?? '');
  for (const claim of spec.resourceClaims ?? []) add('resourceclaims', claim.resourceClaimName);
  for (const claim of status?.resourceClaimStatuses ?? []) add('resourceclaims', claim.resourceClaimName);
  const extended = (status as { readonly extendedResourceClaimStatus?: { readonly resourceClaimName?: string } } | undefined)
    ?.extendedResourceClaimStatus;
  add('resourceclaims', extended?.resourceClaimName);
  return out;
}

function addEnv(add: Add, env: readonly EnvVar[] | undefined, envFrom: readonly EnvFromSource[] | undefined): void {
  for (const { valueFrom } of env ?? []) {
    add('secrets', valueFrom?.secretKeyRef?.name);
    add('configmaps', valueFrom?.configMapKeyRef?.name);
  }
  for (const { secretRef, configMapRef } of envFrom ?? []) {
    add('secrets', secretRef?.name);
    add('configmaps', configMapRef?.name);
  }
}

function addVolume(add: Add, volume: Volume, pod: string): void {
  add('configmaps', volume.configMap?.name);
  add('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral !== undefined) add('persistentvolumeclaims', `${pod}-${volume.name}`);
  for (const source of volume.projected?.sources ?? []) {
    add('secrets', source.secret?.name);
    add('configmaps', source.configMap?.name);
  }
  for (const { name } of secretsIn(volume)) add('secrets', name);
}

/** Storage plugins keep the secrets that a node needs under a handful of names; those of controllers are none of its business. */
const SECRET_FIELDS = ['secretRef', 'nodePublishSecretRef', 'nodeStageSecretRef', 'nodeExpandSecretRef'];

interface SecretName {
  readonly name: string;
  /** Absent: the namespace of the pod or the claim. */
  readonly namespace: string | undefined;
}

function* secretsIn(volume: object): Iterable<SecretName> {
  for (const source of Object.values(volume) as unknown[]) {
    if (typeof source !== 'object' || source === null) continue;
    const fields = source as Readonly<Record<string, unknown>>;
    for (const field of SECRET_FIELDS) {
      const found = fields[field] as Partial<SecretName> | undefined;
      if (found?.name !== undefined) yield { name: found.name, namespace: found.namespace };
    }
    if (typeof fields['secretName'] === 'string') {
      yield { name: fields['secretName'], namespace: fields['secretNamespace'] as string | undefined };
    }
  }
}

/** Where the volume was given to a claim; "secrets/namespace/name". */
export function secretRefsOfVolume({ spec }: PersistentVolume): ReadonlySet<string> {
  const home = spec?.claimRef?.namespace ?? '';
  const own = [...secretsIn(spec ?? {})].map(({ name, namespace }) => refTo('secrets', namespace ?? home, name));
  return new Set(own);
}
