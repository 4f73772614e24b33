/**
 * What the endpoints controllers do on a cluster, for a host without any: EndpointSlices from the node's pods, from Endpoints
 * documents, and hints from trafficDistribution. Pure.
 *
 * Source: Service and EndpointSlice chapters of the Kubernetes documentation; KEP-1669 (serving, terminating), KEP-3015 (traffic distribution).
 */
import { fromMap, matches } from '#api/labels.ts';
import type { Endpoints } from '#api/kinds/core/endpoints.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service, ServicePort } from '#api/kinds/core/service.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { SERVICE_NAME_LABEL } from '../endpoints.ts';
import { FAMILIES, parseIp, type Family } from '../ip.ts';

/** Slices for the pods that the service selects, one for each family and set of ports. Empty without a selector. */
export function slicesOfPods(service: Service, pods: readonly Pod[], nodeName: string): EndpointSlice[] {
  const { selector, publishNotReadyAddresses, ports = [], type } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0 || type === 'ExternalName') return [];
  const { namespace } = service.metadata;
  const wanted = fromMap(selector);
  const found = new Map<string, { family: Family; ports: EndpointPort[]; endpoints: Endpoint[] }>();
  for (const pod of pods) {
    if (pod.metadata.namespace !== namespace || !matches(wanted, pod.metadata.labels) || isOver(pod)) continue;
    const resolved = ports.flatMap((port) => resolvePort(port, pod));
    if (resolved.length === 0) continue;
    for (const [family, address] of addressesOf(pod)) {
      const key = `${family} ${JSON.stringify(resolved)}`;
      const slice = found.get(key) ?? { family, ports: resolved, endpoints: [] };
      found.set(key, slice);
      slice.endpoints.push(endpointOf(pod, { address, nodeName, publishNotReady: publishNotReadyAddresses ?? false }));
    }
  }
  return [...found.values()].map(({ family, ports, endpoints }, i) => sliceFor(service, { suffix: `pods-${i}`, family, ports, endpoints }));
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** The first address of each family. */
function addressesOf({ status }: Pod): Map<Family, string> {
  const texts = [...(status?.podIPs ?? []).map((p) => p.ip ?? ''), status?.podIP ?? ''];
  const found = new Map<Family, string>();
  for (const text of texts) {
    const ip = parseIp(text);
    if (ip !== undefined && !found.has(ip.family)) found.set(ip.family, ip.text);
  }
  return found;
}

/** A named target port may be another number in every pod; a pod without it does not serve that port. */
function resolvePort({ name, protocol = 'TCP', port, targetPort = port }: ServicePort, pod: Pod): EndpointPort[] {
  const number = typeof targetPort === 'number' ? (targetPort === 0 ? port : targetPort) : namedPort(targetPort, protocol, pod);
  return number === undefined ? [] : [{ name: name ?? '', protocol, port: number }];
}

function namedPort(name: string, protocol: string, pod: Pod): number | undefined {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always')];
  return containers.flatMap((c) => c.ports ?? []).find((p) => p.name === name && (p.protocol ?? 'TCP') === protocol)?.containerPort;
}

function endpointOf(
  pod: Pod,
  { address, nodeName, publishNotReady }: { address: string; nodeName: string; publishNotReady: boolean },
): Endpoint {
  const serving = pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { name = '', namespace = '', uid } = pod.metadata;
  return {
    addresses: [address],
    conditions: { ready: publishNotReady || (serving && !terminating), serving: publishNotReady || serving, terminating },
    nodeName,
    targetRef: { kind: 'Pod', namespace, name, ...(uid === undefined ? {} : { uid }) },
  };
}

/** As the mirroring controller makes them. */
export function slicesOfEndpoints(service: Service, { subsets }: Endpoints): EndpointSlice[] {
  return (subsets ?? []).flatMap((subset, i) =>
    FAMILIES.flatMap((family) => {
      const endpoints = [
        ...(subset.addresses ?? []).map((a) => ({ ...a, ready: true })),
        ...(subset.notReadyAddresses ?? []).map((a) => ({ ...a, ready: false })),
      ]
        .filter((a) => parseIp(a.ip)?.family === family)
        .map(({ ip, ready, nodeName, targetRef }) => ({
          addresses: [ip],
          conditions: { ready },
          ...(nodeName === undefined ? {} : { nodeName }),
          ...(targetRef === undefined ? {} : { targetRef }),
        }));
      const ports = (subset.ports ?? []).map(({ name = '', port, protocol = 'TCP' }) => ({ name, port, protocol }));
      return endpoints.length === 0
        ? []
        : [sliceFor(service, { suffix: `endpoints-${i}-${family.toLowerCase()}`, family, ports, endpoints })];
    }),
  );
}

interface SliceParts {
  readonly suffix: string;
  readonly family: Family;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

function sliceFor({ metadata }: Service, { suffix, family, ports, endpoints }: SliceParts): EndpointSlice {
  const { name = '', namespace = '' } = metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace, name: `${name}-${suffix}`, labels: { [SERVICE_NAME_LABEL]: name } },
    addressType: family,
    ports,
    endpoints,
  };
}

/** trafficDistribution becomes hints where the document gives none: kube-proxy itself follows hints only. */
export function withHints(service: Service, slice: EndpointSlice): EndpointSlice {
  const { trafficDistribution } = service.spec;
  if (trafficDistribution === undefined) return slice;
  const endpoints = (slice.endpoints ?? []).map((e) => {
    if (e.hints !== undefined) return e;
    const forZones = e.zone === undefined ? [] : [{ name: e.zone }];
    const forNodes = trafficDistribution === 'PreferSameNode' && e.nodeName !== undefined ? [{ name: e.nodeName }] : [];
    return { ...e, hints: { ...(forZones.length === 0 ? {} : { forZones }), ...(forNodes.length === 0 ? {} : { forNodes }) } };
  });
  return { ...slice, endpoints };
}
