/**
 * The pods of a stateful set and their claims: names that stay, and whom the claims belong to. Pure.
 * Source: identities in the Kubernetes documentation of stateful sets; persistentVolumeClaimRetentionPolicy of its API.
 */
import type { ControllerRevision } from '#api/kinds/apps/v1.ts';
import type { StatefulSet } from '#api/kinds/apps/statefulSet.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod, PodTemplateSpec } from '#api/kinds/core/pod.ts';
import type { OwnerReference } from '#api/kinds/meta/objectMeta.ts';
import { PODS, STATEFUL_SETS } from '../../component/kinds.ts';
import { controllerReference } from '../workloads/owners.ts';
import { REVISION_LABEL } from '../workloads/revisions.ts';
import { canonical, podFrom } from '../workloads/template.ts';

export const NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const INDEX_LABEL = 'apps.kubernetes.io/pod-index';

export const startOf = ({ spec }: StatefulSet): number => spec.ordinals?.start ?? 0;

/** undefined: by its name it is none of this set. */
export function ordinalOf({ metadata }: StatefulSet, name: string | undefined): number | undefined {
  const prefix = `${metadata.name ?? ''}-`;
  const rest = name?.startsWith(prefix) === true ? name.slice(prefix.length) : '';
  return /^(0|[1-9]\d{0,9})$/.test(rest) ? Number(rest) : undefined;
}

/** What a revision says the pods are. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { template } = (data?.['spec'] ?? {}) as { readonly template: PodTemplateSpec & { readonly $patch?: string } };
  const { $patch: _, ...rest } = template;
  return rest;
}

export function statefulPod(set: StatefulSet, ordinal: number, revision: ControllerRevision): Pod {
  const { generateName: _, ...metadata } = podFrom(templateOf(revision), { type: STATEFUL_SETS, object: set }).metadata;
  const { spec } = templateOf(revision);
  const name = `${set.metadata.name ?? ''}-${ordinal}`;
  const claims = (set.spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name ?? '');
  const volumes = [
    ...(spec.volumes ?? []).filter((volume) => !claims.includes(volume.name)),
    ...claims.map((claim) => ({ name: claim, persistentVolumeClaim: { claimName: claimName(claim, name), readOnly: false } })),
  ];
  const { serviceName = '' } = set.spec;
  return withIdentity(
    {
      metadata: { ...metadata, name, labels: { ...metadata.labels, [REVISION_LABEL]: revision.metadata.name ?? '' } },
      spec: {
        ...spec,
        hostname: name,
        ...(serviceName === '' ? {} : { subdomain: serviceName }),
        ...(volumes.length === 0 ? {} : { volumes }),
      },
    },
    ordinal,
  );
}

/** With the labels that say who it is. */
export function withIdentity(pod: Pod, ordinal: number): Pod {
  const labels = { ...pod.metadata.labels, [NAME_LABEL]: pod.metadata.name ?? '', [INDEX_LABEL]: String(ordinal) };
  return canonical(labels) === canonical(pod.metadata.labels ?? {}) ? pod : { ...pod, metadata: { ...pod.metadata, labels } };
}

export const claimName = (template: string, pod: string): string => `${template}-${pod}`;

/** Those that the pod of this name uses, as they are made. */
export function claimsFor(set: StatefulSet, pod: string): readonly PersistentVolumeClaim[] {
  const { namespace } = set.metadata;
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    metadata: {
      name: claimName(metadata.name ?? '', pod),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
    },
    spec,
  }));
}

/** pod: one that goes because the set shrinks. */
export function ownersOfClaim(set: StatefulSet, old: readonly OwnerReference[], pod: Pod | undefined): readonly OwnerReference[] {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  // Those of others stay; one of ours to a pod that is not there any more goes.
  const others = old.filter(({ kind, uid }) => uid !== set.metadata.uid && kind !== 'Pod');
  if (pod !== undefined && whenScaled === 'Delete') return [...others, controllerReference(PODS, pod)];
  return whenDeleted === 'Delete' ? [...others, controllerReference(STATEFUL_SETS, set)] : others;
}
