/**
 * Slices for Endpoints that people write by hand: proxies read slices alone. Pure.
 * Source: "EndpointSlice mirroring" in the Kubernetes docs: services without a selector; not what is labelled to be left out, not what
 * elects leaders; 1,000 addresses of a subset at most; which labels and annotations are taken over.
 */
import { isDeepStrictEqual } from 'node:util';
import { parseIp } from '#api/ip.ts';
import type { EndpointAddress, EndpointPort, Endpoints } from '#api/kinds/core/endpoints.ts';
import type { Service } from '#api/kinds/core/service.ts';
import type { Endpoint, EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from '../../component/kinds.ts';

export const MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SKIP_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';
/** Of the Endpoints alone. */
const OWN_ANNOTATIONS = new Set(['kubectl.kubernetes.io/last-applied-configuration', 'endpoints.kubernetes.io/last-change-trigger-time']);
const MOST_ADDRESSES = 1_000;

/** What Endpoints have too much of, in upstream's words. */
export function surplusText({ subsets = [] }: Endpoints): string | undefined {
  const surplus = subsets.reduce(
    (sum, { addresses = [], notReadyAddresses = [] }) => sum + Math.max(0, addresses.length + notReadyAddresses.length - MOST_ADDRESSES),
    0,
  );
  if (surplus === 0) return undefined;
  return `A max of ${MOST_ADDRESSES} addresses can be mirrored to EndpointSlices per Endpoints subset. ${surplus} addresses were skipped`;
}

export type SliceAction =
  | { readonly kind: 'createSlice'; readonly slice: EndpointSlice }
  | { readonly kind: 'updateSlice'; readonly slice: EndpointSlice }
  | { readonly kind: 'deleteSlice'; readonly name: string; readonly uid: string };

export interface Mirrored {
  readonly endpoints: Endpoints | undefined;
  readonly service: Service | undefined;
  /** Those of this service that are ours. */
  readonly slices: readonly EndpointSlice[];
}

export function planSlices({ endpoints, service, slices }: Mirrored): SliceAction[] {
  const wanted = endpoints !== undefined && isToMirror(endpoints, service) ? slicesOf(endpoints) : new Map<string, EndpointSlice>();
  const actions: SliceAction[] = [];
  for (const there of slices) {
    const key = keyOf(there);
    const slice = wanted.get(key);
    wanted.delete(key);
    const { name = '', uid = '' } = there.metadata;
    if (slice === undefined || there.metadata.deletionTimestamp !== undefined) actions.push({ kind: 'deleteSlice', name, uid });
    else if (!isSame(there, slice))
      actions.push({ kind: 'updateSlice', slice: { ...there, ...slice, metadata: { ...there.metadata, ...slice.metadata } } });
  }
  return [...actions, ...[...wanted.values()].map((slice) => ({ kind: 'createSlice', slice }) as const)];
}

export function isToMirror({ metadata }: Endpoints, service: Service | undefined): boolean {
  if (service === undefined || service.spec?.selector !== undefined) return false;
  return (
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.[SKIP_LABEL] !== 'true' &&
    metadata.annotations?.[LEADER_ANNOTATION] === undefined
  );
}

/** By kind of address and ports. */
function slicesOf(endpoints: Endpoints): Map<string, EndpointSlice> {
  const { name = '', namespace, uid = '', labels, annotations } = endpoints.metadata;
  const kept = Object.entries(annotations ?? {}).filter(([key]) => !OWN_ANNOTATIONS.has(key));
  const metadata = {
    generateName: `${name}-`,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { ...labels, [SERVICE_NAME_LABEL]: name, [MANAGED_BY_LABEL]: MANAGER },
    ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }),
    ownerReferences: [{ apiVersion: 'v1', kind: 'Endpoints', name, uid, controller: true, blockOwnerDeletion: true }],
  };
  const made = new Map<string, EndpointSlice>();
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of endpoints.subsets ?? []) {
    const all = [
      ...addresses.map((address) => ({ address, ready: true })),
      ...notReadyAddresses.map((address) => ({ address, ready: false })),
    ].slice(0, MOST_ADDRESSES);
    for (const { address, ready } of all) {
      const family = parseIp(address.ip)?.family;
      if (family === undefined) continue; // no address at all: the API takes none
      const empty: EndpointSlice = { metadata, addressType: family, endpoints: [], ports: ports.map(portOf) };
      const key = keyOf(empty);
      const slice = made.get(key) ?? empty;
      made.set(key, { ...slice, endpoints: [...(slice.endpoints ?? []), endpointOf(address, ready)] });
    }
  }
  return made;
}

const portOf = ({ name, protocol, port, appProtocol }: EndpointPort) => ({
  name: name ?? '',
  protocol: protocol ?? ('TCP' as const),
  port,
  ...(appProtocol === undefined ? {} : { appProtocol }),
});

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

const keyOf = ({ addressType, ports }: EndpointSlice): string =>
  JSON.stringify([addressType, (ports ?? []).map((p) => [p.name ?? '', p.protocol ?? 'TCP', p.port, p.appProtocol])]);

/** What we write of it is as we would write it. */
function isSame(there: EndpointSlice, wanted: EndpointSlice): boolean {
  const of = ({ endpoints, metadata: { labels, annotations, ownerReferences } }: EndpointSlice): unknown =>
    JSON.parse(JSON.stringify({ endpoints: endpoints ?? [], labels, annotations, ownerReferences }));
  return isDeepStrictEqual(of(there), of(wanted));
}
