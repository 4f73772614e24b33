/**
 * The EndpointSlices of a service: what is wrong in those that are there is mended in place, what is new goes where a slice is written
 * anyway, then into one that has room, then into new ones. Pure.
 * Source: EndpointSlice chapter of the Kubernetes documentation (100 endpoints a slice, filling, labels); KEP-3015 (traffic distribution).
 * Differs: the annotation endpoints.kubernetes.io/last-change-trigger-time is not written, which measures upstream's proxies.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from '../../component/kinds.ts';
import { isGoing, isReady } from '../workloads/pods.ts';
import {
  addressOf,
  counts,
  HEADLESS_LABEL,
  hostnameOf,
  inheritedLabels,
  isHeadless,
  isKept,
  portsOf,
  servesAny,
  targetRefOf,
} from './pods.ts';

export const MANAGER = 'endpointslice-controller.k8s.io';
export const MOST_ENDPOINTS = 100;
const RESERVED = [SERVICE_NAME_LABEL, MANAGED_BY_LABEL, HEADLESS_LABEL];

export type SliceAction =
  | { readonly kind: 'createSlice'; readonly slice: EndpointSlice }
  | { readonly kind: 'updateSlice'; readonly slice: EndpointSlice }
  | { readonly kind: 'deleteSlice'; readonly slice: EndpointSlice };

export interface ServiceView {
  readonly service: Service | undefined;
  /** Those that the service selects. */
  readonly pods: readonly Pod[];
  /** Ours, of this service. */
  readonly slices: readonly EndpointSlice[];
  /** undefined: no such node. */
  readonly zoneOf: (node: string) => { readonly zone: string | undefined } | undefined;
  readonly most?: number;
}

type Family = 'IPv4' | 'IPv6';
interface Group {
  readonly family: Family;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

/** A service that went takes its slices along as their owner; one whose selector went leaves them to whoever comes. */
export function planSlices(view: ServiceView): readonly SliceAction[] {
  const { service, slices, most = MOST_ENDPOINTS } = view;
  if (service === undefined || service.metadata.deletionTimestamp !== undefined || !isKept(service)) return [];
  const families = familiesOf(service);
  const groups = groupsOf(view, service, families);
  const actions: SliceAction[] = slices
    .filter(({ addressType }) => !families.includes(addressType as Family))
    .map((slice) => ({ kind: 'deleteSlice', slice }));
  const there = Map.groupBy(
    slices.filter(({ addressType }) => families.includes(addressType as Family)),
    (slice) => groupKey(slice.addressType, slice.ports ?? []),
  );
  for (const family of families) {
    const mine = groups.filter((group) => group.family === family);
    if (mine.length === 0) mine.push({ family, ports: [], endpoints: new Map() });
    for (const group of mine) {
      const key = groupKey(family, group.ports);
      actions.push(...planGroup(service, group, there.get(key) ?? [], most));
      there.delete(key);
    }
  }
  for (const left of there.values()) actions.push(...left.map((slice) => ({ kind: 'deleteSlice', slice }) as const));
  return actions;
}

function familiesOf({ spec }: Service): readonly Family[] {
  const named = (spec.ipFamilies ?? []) as readonly Family[];
  return named.length > 0 ? named : ['IPv4'];
}

const groupKey = (family: string, ports: readonly EndpointPort[]): string =>
  JSON.stringify([family, ports.map((p) => JSON.stringify([p.name ?? '', p.protocol ?? 'TCP', p.port, p.appProtocol])).toSorted()]);

function groupsOf(view: ServiceView, service: Service, families: readonly Family[]): Group[] {
  const groups = new Map<string, Group>();
  for (const pod of view.pods) {
    if (!counts(pod, true)) continue;
    const ports = portsOf(service, pod);
    if (!servesAny(service, ports)) continue;
    const node = view.zoneOf(pod.spec.nodeName ?? '');
    // A pod of a node that is gone is about to go too, unless somebody wants it published whatever its state.
    if (node === undefined && service.spec.publishNotReadyAddresses !== true) continue;
    for (const family of families) {
      const address = addressOf(pod, family);
      if (address === undefined) continue;
      const key = groupKey(family, ports);
      const group = groups.get(key) ?? { family, ports, endpoints: new Map<string, Endpoint>() };
      groups.set(key, group);
      const endpoint = endpointOf(service, pod, { address, zone: node?.zone });
      group.endpoints.set(endpointKey(endpoint), endpoint);
    }
  }
  return [...groups.values()];
}

function endpointOf(
  service: Service,
  pod: Pod,
  { address, zone }: { readonly address: string; readonly zone: string | undefined },
): Endpoint {
  const serving = isReady(pod);
  const terminating = isGoing(pod);
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const hostname = hostnameOf(service, pod);
  const { nodeName } = pod.spec;
  const hints = ready ? hintsOf(service.spec.trafficDistribution, { zone, nodeName }) : undefined;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: targetRefOf(pod),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(hints === undefined ? {} : { hints }),
  };
}

function hintsOf(
  distribution: string | undefined,
  { zone, nodeName }: { readonly zone: string | undefined; readonly nodeName: string | undefined },
): Endpoint['hints'] {
  const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] };
  const forNodes = nodeName === undefined ? {} : { forNodes: [{ name: nodeName }] };
  switch (distribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return zone === undefined ? undefined : forZones;
    case 'PreferSameNode':
      return { ...forZones, ...forNodes };
    default:
      return undefined;
  }
}

const endpointKey = ({ targetRef, addresses }: Endpoint): string => `${targetRef?.uid ?? targetRef?.name ?? ''} ${addresses.join()}`;

/** One set of ports and kind of address. */
function planGroup(service: Service, { family, ports, endpoints }: Group, there: readonly EndpointSlice[], most: number): SliceAction[] {
  const waiting = new Map(endpoints);
  const metadata = metadataOf(service);
  const kept: { slice: EndpointSlice; endpoints: Endpoint[]; isChanged: boolean }[] = [];
  for (const slice of there) {
    const found = (slice.endpoints ?? []).flatMap((endpoint) => {
      const wanted = waiting.get(endpointKey(endpoint));
      waiting.delete(endpointKey(endpoint));
      return wanted === undefined ? [] : [wanted];
    });
    // The flag --max-endpoints-per-slice may have become smaller.
    for (const endpoint of found.splice(most)) waiting.set(endpointKey(endpoint), endpoint);
    const isChanged = !isSame(slice.endpoints ?? [], found) || !hasMetadata(slice, metadata);
    kept.push({ slice, endpoints: found, isChanged });
  }
  const rest = [...waiting.values()];
  for (const slot of kept) if (slot.isChanged) slot.endpoints.push(...rest.splice(0, most - slot.endpoints.length));
  // What still waits and fits into one goes into the fullest that has room for it, so that one slice is written.
  if (rest.length > 0 && rest.length < most) {
    const [roomy] = kept
      .filter((slot) => !slot.isChanged && slot.endpoints.length + rest.length <= most)
      .toSorted((a, b) => b.endpoints.length - a.endpoints.length);
    if (roomy !== undefined) {
      roomy.endpoints.push(...rest.splice(0));
      roomy.isChanged = true;
    }
  }
  const actions: SliceAction[] = [];
  let left = kept.length;
  const needsNone = endpoints.size === 0;
  for (const { slice, endpoints: list, isChanged } of kept) {
    // One empty slice stays where nothing is behind the service: it says that we have looked.
    if (list.length === 0 && (left > 1 || !needsNone)) {
      actions.push({ kind: 'deleteSlice', slice });
      left -= 1;
    } else if (isChanged) actions.push({ kind: 'updateSlice', slice: { ...slice, metadata: merged(slice, metadata), endpoints: list } });
  }
  const create = (list: readonly Endpoint[]): void =>
    void actions.push({ kind: 'createSlice', slice: { metadata, addressType: family, ports, endpoints: list } });
  while (rest.length > 0) create(rest.splice(0, most));
  if (needsNone && left === 0) create([]);
  return actions;
}

function metadataOf(service: Service): EndpointSlice['metadata'] {
  const { name = '', namespace, uid = '' } = service.metadata;
  return {
    generateName: `${name}-`,
    ...(namespace === undefined ? {} : { namespace }),
    labels: {
      ...inheritedLabels(service, RESERVED),
      [SERVICE_NAME_LABEL]: name,
      [MANAGED_BY_LABEL]: MANAGER,
      ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}),
    },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true }],
  };
}

const merged = ({ metadata }: EndpointSlice, { labels, ownerReferences }: EndpointSlice['metadata']): EndpointSlice['metadata'] => ({
  ...metadata,
  ...(labels === undefined ? {} : { labels }),
  ...(ownerReferences === undefined ? {} : { ownerReferences }),
});

function hasMetadata({ metadata }: EndpointSlice, wanted: EndpointSlice['metadata']): boolean {
  return isDeepStrictEqual(plain([metadata.labels, metadata.ownerReferences]), plain([wanted.labels, wanted.ownerReferences]));
}

const isSame = (a: readonly Endpoint[], b: readonly Endpoint[]): boolean => isDeepStrictEqual(plain(a), plain(b));
/** Without fields that are there and undefined. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
