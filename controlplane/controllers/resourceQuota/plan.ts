/**
 * What a namespace uses of a quota, out of all objects in it. Pure. Units: canonical quantity texts.
 * Source: the quota controller of Kubernetes 1.36; what counts is quotaUsage.ts, which admission charges by.
 */
import type { ResourceQuota } from '#api/kinds/core/quota.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { inScope, usageOf } from '#api/quotaUsage.ts';
import { addQuantities, compareQuantities } from '#api/quantity.ts';

export interface Kind {
  readonly group: string;
  readonly plural: string;
}

const PODS = /^(pods|cpu|memory|ephemeral-storage)$|^hugepages-|^limits\.|^requests\.(?!storage$)/;
const CLAIMS = /^(persistentvolumeclaims|requests\.storage)$|\.storageclass\.storage\.k8s\.io\//;
const PLAIN = new Set(['configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas']);

/** Which kinds a quota is about, by what it limits. */
export function kindsOf(hard: Readonly<Record<string, string>>): readonly Kind[] {
  const found = new Map<string, Kind>();
  const add = (group: string, plural: string): void => void found.set(`${group}/${plural}`, { group, plural });
  for (const key of Object.keys(hard)) {
    const [, plural, group] = /^count\/([^.]+)(?:\.(.+))?$/.exec(key) ?? [];
    if (plural !== undefined) add(group ?? '', plural);
    else if (key.startsWith('services')) add('', 'services');
    else if (CLAIMS.test(key)) add('', 'persistentvolumeclaims');
    else if (PODS.test(key)) add('', 'pods');
    else if (PLAIN.has(key)) add('', key);
  }
  return [...found.values()];
}

/** objects: of each kind, all of the namespace. */
export function usedOf(
  quota: ResourceQuota,
  objects: readonly { readonly kind: Kind; readonly of: Iterable<KubeObject> }[],
): Readonly<Record<string, string>> {
  const hard = quota.spec.hard ?? {};
  const used: Record<string, string> = Object.fromEntries(Object.keys(hard).map((key) => [key, '0']));
  for (const { kind, of } of objects)
    for (const object of of) {
      const counted = { ...kind, object };
      if (!inScope(quota, counted)) continue;
      for (const [key, amount] of Object.entries(usageOf(counted))) {
        const sum = used[key];
        if (sum !== undefined) used[key] = addQuantities(sum, amount);
      }
    }
  return used;
}

/** no: nothing is to be written. more: at once. less: only when it is sure, because a pod that we have not seen yet may have been charged. */
export function changeOf({ spec, status }: ResourceQuota, used: Readonly<Record<string, string>>): 'no' | 'more' | 'less' {
  const [hard, before] = [spec.hard ?? {}, status?.used ?? {}];
  const same = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean =>
    Object.keys(a).length === Object.keys(b).length &&
    Object.entries(a).every(([key, value]) => b[key] !== undefined && compareQuantities(value, b[key]) === 0);
  if (same(hard, status?.hard ?? {}) && same(used, before)) return 'no';
  const isLess = Object.entries(used).some(([key, value]) => before[key] !== undefined && compareQuantities(value, before[key]) < 0);
  return isLess ? 'less' : 'more';
}
