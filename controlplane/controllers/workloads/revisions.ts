/**
 * Old versions of a workload, kept as ControllerRevisions: what kubectl rollout history and undo read. Pure.
 * Source: the form of their data and names, and which of them go, in upstream's history package, Kubernetes 1.36.
 */
import type { ControllerRevision } from '#api/kinds/apps/v1.ts';
import type { PodTemplateSpec } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { ResourceType } from '#client/query.ts';
import { controllerReference } from './owners.ts';
import { timeMs } from './pods.ts';
import { canonical, hashOf } from './template.ts';

/** Of pods and revisions: the version they are of. */
export const REVISION_LABEL = 'controller-revision-hash';

export type RevisionAction =
  | { readonly kind: 'createRevision'; readonly revision: ControllerRevision }
  /** An old version is the newest again. */
  | { readonly kind: 'renumberRevision'; readonly revision: ControllerRevision }
  | { readonly kind: 'deleteRevision'; readonly name: string; readonly uid: string };

export interface Versioned {
  readonly type: ResourceType;
  readonly owner: KubeObject;
  readonly template: PodTemplateSpec;
  readonly revisions: readonly ControllerRevision[];
  readonly collisionCount?: number | undefined;
  /** Of revisions, for the hash. */
  readonly label: string;
}

export const byRevision = (a: ControllerRevision, b: ControllerRevision): number =>
  a.revision - b.revision ||
  timeMs(a.metadata.creationTimestamp) - timeMs(b.metadata.creationTimestamp) ||
  ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);

/** As a patch of the workload: what kubectl rollout undo sends. */
const dataOf = (template: PodTemplateSpec): Readonly<Record<string, unknown>> => ({
  spec: { template: { ...template, $patch: 'replace' } },
});

export interface NewestRevision {
  /** As it is, or is going to be. */
  readonly newest: ControllerRevision;
  readonly action: RevisionAction | undefined;
}

/** The revision that says what the template says; made, or numbered anew, where that is needed. */
export function newestRevision({ type, owner, template, revisions, collisionCount, label }: Versioned): NewestRevision {
  const data = dataOf(template);
  const text = canonical(data);
  const sorted = revisions.toSorted(byRevision);
  const found = sorted.findLast((revision) => canonical(revision.data) === text);
  const number = (sorted.at(-1)?.revision ?? 0) + 1;
  if (found !== undefined && found === sorted.at(-1)) return { newest: found, action: undefined };
  if (found !== undefined) {
    const revision = { ...found, revision: number };
    return { newest: revision, action: { kind: 'renumberRevision', revision } };
  }
  const hash = hashOf(data, collisionCount);
  const { namespace } = owner.metadata;
  const revision: ControllerRevision = {
    metadata: {
      name: `${(owner.metadata.name ?? '').slice(0, 223)}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...template.metadata.labels, [label]: hash },
      ...(owner.metadata.annotations === undefined ? {} : { annotations: owner.metadata.annotations }),
      ownerReferences: [controllerReference(type, owner)],
    },
    data,
    revision: number,
  };
  return { newest: revision, action: { kind: 'createRevision', revision } };
}

/** Those beyond the limit that no pod is of any more, the oldest first. */
export function outdatedRevisions(
  revisions: readonly ControllerRevision[],
  isLive: (revision: ControllerRevision) => boolean,
  limit: number,
): readonly RevisionAction[] {
  const dead = revisions.filter((revision) => !isLive(revision)).toSorted(byRevision);
  return dead
    .slice(0, Math.max(0, dead.length - limit))
    .map(({ metadata }) => ({ kind: 'deleteRevision', name: metadata.name ?? '', uid: metadata.uid ?? '' }));
}
