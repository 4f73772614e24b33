/**
 * What stands in the status of a namespace that is being emptied, and whether it may go. Pure.
 * Source: conditions, reasons and messages of upstream's namespace controller, 1.36; pods go before everything else (KEP-5080).
 */
import type { Namespace } from '#api/kinds/core/namespace.ts';
import { rfc3339 } from '#api/formats.ts';

export const FINALIZER = 'kubernetes';

/** What was seen of one kind after its objects were deleted. */
export interface Remaining {
  /** "pods." or "deployments.apps" */
  readonly kind: string;
  readonly count: number;
  /** How often each finalizer was seen. */
  readonly finalizers: ReadonlyMap<string, number>;
}

export interface Outcome {
  readonly discoveryFailed: ReadonlyMap<string, string>;
  /** Why kinds could not be emptied. */
  readonly failed: readonly string[];
  readonly remaining: readonly Remaining[];
}

type Condition = NonNullable<NonNullable<Namespace['status']>['conditions']>[number];
type Judged = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

export function isToEmpty(namespace: Namespace | undefined): namespace is Namespace {
  return namespace?.metadata.deletionTimestamp !== undefined && (namespace.spec?.finalizers ?? []).includes(FINALIZER);
}

export const isEmpty = ({ discoveryFailed, failed, remaining }: Outcome): boolean =>
  discoveryFailed.size === 0 && failed.length === 0 && remaining.every(({ count }) => count === 0);

export function judge({ discoveryFailed, failed, remaining }: Outcome): readonly Judged[] {
  const left = remaining.filter(({ count }) => count > 0);
  const finalizers = new Map<string, number>();
  for (const { finalizers: seen } of left) for (const [name, count] of seen) finalizers.set(name, (finalizers.get(name) ?? 0) + count);
  const held = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).toSorted();
  const bad = (type: string, [reason, message]: readonly [string, string]): Judged => ({ type, status: 'True', reason, message }) as Judged;
  const good = (type: string, [reason, message]: readonly [string, string]): Judged =>
    ({ type, status: 'False', reason, message }) as Judged;
  const groups = [...discoveryFailed].map(([group, why]) => `${group}: ${why}`).toSorted();
  return [
    groups.length > 0
      ? bad('NamespaceDeletionDiscoveryFailure', [
          'DiscoveryFailed',
          `Discovery failed for some groups, ${groups.length} failing: ${groups.join(', ')}`,
        ])
      : good('NamespaceDeletionDiscoveryFailure', ['ResourcesDiscovered', 'All resources successfully discovered']),
    good('NamespaceDeletionGroupVersionParsingFailure', ['ParsedGroupVersions', 'All legacy kube types successfully parsed']),
    failed.length > 0
      ? bad('NamespaceDeletionContentFailure', [
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${failed.length} remaining: ${failed.toSorted().join(', ')}`,
        ])
      : good('NamespaceDeletionContentFailure', ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization']),
    left.length > 0
      ? bad('NamespaceContentRemaining', [
          'SomeResourcesRemain',
          `Some resources are remaining: ${left
            .map(({ kind, count }) => `${kind} has ${count} resource instances`)
            .toSorted()
            .join(', ')}`,
        ])
      : good('NamespaceContentRemaining', ['ContentRemoved', 'All content successfully removed']),
    held.length > 0
      ? bad('NamespaceFinalizersRemaining', [
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${held.join(', ')}`,
        ])
      : good('NamespaceFinalizersRemaining', ['ContentHasNoFinalizers', 'All content-preserving finalizers finished']),
  ];
}

/** undefined: the status says it already. */
export function statusWith(namespace: Namespace, judged: readonly Judged[], nowMs: number): Namespace['status'] | undefined {
  const old = namespace.status?.conditions ?? [];
  let isChanged = namespace.status?.phase !== 'Terminating';
  const conditions = [...old] as Condition[];
  for (const next of judged) {
    const at = conditions.findIndex(({ type }) => type === next.type);
    const there = conditions[at];
    if (there?.status === next.status && there.reason === next.reason && there.message === next.message) continue;
    isChanged = true;
    const lastTransitionTime = there?.status === next.status ? (there.lastTransitionTime ?? rfc3339(nowMs)) : rfc3339(nowMs);
    const condition = { ...next, lastTransitionTime } as Condition;
    if (at < 0) conditions.push(condition);
    else conditions[at] = condition;
  }
  return isChanged ? { ...namespace.status, phase: 'Terminating', conditions } : undefined;
}
