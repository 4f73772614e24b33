/**
 * What becomes of one object because of its owners and dependents. Pure.
 * Source: "Garbage Collection" and "Use Cascading Deletion" of the Kubernetes documentation; the rules of upstream's collector, 1.36.
 */
import type { KubeObject, OwnerReference } from '#api/kinds/meta/objectMeta.ts';
import { FOREGROUND, hasFinalizer, isDeletingDependents, isMarked, ORPHAN, ownersOf } from './graph.ts';

/**
 * solid: it is there and stays. dangling: it is not there (any more). waiting: it ends when its dependents have. unclear: nobody can say
 * now, so that nothing is decided.
 */
export type OwnerState = 'solid' | 'dangling' | 'waiting' | 'unclear';

export interface ObjectView {
  /** As the server has it now; undefined: it is gone. */
  readonly live: KubeObject | undefined;
  readonly dependents: readonly KubeObject[];
  readonly owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[];
}

export type Action =
  /** Writes the references back as they are listed. */
  | { readonly kind: 'keepOwners'; readonly live: KubeObject; readonly owners: readonly OwnerReference[] }
  | { readonly kind: 'delete'; readonly live: KubeObject; readonly policy: 'Background' | 'Foreground' | 'Orphan' }
  /** Takes the reference to the owner out of a dependent. */
  | { readonly kind: 'release'; readonly dependent: KubeObject; readonly owner: string }
  | { readonly kind: 'dropFinalizer'; readonly live: KubeObject; readonly finalizer: string }
  /** Looks at a dependent, which is to end before this one. */
  | { readonly kind: 'ring'; readonly uid: string };

export function planObject({ live, dependents, owners }: ObjectView): readonly Action[] {
  if (live === undefined) return [];
  const { uid = '' } = live.metadata;
  if (isMarked(live) && hasFinalizer(live, ORPHAN)) {
    const owned = dependents.filter((dependent) => ownersOf(dependent).some((owner) => owner.uid === uid));
    return [
      ...owned.map((dependent) => ({ kind: 'release', dependent, owner: uid }) as const),
      { kind: 'dropFinalizer', live, finalizer: ORPHAN },
    ];
  }
  if (isDeletingDependents(live)) {
    const blocking = dependents.filter((d) => ownersOf(d).some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true));
    if (blocking.length === 0) return [{ kind: 'dropFinalizer', live, finalizer: FOREGROUND }];
    return blocking.filter((d) => !isDeletingDependents(d)).map((d) => ({ kind: 'ring', uid: d.metadata.uid ?? '' }));
  }
  if (isMarked(live) || owners.length === 0) return [];
  const of = (state: OwnerState): readonly OwnerReference[] => owners.flatMap((owner) => (owner.state === state ? [owner.reference] : []));
  if (of('unclear').length > 0) return [];
  const [solid, dangling, waiting] = [of('solid'), of('dangling'), of('waiting')];
  if (solid.length > 0) return dangling.length + waiting.length === 0 ? [] : [{ kind: 'keepOwners', live, owners: solid }];
  if (waiting.length > 0 && dependents.length > 0) {
    // A dependent that waits for its own dependents waits for this one in a circle, unless this one lets go.
    const isCircle = dependents.some(isDeletingDependents) && ownersOf(live).some((owner) => owner.blockOwnerDeletion === true);
    const free = ownersOf(live).map((owner) => ({ ...owner, blockOwnerDeletion: false }));
    return [...(isCircle ? [{ kind: 'keepOwners', live, owners: free } as const] : []), { kind: 'delete', live, policy: 'Foreground' }];
  }
  const policy = hasFinalizer(live, ORPHAN) ? 'Orphan' : hasFinalizer(live, FOREGROUND) ? 'Foreground' : 'Background';
  return [{ kind: 'delete', live, policy }];
}
