/**
 * Mends a built-in role or binding that lacks something. Pure. What an administrator added stays; roles he marked with
 * rbac.authorization.kubernetes.io/autoupdate=false are left alone.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { PolicyRule, Subject } from '#api/kinds/rbac/v1.ts';
import { deepEqual } from '../../registry/deepEqual.ts';
import { uncovered } from '../rules.ts';

interface RoleLike extends KubeObject {
  readonly rules?: readonly PolicyRule[];
  readonly subjects?: readonly Subject[];
  readonly aggregationRule?: unknown;
}

/** undefined: nothing to do. */
export function reconcileRole(found: KubeObject, wanted: KubeObject): object | undefined {
  if (found.metadata.annotations?.['rbac.authorization.kubernetes.io/autoupdate'] === 'false') return undefined;
  const was = found as RoleLike;
  const want = wanted as RoleLike;
  const labels = { ...found.metadata.labels, ...wanted.metadata.labels };
  const annotations = { ...wanted.metadata.annotations, ...found.metadata.annotations };
  const lacking = want.aggregationRule === undefined ? uncovered(was.rules ?? [], want.rules ?? []) : [];
  const subjects = (want.subjects ?? []).filter((s) => !(was.subjects ?? []).some((own) => sameSubject(own, s)));
  const isWhole =
    lacking.length === 0 &&
    subjects.length === 0 &&
    deepEqual(labels, found.metadata.labels) &&
    deepEqual(annotations, found.metadata.annotations);
  if (isWhole) return undefined;
  return {
    ...structuredClone(found),
    metadata: { ...structuredClone(found.metadata), labels, annotations },
    ...(lacking.length === 0 ? {} : { rules: [...(was.rules ?? []), ...lacking] }),
    ...(subjects.length === 0 ? {} : { subjects: [...(was.subjects ?? []), ...subjects] }),
  };
}

const sameSubject = (a: Subject, b: Subject): boolean =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');
