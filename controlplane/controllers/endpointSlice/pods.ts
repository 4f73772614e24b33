/**
 * What a service makes of the pods it selects: which count, under which address and ports. For EndpointSlices and Endpoints alike. Pure.
 * Source: the Service and EndpointSlice chapters of the Kubernetes documentation; KEP-1669 (terminating endpoints).
 */
import { isDeepStrictEqual } from 'node:util';
import { parseIp } from '#api/ip.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service, ServicePort } from '#api/kinds/core/service.ts';
import type { EndpointPort } from '#api/kinds/discovery/v1.ts';
import { fromMap, matches } from '#api/labels.ts';
import { isGoing, isOver } from '../workloads/pods.ts';

export const HEADLESS_LABEL = 'service.kubernetes.io/headless';

/** Whether the endpoints of this service are kept by us: it has a selector, and is no other name of something else. */
export function isKept({ spec }: Service): boolean {
  return spec.selector !== undefined && spec.type !== 'ExternalName';
}

export function selects({ metadata, spec }: Service, pod: Pod): boolean {
  return (
    metadata.namespace === pod.metadata.namespace && spec.selector !== undefined && matches(fromMap(spec.selector), pod.metadata.labels)
  );
}

export const isHeadless = ({ spec }: Service): boolean => spec.clusterIP === 'None';

/** withGoing: also those that are about to end. */
export function counts(pod: Pod, withGoing: boolean): boolean {
  return !isOver(pod) && (withGoing || !isGoing(pod));
}

/** The first address of the family; undefined: it has none. */
export function addressOf({ status }: Pod, family: string): string | undefined {
  for (const text of [...(status?.podIPs ?? []).map(({ ip }) => ip ?? ''), status?.podIP ?? '']) {
    if (parseIp(text)?.family === family) return text;
  }
  return undefined;
}

/** Ports of the service on this pod: a named target port may be another number in every pod, and one without it does not serve that port. */
export function portsOf({ spec }: Service, pod: Pod): readonly EndpointPort[] {
  return (spec.ports ?? []).flatMap((port) => {
    const number = targetOf(port, pod);
    const { name = '', protocol = 'TCP', appProtocol } = port;
    return number === undefined ? [] : [{ name, protocol, port: number, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

/** Whether the pod stands behind the service at all: one without any port of it only where the service has none either. */
export const servesAny = ({ spec }: Service, ports: readonly EndpointPort[]): boolean =>
  ports.length > 0 || (spec.ports ?? []).length === 0;

function targetOf({ port, protocol = 'TCP', targetPort = port }: ServicePort, { spec }: Pod): number | undefined {
  if (typeof targetPort === 'number') return targetPort === 0 ? port : targetPort;
  const containers = [...spec.containers, ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')];
  return containers.flatMap(({ ports = [] }) => ports).find((p) => p.name === targetPort && (p.protocol ?? 'TCP') === protocol)
    ?.containerPort;
}

/** The name of the pod below the service's; undefined: it has none. */
export function hostnameOf({ metadata }: Service, { spec }: Pod): string | undefined {
  const { hostname = '', subdomain } = spec;
  return hostname !== '' && subdomain === metadata.name ? hostname : undefined;
}

export function targetRefOf({ metadata: { name = '', namespace = '', uid } }: Pod) {
  return { kind: 'Pod', namespace, name, ...(uid === undefined ? {} : { uid }) };
}

/** What endpoints are made of; a pod that changes elsewhere rings nobody. */
const essence = (pod: Pod): unknown => [
  pod.metadata.labels,
  isGoing(pod),
  isOver(pod),
  pod.metadata.uid,
  pod.spec.nodeName,
  pod.spec.hostname,
  pod.spec.subdomain,
  pod.status?.podIP,
  pod.status?.podIPs,
  pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status,
];

export function isSameForEndpoints(before: Pod | undefined, after: Pod | undefined): boolean {
  return before !== undefined && after !== undefined && isDeepStrictEqual(essence(before), essence(after));
}

/** Labels of the service that its endpoints carry too. */
export function inheritedLabels({ metadata }: Service, reserved: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata.labels ?? {}).filter(([key]) => !reserved.includes(key)));
}
