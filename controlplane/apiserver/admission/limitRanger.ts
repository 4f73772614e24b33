/** Limits for each container, pod and claim of a namespace: fills in what is not said, refuses what is out of bounds. Source: LimitRanger of Kubernetes 1.36. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { LimitRange, LimitRangeItem } from '#api/kinds/core/quota.ts';
import { containersTotal, type ResourceList } from '#api/podResources.ts';
import { compareQuantities, toMilli } from '#api/quantity.ts';
import type { Draft } from '#api/schema.ts';
import { EVERYTHING } from '../cache/filter.ts';
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts';
import { isPodCreate, podOf } from './pods.ts';
import { refuse } from './refuse.ts';
import type { PluginParts } from './plugins.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

interface Asks {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

export function limitRanger({ registry }: PluginParts): AdmissionPlugin {
  const ranges = registry.get('v1', 'limitranges').cache;
  const itemsIn = (namespace: string): readonly LimitRangeItem[] =>
    ranges.size === 0 ? [] : ranges.list({ ...EVERYTHING, namespace }).flatMap((object) => (object.known as LimitRange).spec.limits);
  const isResize = ({ resource, subresource }: AdmissionRequest): boolean => resource.definition.kind === 'Pod' && subresource === 'resize';
  const isClaim = ({ operation, resource, subresource }: AdmissionRequest): boolean =>
    resource.definition.kind === 'PersistentVolumeClaim' && subresource === '' && operation !== 'DELETE';
  return {
    name: 'LimitRanger',
    handles: (request) => isPodCreate(request) || isResize(request) || isClaim(request),
    mutate(request) {
      if (!isPodCreate(request)) return;
      for (const item of itemsIn(request.namespace)) if (item.type === 'Container') fillIn(podOf(request), item);
    },
    validate(request) {
      const items = itemsIn(request.namespace);
      if (items.length === 0) return;
      const found = isClaim(request) ? claimProblems(request, items) : podProblems(podOf(request), items);
      if (found.length > 0) throw refuse(request, found.length === 1 ? (found[0] ?? '') : `[${found.join(', ')}]`);
    },
  };
}

function fillIn(pod: Draft<Pod>, { default: limits = {}, defaultRequest = {} }: LimitRangeItem): void {
  const notes: string[] = [];
  for (const [kind, list] of [
    ['container', pod.spec.containers],
    ['init container', pod.spec.initContainers],
  ] as const) {
    for (const container of list ?? []) {
      const resources = (container.resources ??= {});
      const set = (side: 'requests' | 'limits', presets: ResourceList): void => {
        const added = Object.entries(presets).filter(([name]) => resources[side]?.[name] === undefined);
        if (added.length === 0) return;
        resources[side] = { ...resources[side], ...Object.fromEntries(added) };
        const names = added
          .map(([name]) => name)
          .toSorted()
          .join(', ');
        notes.push(`${names} ${side === 'requests' ? 'request' : 'limit'} for ${kind} ${container.name}`);
      };
      // A limit that was asked for is a better request than the default one.
      set('requests', Object.fromEntries(Object.entries(defaultRequest).filter(([name]) => resources.limits?.[name] === undefined)));
      set('limits', limits);
      for (const [name, limit] of Object.entries(resources.limits ?? {})) {
        if (resources.requests?.[name] === undefined) resources.requests = { ...resources.requests, [name]: limit };
      }
    }
  }
  if (notes.length > 0)
    pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: `LimitRanger plugin set: ${notes.join('; ')}` };
}

function podProblems({ spec }: Pod, items: readonly LimitRangeItem[]): readonly string[] {
  const total = (side: 'requests' | 'limits'): ResourceList => ({ ...containersTotal(spec, side), ...spec.resources?.[side] });
  return items.flatMap((item) => {
    if (item.type === 'Pod') return problems(item, 'Pod', { requests: total('requests'), limits: total('limits') });
    if (item.type !== 'Container') return [];
    return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
      problems(item, 'Container', { requests: resources?.requests ?? {}, limits: resources?.limits ?? {} }),
    );
  });
}

function claimProblems({ object }: AdmissionRequest, items: readonly LimitRangeItem[]): readonly string[] {
  const { spec } = object as unknown as { readonly spec: { readonly resources?: { readonly requests?: ResourceList } } };
  const requests = spec.resources?.requests ?? {};
  return items
    .filter(({ type }) => type === 'PersistentVolumeClaim')
    .flatMap((item) => problems(item, 'PersistentVolumeClaim', { requests, limits: {} }));
}

function problems(
  { min = {}, max = {}, maxLimitRequestRatio = {} }: LimitRangeItem,
  type: string,
  { requests, limits }: Asks,
): readonly string[] {
  const out: string[] = [];
  for (const [name, least] of Object.entries(min)) {
    const [request, limit] = [requests[name], limits[name]];
    const text = `minimum ${name} usage per ${type} is ${least}`;
    if (request === undefined) out.push(`${text}.  No request is specified`);
    else if (compareQuantities(request, least) < 0) out.push(`${text}, but request is ${request}`);
    else if (limit !== undefined && compareQuantities(limit, least) < 0) out.push(`${text}, but limit is ${limit}`);
  }
  for (const [name, most] of Object.entries(max)) {
    const [request, limit] = [requests[name], limits[name]];
    const text = `maximum ${name} usage per ${type} is ${most}`;
    if (limit === undefined && type !== 'PersistentVolumeClaim') out.push(`${text}.  No limit is specified`);
    else if (limit !== undefined && compareQuantities(limit, most) > 0) out.push(`${text}, but limit is ${limit}`);
    else if (request !== undefined && compareQuantities(request, most) > 0) out.push(`${text}, but request is ${request}`);
  }
  for (const [name, ratio] of Object.entries(maxLimitRequestRatio)) {
    const [request, limit] = [requests[name], limits[name]];
    const text = `${name} max limit to request ratio per ${type} is ${ratio}`;
    if (request === undefined || toMilli(request) === 0) out.push(`${text}, but no request is specified or request is 0`);
    else if (limit === undefined || toMilli(limit) === 0) out.push(`${text}, but no limit is specified or limit is 0`);
    else if (toMilli(limit) > toMilli(request) * (toMilli(ratio) / 1_000))
      out.push(`${text}, but provided ratio is ${(toMilli(limit) / toMilli(request)).toFixed(6)}`);
  }
  return out;
}
