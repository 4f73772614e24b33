/**
 * What a deletion does to an object: mark it, wait for its finalizers, or remove it. Pure.
 * Source: BeforeDelete and the finalizer handling of k8s.io/apiserver's generic store, Kubernetes 1.36.
 */
import { at } from '#api/fieldPath.ts';
import type { DeleteOptions } from '#api/kinds/meta/options.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { Problems } from '#api/problem.ts';
import type { Draft } from '#api/schema.ts';
import { badRequest, conflict, invalid } from '../status.ts';
import { rfc3339 } from '#api/formats.ts';
import type { KubeDraft, Resource } from './types.ts';

export type DeletionPlan =
  | { readonly kind: 'remove' }
  /** Written back, marked; it goes when its finalizers or its grace period have gone. */
  | { readonly kind: 'mark'; readonly object: KubeDraft }
  | { readonly kind: 'nothing' };

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

export function planDeletion(
  object: KubeObject,
  options: DeleteOptions,
  { resource, nowMs }: { readonly resource: Resource; readonly nowMs: number },
): DeletionPlan {
  checkPreconditions(object, options, resource);
  const draft = structuredClone(object) as unknown as KubeDraft;
  const { metadata } = draft;
  const { strategy } = resource;
  const finalizers = finalizersFor(object, options, strategy.defaultPropagation);
  if (finalizers.length > 0) metadata.finalizers = [...finalizers];
  else delete metadata.finalizers;
  const grace = graceOf(object, options, resource);
  const isMarked = metadata.deletionTimestamp !== undefined;
  const mustWait = finalizers.length > 0 || strategy.isFinal?.(object) === false;
  if (grace <= 0 && !mustWait) return { kind: 'remove' };
  const sooner = isMarked && grace < (metadata.deletionGracePeriodSeconds ?? 0);
  const changed = JSON.stringify(finalizers) !== JSON.stringify(object.metadata.finalizers ?? []);
  if (isMarked && !sooner && !changed) return { kind: 'nothing' };
  if (!isMarked || sooner) mark(metadata, grace, { nowMs, isMarked });
  if (!isMarked) strategy.marked?.(draft);
  return { kind: 'mark', object: draft };
}

function mark(
  metadata: Draft<KubeObject>['metadata'],
  grace: number,
  { nowMs, isMarked }: { readonly nowMs: number; readonly isMarked: boolean },
): void {
  // A shortened grace period counts from the first request, so a deletion never moves into the past of now.
  const startedMs = isMarked ? Date.parse(metadata.deletionTimestamp ?? '') - (metadata.deletionGracePeriodSeconds ?? 0) * 1_000 : nowMs;
  metadata.deletionTimestamp = rfc3339(Math.max(startedMs + grace * 1_000, nowMs));
  metadata.deletionGracePeriodSeconds = grace;
  if (metadata.generation !== undefined && !isMarked) metadata.generation += 1;
}

/** After an update: the object was only waiting, and has nothing left to wait for. */
export function isReadyToGo(object: KubeObject, resource: Resource): boolean {
  const { metadata } = object;
  if (metadata.deletionTimestamp === undefined || (metadata.finalizers ?? []).length > 0) return false;
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0 && resource.strategy.isFinal?.(object) !== false;
}

function graceOf(object: KubeObject, options: DeleteOptions, { strategy }: Resource): number {
  if (strategy.gracePeriodSeconds === undefined) return 0;
  return Math.max(0, strategy.gracePeriodSeconds(object, options.gracePeriodSeconds));
}

function checkPreconditions({ metadata }: KubeObject, { preconditions }: DeleteOptions, { about }: Resource): void {
  const { uid, resourceVersion } = preconditions ?? {};
  const name = metadata.name ?? '';
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(about, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid ?? ''}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const detail = `ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion ?? ''}`;
    throw conflict(about, name, `Precondition failed: ${detail}`);
  }
}

/** The propagation policy becomes a finalizer that the garbage collector understands. */
function finalizersFor({ metadata }: KubeObject, options: DeleteOptions, fallback: 'Background' | 'Orphan' | undefined): readonly string[] {
  const old = metadata.finalizers ?? [];
  const policy =
    options.propagationPolicy ?? (options.orphanDependents === undefined ? undefined : options.orphanDependents ? 'Orphan' : 'Background');
  const others = old.filter((f) => f !== ORPHAN && f !== FOREGROUND);
  switch (policy) {
    case 'Orphan':
      return [...others, ORPHAN];
    case 'Foreground':
      return [...others, FOREGROUND];
    case 'Background':
      return others;
    default:
      if (old.includes(ORPHAN) || old.includes(FOREGROUND)) return old;
      return fallback === 'Orphan' ? [...old, ORPHAN] : old;
  }
}

export function checkDeleteOptions(options: DeleteOptions): void {
  if (options.propagationPolicy !== undefined && options.orphanDependents !== undefined) {
    const problems = new Problems();
    problems.invalid(at('propagationPolicy'), options.propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set');
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', problems.found);
  }
  if ((options.gracePeriodSeconds ?? 0) < 0) throw badRequest('gracePeriodSeconds must be greater than or equal to 0');
}
