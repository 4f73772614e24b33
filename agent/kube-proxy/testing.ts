/** Generators and builders for the tests of the proxy, of every mode. Pure; not loaded by the daemon. */
import fc from 'fast-check';
import type { Service, ServiceSpec } from '#api/kinds/core/service.ts';
import type { Endpoint, EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { SERVICE_NAME_LABEL } from './endpoints.ts';
import type { ServiceInput } from './services.ts';
import { ServiceTable } from './serviceTable.ts';
import type { Family } from './ip.ts';
import type { Packet } from './packet.ts';
import type { LocalTraffic, ProxySettings } from './proxier.ts';
import type { NodeView } from './servicePort.ts';

export const NODE: NodeView = { name: 'node-a', zone: 'zone-1' };

export function service(name: string, spec: ServiceSpec, status?: Service['status']): Service {
  const [namespace = 'default', short = ''] = name.includes('/') ? name.split('/') : ['default', name];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name: short },
    spec,
    ...(status === undefined ? {} : { status }),
  };
}

export interface SliceParts {
  readonly ports?: EndpointSlice['ports'];
  readonly endpoints: readonly Endpoint[];
  readonly addressType?: EndpointSlice['addressType'];
}

export function slice(
  name: string,
  { ports = [{ name: '', port: 8080, protocol: 'TCP' }], endpoints, addressType = 'IPv4' }: SliceParts,
): EndpointSlice {
  const [namespace = 'default', short = ''] = name.includes('/') ? name.split('/') : ['default', name];
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace, name: `${short}-${addressType.toLowerCase()}`, labels: { [SERVICE_NAME_LABEL]: short } },
    addressType,
    endpoints,
    ports,
  };
}

export function tableOf(inputs: readonly ServiceInput[], node: NodeView = NODE): ServiceTable {
  const table = new ServiceTable(node);
  for (const input of inputs) table.set(`${input.service.metadata.namespace}/${input.service.metadata.name}`, input);
  return table;
}

/** An order of items drawn by the generator, so that a failure shrinks. */
export function shuffledOf<T>(items: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });
}

const NODE_NAMES = ['node-a', 'node-b', 'node-c'];
const ZONES = ['zone-1', 'zone-2'];

const condition = fc.constantFrom(
  { ready: true },
  { ready: true },
  {},
  { ready: false, serving: true, terminating: true },
  { ready: false, serving: false, terminating: true },
  { ready: false },
);

/** Few distinct values everywhere, so that services meet. */
const hints = fc.constantFrom<Endpoint['hints'][]>(
  undefined,
  { forZones: [{ name: 'zone-1' }] },
  { forZones: [{ name: 'zone-2' }] },
  { forNodes: [{ name: 'node-a' }], forZones: [{ name: 'zone-1' }] },
);

function endpoints(prefix: string): fc.Arbitrary<Endpoint[]> {
  const one = fc.record({
    last: fc.integer({ min: 1, max: 250 }),
    conditions: condition,
    nodeName: fc.constantFrom(...NODE_NAMES),
    zone: fc.constantFrom(...ZONES),
    hints,
  });
  return fc
    .uniqueArray(one, { maxLength: 6, selector: (e) => e.last })
    .map((all) =>
      all.map(({ last, hints, ...e }) => ({ ...e, addresses: [`${prefix}${last}`], ...(hints === undefined ? {} : { hints }) })),
    );
}

export interface CorpusOptions {
  readonly protocols?: readonly ('TCP' | 'UDP' | 'SCTP')[];
  /** Draw node ports, external and load balancer addresses from so few values that services claim the same. Default true. */
  readonly maxServices?: number;
}

/** Random services with slices, both families, every type and policy, with conflicts among them. */
export function corpus({ protocols = ['TCP', 'UDP'], maxServices = 8 }: CorpusOptions = {}): fc.Arbitrary<ServiceInput[]> {
  const small = fc.integer({ min: 1, max: 9 });
  const spec = fc.record({
    n: fc.integer({ min: 1, max: 12 }),
    type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
    protocol: fc.constantFrom(...protocols),
    dual: fc.boolean(),
    twoPorts: fc.boolean(),
    nodePort: small,
    external: fc.option(small, { nil: undefined }),
    vip: fc.option(small, { nil: undefined }),
    ranges: fc.constantFrom(undefined, ['192.0.2.0/24'], ['10.9.0.0/16', 'fd09::/64'], ['oops']),
    affinity: fc.boolean(),
    externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
    internalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
    v4: endpoints('10.1.0.'),
    v6: endpoints('fd01::'),
  });
  const one = spec.map(
    ({
      n,
      type,
      protocol,
      dual,
      twoPorts,
      nodePort,
      external,
      vip,
      ranges,
      affinity,
      v4,
      v6,
      ...policies
    }): Omit<ServiceInput, 'service'> & { spec: ServiceSpec; vip: number | undefined } => ({
      vip: type === 'LoadBalancer' ? vip : undefined,
      spec: {
        type,
        clusterIPs: [`10.96.0.${n}`, ...(dual ? [`fd96::${n}`] : [])],
        ports: [
          { name: 'a', port: 80, protocol, ...(type === 'ClusterIP' ? {} : { nodePort: 30_000 + nodePort }) },
          ...(twoPorts ? [{ name: 'b', port: 81, protocol, ...(type === 'ClusterIP' ? {} : { nodePort: 30_100 + nodePort }) }] : []),
        ],
        ...(external === undefined ? {} : { externalIPs: [`192.0.2.${external}`, `fd99::${external}`, `10.96.0.${external}`] }),
        ...(ranges === undefined ? {} : { loadBalancerSourceRanges: ranges }),
        ...(affinity ? { sessionAffinity: 'ClientIP' as const } : {}),
        ...(type === 'LoadBalancer' && policies.externalTrafficPolicy === 'Local' ? { healthCheckNodePort: 31_000 + nodePort } : {}),
        ...policies,
      } as ServiceSpec,
      slices: [
        slice('x', {
          endpoints: v4,
          ports: [
            { name: 'a', port: 8080, protocol },
            { name: 'b', port: 8081, protocol },
          ],
        }),
        slice('x', { endpoints: v6, addressType: 'IPv6', ports: [{ name: 'a', port: 8080, protocol }] }),
      ],
    }),
  );
  return fc.array(one, { maxLength: maxServices }).map((all) =>
    all.map(({ spec, vip, slices }, i) => ({
      service: service(
        `ns/s${i}`,
        spec,
        vip === undefined ? undefined : { loadBalancer: { ingress: [{ ip: `192.0.2.${vip}` }, { ip: `fd98::${vip}` }] } },
      ),
      slices,
    })),
  );
}

export interface SettingsChoices {
  readonly masqueradeAll?: boolean;
  readonly localTraffic?: string;
  readonly nodePorts?: string;
  readonly localhostNodePorts?: boolean;
}

const NODE_IPS: Readonly<Record<Family, readonly string[]>> = {
  IPv4: ['10.9.0.1', '198.51.100.1', '127.0.0.1'],
  IPv6: ['fd09::1', 'fd88::1', '::1'],
};

export function settingsOf(family: Family, choices: SettingsChoices = {}): ProxySettings {
  const [nodeIp = '', other = ''] = NODE_IPS[family];
  const localTraffics: Readonly<Record<string, LocalTraffic>> = {
    cidr: { kind: 'cidr', cidr: family === 'IPv4' ? '10.1.0.0/25' : 'fd01::/121' },
    bridge: { kind: 'bridge', name: 'cni0' },
    interfacePrefix: { kind: 'interfacePrefix', prefix: 'veth' },
  };
  return {
    family,
    masqueradeBit: 14,
    masqueradeAll: choices.masqueradeAll ?? false,
    localTraffic: localTraffics[choices.localTraffic ?? 'cidr'] ?? { kind: 'unknown' },
    nodeIp,
    nodePorts: choices.nodePorts === 'only' ? { kind: 'only', ips: [other, NODE_IPS[family][2] ?? ''] } : { kind: 'all' },
    localhostNodePorts: (choices.localhostNodePorts ?? false) && family === 'IPv4',
    conntrackLiberal: false,
  };
}

/** Packets of which most meet one of the services. */
export function packetTo(family: Family, inputs: readonly ServiceInput[]): fc.Arbitrary<Packet> {
  const v4 = family === 'IPv4';
  const known = [...tableOf(inputs).ports(family).values()].flatMap(
    ({ clusterIp, externalIps, loadBalancerIps, nodePort, port, protocol }) => [
      ...[clusterIp, ...externalIps, ...loadBalancerIps].map((dst) => ({ dst, dport: port, protocol })),
      ...(nodePort === undefined ? [] : NODE_IPS[family].map((dst) => ({ dst, dport: nodePort, protocol }))),
    ],
  );
  const any = fc.record({
    dst: fc.constantFrom(...NODE_IPS[family], ...(v4 ? ['10.96.0.3', '192.0.2.3'] : ['fd96::3', 'fd98::3'])),
    dport: fc.constantFrom(80, 81, 30_001, 30_102),
    protocol: fc.constantFrom<Packet['protocol']>('tcp', 'udp'),
  });
  const to = known.length === 0 ? any : fc.oneof({ arbitrary: fc.constantFrom(...known), weight: 9 }, { arbitrary: any, weight: 1 });
  const src = fc.oneof(
    fc.integer({ min: 1, max: 250 }).map((i) => (v4 ? `10.1.0.${i}` : `fd01::${i}`)),
    fc.constantFrom(...(v4 ? ['10.9.0.7', '192.0.2.3', '203.0.113.5', '192.0.2.1'] : ['fd09::7', 'fd98::3', 'fd77::5', 'fd98::1'])),
    fc.constantFrom(...NODE_IPS[family].slice(0, 2)),
  );
  return fc
    .record({
      src,
      to,
      inInterface: fc.constantFrom('cni0', 'veth7', 'eth0'),
    })
    .map((p) => {
      const { inInterface, to } = p;
      // Only the node itself reaches its loopback, and from there. What the node sends has an address of the node.
      const [, , loopback = ''] = NODE_IPS[family];
      const src = to.dst === loopback ? loopback : p.src;
      return { ...to, src, family, nodeAddresses: NODE_IPS[family], ...(NODE_IPS[family].includes(src) ? {} : { inInterface }) };
    });
}
