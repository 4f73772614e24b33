/**
 * From EndpointSlices to the endpoints of each service port, and from those to the ones this node may use. Pure.
 *
 * Source: KEP-752 (EndpointSlices), KEP-1669 (terminating endpoints), KEP-2433 and KEP-3015 (hints and trafficDistribution),
 * KEP-2086 (internalTrafficPolicy). Only the first address of an endpoint counts; the API defines the others as unused.
 */
import type { Endpoint as SliceEndpoint, EndpointPort, EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { parseIp, unusableAsEndpoint, type Family } from './ip.ts';
import { endpointText, type Endpoint, type EndpointChoice, type NodeView, type Problem } from './servicePort.ts';

/** The label that says which service a slice belongs to. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** Endpoints by portKey(name, protocol), each list ordered by text. */
export type EndpointsByPort = ReadonlyMap<string, readonly Endpoint[]>;

export function portKey(name: string, protocol: string): string {
  return `${protocol}/${name}`;
}

export interface SliceInput {
  readonly slices: readonly EndpointSlice[];
  readonly family: Family;
  readonly node: NodeView;
  readonly problems: Problem[];
}

export function endpointsByPort({ slices, family, node, problems }: SliceInput): EndpointsByPort {
  const found = new Map<string, Map<string, Endpoint>>();
  for (const slice of slices) {
    if (slice.addressType !== family) continue;
    const object = `EndpointSlice ${slice.metadata.namespace ?? ''}/${slice.metadata.name ?? ''}`;
    for (const port of slice.ports ?? []) {
      if (!isUsablePort(port, object, problems)) continue;
      const key = portKey(port.name ?? '', port.protocol ?? 'TCP');
      const set = found.get(key) ?? new Map<string, Endpoint>();
      found.set(key, set);
      for (const given of slice.endpoints ?? []) {
        const endpoint = readEndpoint(given, { port: port.port, family, node, object, problems });
        if (endpoint === undefined) continue;
        const before = set.get(endpoint.text);
        set.set(endpoint.text, before === undefined ? endpoint : better(before, endpoint));
      }
    }
  }
  return new Map([...found].map(([key, set]) => [key, [...set.values()].sort((a, b) => (a.text < b.text ? -1 : 1))]));
}

function isUsablePort(port: EndpointPort, object: string, problems: Problem[]): port is EndpointPort & { readonly port: number } {
  if (port.port !== undefined && Number.isInteger(port.port) && port.port >= 1 && port.port <= 65_535) return true;
  const shown = port.port === undefined ? 'no port number' : `port ${port.port}`;
  problems.push({
    object,
    code: 'ENDPOINT_INVALID',
    message: `port "${port.name ?? ''}" has ${shown}: want a number from 1 to 65535, its endpoints are left out`,
  });
  return false;
}

interface EndpointContext {
  readonly port: number;
  readonly family: Family;
  readonly node: NodeView;
  readonly object: string;
  readonly problems: Problem[];
}

function readEndpoint(given: SliceEndpoint, { port, family, node, object, problems }: EndpointContext): Endpoint | undefined {
  const [address = ''] = given.addresses;
  const ip = parseIp(address);
  const refuse = (why: string): undefined => {
    problems.push({ object, code: 'ENDPOINT_INVALID', message: `endpoint "${address}" ${why}, it is left out` });
    return undefined;
  };
  if (ip === undefined) return refuse('is no IP address');
  if (ip.family !== family) return refuse(`is no ${family} address although the slice is of addressType ${family}`);
  const unusable = unusableAsEndpoint(ip.text);
  if (unusable !== undefined) return refuse(`is a ${unusable} address, which no service can reach`);
  const { conditions, nodeName, zone, targetRef, hints } = given;
  return {
    ip: ip.text,
    port,
    text: endpointText(ip.text, port),
    isLocal: node.name !== '' && nodeName === node.name,
    ready: conditions?.ready ?? true,
    serving: conditions?.serving ?? conditions?.ready ?? true,
    terminating: conditions?.terminating ?? false,
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    forZones: (hints?.forZones ?? []).map((z) => z.name),
    forNodes: (hints?.forNodes ?? []).map((n) => n.name),
    ...(targetRef?.name === undefined ? {} : { target: `${targetRef.kind ?? 'Pod'} ${targetRef.namespace ?? ''}/${targetRef.name}` }),
  };
}

/** The same address in two slices: while a controller moves it. Decided by content alone, so that the order of slices does not matter. */
function better(a: Endpoint, b: Endpoint): Endpoint {
  const rank = (e: Endpoint): string => [e.isLocal, e.ready, e.serving, !e.terminating].map(Number).join('') + JSON.stringify(e);
  return rank(a) >= rank(b) ? a : b;
}

export interface ChoiceInput {
  readonly endpoints: readonly Endpoint[];
  readonly usesCluster: boolean;
  readonly usesLocal: boolean;
  readonly node: NodeView;
}

/**
 * Ready endpoints; where there are none, those that still serve while they terminate. Decided for Cluster and Local
 * separately. Hints narrow Cluster only when every ready endpoint has one and at least one is for us.
 */
export function chooseEndpoints({ endpoints, usesCluster, usesLocal, node }: ChoiceInput): EndpointChoice {
  const topology = usesCluster ? topologyOf(endpoints, node) : 'none';
  const cluster = usesCluster
    ? readyElseDraining(
        endpoints,
        (e) =>
          topology === 'none' ||
          (topology === 'sameNode' ? e.forNodes.includes(node.name) : node.zone !== undefined && e.forZones.includes(node.zone)),
      )
    : [];
  if (!usesLocal) return { cluster, local: [], reachable: cluster, hasAny: cluster.length > 0, topology };
  const local = readyElseDraining(
    endpoints.filter((e) => e.isLocal),
    () => true,
  );
  const hasAny = endpoints.some((e) => e.ready || isDraining(e));
  const union = new Set([...cluster, ...local]);
  const reachable = usesCluster ? endpoints.filter((e) => union.has(e)) : local;
  return { cluster, local, reachable, hasAny, topology };
}

function readyElseDraining(endpoints: readonly Endpoint[], fits: (e: Endpoint) => boolean): readonly Endpoint[] {
  const ready = endpoints.filter((e) => e.ready && fits(e));
  return ready.length > 0 ? ready : endpoints.filter(isDraining);
}

function isDraining(e: Endpoint): boolean {
  return !e.ready && e.serving && e.terminating;
}

function topologyOf(endpoints: readonly Endpoint[], node: NodeView): EndpointChoice['topology'] {
  const ready = endpoints.filter((e) => e.ready);
  if (ready.length === 0) return 'none';
  if (ready.every((e) => e.forNodes.length > 0) && ready.some((e) => e.forNodes.includes(node.name))) return 'sameNode';
  const { zone } = node;
  if (zone !== undefined && ready.every((e) => e.forZones.length > 0) && ready.some((e) => e.forZones.includes(zone))) return 'sameZone';
  return 'none';
}
