/**
 * The Endpoints of a service with a selector, in the form that upstream gives them: addresses that share their ports together, in order.
 * Pure.
 * Source: "Over-capacity endpoints" and the label of who keeps them in the Kubernetes documentation, 1.36.
 */
import { isDeepStrictEqual } from 'node:util';
import type { EndpointAddress, EndpointPort, Endpoints, EndpointSubset } from '#api/kinds/core/endpoints.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import {
  addressOf,
  counts,
  HEADLESS_LABEL,
  hostnameOf,
  isHeadless,
  isKept,
  portsOf,
  servesAny,
  targetRefOf,
} from '../endpointSlice/pods.ts';
import { isReady } from '../workloads/pods.ts';

export const MOST_ADDRESSES = 1_000;
export const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time';

export type EndpointsAction =
  | { readonly kind: 'createEndpoints'; readonly endpoints: Endpoints }
  | { readonly kind: 'updateEndpoints'; readonly endpoints: Endpoints }
  | { readonly kind: 'deleteEndpoints'; readonly endpoints: Endpoints };

export interface EndpointsView {
  readonly service: Service | undefined;
  readonly pods: readonly Pod[];
  readonly endpoints: Endpoints | undefined;
}

/** Endpoints without a service go: of the leaders' ones, which never had one, the caller does not speak. */
export function planEndpoints({ service, pods, endpoints: there }: EndpointsView): readonly EndpointsAction[] {
  if (service === undefined) return there === undefined ? [] : [{ kind: 'deleteEndpoints', endpoints: there }];
  if (!isKept(service) || service.metadata.deletionTimestamp !== undefined) return [];
  const { subsets, isOver } = limited(subsetsOf(service, pods));
  const labels = {
    ...service.metadata.labels,
    [MANAGED_BY]: 'endpoint-controller',
    ...(isHeadless(service) ? { [HEADLESS_LABEL]: '' } : {}),
  };
  const { [OVER_CAPACITY]: _, [TRIGGER]: trigger, ...others } = there?.metadata.annotations ?? {};
  const annotations = {
    ...others,
    ...(trigger === undefined ? {} : { [TRIGGER]: trigger }),
    ...(isOver ? { [OVER_CAPACITY]: 'truncated' } : {}),
  };
  const { name = '', namespace } = service.metadata;
  const own = { name, ...(namespace === undefined ? {} : { namespace }), labels };
  if (there === undefined) {
    const metadata = { ...own, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) };
    return [{ kind: 'createEndpoints', endpoints: { metadata, subsets } }];
  }
  const of = (labelsOf: unknown, annotationsOf: unknown, subsetsIn: unknown): unknown =>
    JSON.parse(JSON.stringify([labelsOf ?? {}, annotationsOf ?? {}, subsetsIn ?? []]));
  const isSame = isDeepStrictEqual(of(there.metadata.labels, there.metadata.annotations, there.subsets), of(labels, annotations, subsets));
  return isSame
    ? []
    : [{ kind: 'updateEndpoints', endpoints: { ...there, metadata: { ...there.metadata, ...own, annotations }, subsets } }];
}

function subsetsOf(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const publish = service.spec.publishNotReadyAddresses === true;
  const family = service.spec.ipFamilies?.[0] ?? 'IPv4';
  const groups = new Map<string, { ports: readonly EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }>();
  for (const pod of pods) {
    if (!counts(pod, publish)) continue;
    const ip = addressOf(pod, family);
    const ports = portsOf(service, pod).map(portOf);
    if (ip === undefined || !servesAny(service, ports)) continue;
    const key = JSON.stringify(ports.map((port) => JSON.stringify(port)).toSorted());
    const group = groups.get(key) ?? { ports, ready: [], notReady: [] };
    groups.set(key, group);
    const hostname = hostnameOf(service, pod);
    const { nodeName } = pod.spec;
    const address = {
      ip,
      ...(hostname === undefined ? {} : { hostname }),
      ...(nodeName === undefined ? {} : { nodeName }),
      targetRef: targetRefOf(pod),
    };
    (publish || isReady(pod) ? group.ready : group.notReady).push(address);
  }
  return [...groups.entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length === 0 ? {} : { addresses: ready.toSorted(byAddress) }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady.toSorted(byAddress) }),
      ...(ports.length === 0 ? {} : { ports: ports.toSorted((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1)) }),
    }));
}

const portOf = ({ name = '', protocol = 'TCP', port, appProtocol }: ReturnType<typeof portsOf>[number]): EndpointPort => ({
  ...(name === '' ? {} : { name }),
  port: port ?? 0,
  protocol,
  ...(appProtocol === undefined ? {} : { appProtocol }),
});

const byAddress = (a: EndpointAddress, b: EndpointAddress): number =>
  a.ip === b.ip ? ((a.targetRef?.uid ?? '') < (b.targetRef?.uid ?? '') ? -1 : 1) : a.ip < b.ip ? -1 : 1;

/** As many ready addresses as there is room for, then others; each subset in proportion. */
function limited(subsets: readonly EndpointSubset[]): { readonly subsets: readonly EndpointSubset[]; readonly isOver: boolean } {
  const count = (of: 'addresses' | 'notReadyAddresses'): number => subsets.reduce((sum, subset) => sum + (subset[of]?.length ?? 0), 0);
  const [ready, notReady] = [count('addresses'), count('notReadyAddresses')];
  if (ready + notReady <= MOST_ADDRESSES) return { subsets, isOver: false };
  const share = (total: number, room: number): ((list: readonly EndpointAddress[] | undefined) => readonly EndpointAddress[]) => {
    let left = room;
    let all = total;
    return (list = []) => {
      const take = all === 0 ? 0 : Math.min(list.length, Math.round((list.length * left) / all));
      left -= take;
      all -= list.length;
      return list.slice(0, take);
    };
  };
  const readyRoom = Math.min(ready, MOST_ADDRESSES);
  const [takeReady, takeOther] = [share(ready, readyRoom), share(notReady, MOST_ADDRESSES - readyRoom)];
  const kept = subsets.map(({ addresses, notReadyAddresses, ...rest }) => {
    const [a, n] = [takeReady(addresses), takeOther(notReadyAddresses)];
    return { ...(a.length === 0 ? {} : { addresses: a }), ...(n.length === 0 ? {} : { notReadyAddresses: n }), ...rest };
  });
  return { subsets: kept.filter((s) => 'addresses' in s || 'notReadyAddresses' in s), isOver: true };
}
