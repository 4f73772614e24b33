/**
 * Quotas: what a namespace may use in all. The new usage is written in the same transaction as the object, so that two requests that fit
 * each by itself cannot both get in. Source: the ResourceQuota plugin of Kubernetes 1.36 and its texts.
 * Differs: upstream writes the usage first and leaves it to a controller to take it back when the object fails; here nothing has to be
 * taken back. As upstream, a quota holds from the moment when a controller has written its status, and what is given back is counted by it.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { ResourceQuota } from '#api/kinds/core/quota.ts';
import type { ResourceList } from '#api/podResources.ts';
import { addQuantities, compareQuantities, subtractQuantities } from '#api/quantity.ts';
import { storedForm } from '../cache/bytes.ts';
import { EVERYTHING } from '../cache/filter.ts';
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts';
import { refuse } from './refuse.ts';
import type { PluginParts } from './plugins.ts';
import { containerUsage, inScope, isCounted, isFor, usageOf, type Counted } from '#api/quotaUsage.ts';

export function resourceQuota({ registry }: PluginParts): AdmissionPlugin {
  const { cache } = registry.get('v1', 'resourcequotas');
  return {
    name: 'ResourceQuota',
    handles: ({ operation, resource, subresource }) =>
      cache.size > 0 &&
      resource.definition.namespaced &&
      isCounted({ operation, group: resource.group, plural: resource.about.resource, subresource }),
    validate(request) {
      const found = cache.list({ ...EVERYTHING, namespace: request.namespace });
      for (const object of found)
        charge(request, object.decode() as ResourceQuota, { key: cache.prefix + object.key, revision: object.revision });
    },
  };
}

function charge(request: AdmissionRequest, quota: ResourceQuota, place: { readonly key: string; readonly revision: number }): void {
  const { resource, object, old } = request;
  const counted: Counted = { group: resource.group, plural: resource.about.resource, object: object as never };
  if (!inScope(quota, counted)) return;
  const hard = quota.status?.hard ?? {};
  const used = quota.status?.used ?? {};
  const name = quota.metadata.name ?? '';
  const limited = Object.keys(hard)
    .filter((key) => isFor(key, counted))
    .toSorted();
  if (limited.length === 0) return;
  if (resource.definition.kind === 'Pod') checkSaid(request, name, limited);
  if (limited.some((key) => used[key] === undefined))
    throw refuse(request, `status unknown for quota: ${name}, resources: ${limited.join(',')}`);
  const delta = growth(usageOf(counted), old === undefined ? {} : usageOf({ ...counted, object: old }), limited);
  if (Object.keys(delta).length === 0) return;
  const next = { ...used };
  for (const [key, amount] of Object.entries(delta)) next[key] = addQuantities(used[key] ?? '0', amount);
  const exceeded = Object.keys(delta).filter((key) => compareQuantities(next[key] ?? '0', hard[key] ?? '0') > 0);
  if (exceeded.length > 0) {
    const list = (from: ResourceList): string => exceeded.map((key) => `${key}=${from[key] ?? '0'}`).join(',');
    throw refuse(request, `exceeded quota: ${name}, requested: ${list(delta)}, used: ${list(used)}, limited: ${list(hard)}`);
  }
  if (request.dryRun) return;
  const charged = { ...quota, status: { ...quota.status, hard, used: next } };
  request.also({ kind: 'update', key: place.key, value: storedForm(charged), ifRevision: place.revision });
}

function growth(now: ResourceList, before: ResourceList, limited: readonly string[]): ResourceList {
  const out: Record<string, string> = {};
  for (const key of limited) {
    const change = subtractQuantities(now[key] ?? '0', before[key] ?? '0');
    if (compareQuantities(change, '0') > 0) out[key] = change;
  }
  return out;
}

const COMPUTE = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']);

/** Where cpu or memory is limited, the pod or every container must say how much it wants. */
function checkSaid(request: AdmissionRequest, name: string, limited: readonly string[]): void {
  const { spec } = request.object as unknown as Pod;
  const required = limited.filter((key) => COMPUTE.has(key) && containerUsage(spec.resources)[key] === undefined);
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const missing = required.flatMap((key) => {
    const silent = containers.filter(({ resources }) => containerUsage(resources)[key] === undefined).map((c) => c.name);
    return silent.length === 0 ? [] : [`${key} for: ${silent.toSorted().join(',')}`];
  });
  if (missing.length > 0) throw refuse(request, `failed quota: ${name}: must specify ${missing.join('; ')}`);
}
