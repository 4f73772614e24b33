import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Service, ServiceSpec } from '#api/kinds/core/service.ts';
import type { Endpoint } from '#api/kinds/discovery/v1.ts';
import { FAMILIES } from './ip.ts';
import { readService, serviceKey, type ServiceInput } from './services.ts';
import type { ServiceTable } from './serviceTable.ts';
import { NODE, corpus, service, shuffledOf, slice, tableOf } from './testing.ts';
import type { ServicePort } from './servicePort.ts';

const CLUSTER: ServiceSpec = { clusterIP: '10.96.0.10', ports: [{ port: 80 }] };
const ready = (last: number, more: Partial<Endpoint> = {}): Endpoint => ({
  addresses: [`10.1.0.${last}`],
  conditions: { ready: true },
  ...more,
});
const ending = { ready: false, serving: true, terminating: true };
const web = (spec: Partial<ServiceSpec>, endpoints: Endpoint[] = [ready(1)], status?: Service['status']): ServiceInput => ({
  service: service('web', { ...CLUSTER, ...spec }, status),
  slices: [slice('web', { endpoints })],
});
const one = (input: ServiceInput): ServicePort => {
  const { ports, problems } = readService(input, NODE);
  assert.deepEqual(problems, []);
  assert.equal(ports.length, 1);
  return ports[0]!;
};
const texts = (endpoints: ServicePort['endpoints']): string[] => endpoints.map((e) => e.ip.replace('10.1.0.', '.'));

test('readService: a plain service has one port, named as upstream names it', () => {
  const port = one(web({}));
  assert.equal(port.name, 'default/web');
  assert.equal(port.id, 'default/web/tcp');
  assert.deepEqual(texts(port.choice.cluster), ['.1']);
  assert.equal(one({ service: service('a/b', { ...CLUSTER, ports: [{ name: 'http', port: 80 }] }), slices: [] }).name, 'a/b:http');
});

for (const [why, spec, labels] of [
  ['headless', { clusterIP: 'None' }, {}],
  ['ExternalName', { type: 'ExternalName', externalName: 'example.org', clusterIP: '' }, {}],
  ['no clusterIP', { clusterIP: '' }, {}],
  ['service-proxy-name', {}, { 'service.kubernetes.io/service-proxy-name': 'other' }],
] as const) {
  test(`readService: nothing to program, because: ${why}`, () => {
    const given = service('web', { ...CLUSTER, ...spec });
    const reading = readService({ service: { ...given, metadata: { ...given.metadata, labels } }, slices: [] }, NODE);
    assert.deepEqual([reading.ports, reading.problems], [[], []]);
    assert.match(reading.nothingBecause ?? '', new RegExp(why.split(' ')[0]!));
  });
}

test('readService: a dual-stack service has a port per family, each with the endpoints of its family', () => {
  const { ports } = readService(
    {
      service: service('web', { ...CLUSTER, clusterIPs: ['10.96.0.10', 'FD96:0::10'] }),
      slices: [slice('web', { endpoints: [ready(1)] }), slice('web', { addressType: 'IPv6', endpoints: [{ addresses: ['fd01::1'] }] })],
    },
    NODE,
  );
  assert.deepEqual(
    ports.map((p) => [p.family, p.clusterIp, p.endpoints.map((e) => e.text)]),
    [
      ['IPv4', '10.96.0.10', ['10.1.0.1:8080']],
      ['IPv6', 'fd96::10', ['[fd01::1]:8080']],
    ],
  );
});

test('readService: several ports find their endpoints by name and protocol', () => {
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' as const },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' as const },
    { name: 'metrics', port: 9153 },
  ];
  const { ports: read } = readService(
    {
      service: service('dns', { ...CLUSTER, ports }),
      slices: [
        slice('dns', {
          endpoints: [ready(1)],
          ports: [
            { name: 'dns', port: 5353, protocol: 'UDP' },
            { name: 'dns-tcp', port: 5354, protocol: 'TCP' },
            { name: 'metrics', port: 1, protocol: 'UDP' },
          ],
        }),
      ],
    },
    NODE,
  );
  assert.deepEqual(
    read.map((p) => [p.id, p.endpoints.map((e) => e.port)]),
    [
      ['default/dns:dns/udp', [5353]],
      ['default/dns:dns-tcp/tcp', [5354]],
      ['default/dns:metrics/tcp', []],
    ],
  );
});

for (const [sentence, spec, endpoints, want] of [
  [
    'ready endpoints serve, others do not',
    {},
    [ready(1), ready(2, { conditions: { ready: false } }), ready(3, { conditions: {} })],
    { cluster: ['.1', '.3'], hasAny: true },
  ],
  ['terminating endpoints serve only when nothing else does', {}, [ready(1), ready(2, { conditions: ending })], { cluster: ['.1'] }],
  [
    'terminating endpoints that still serve are the fall-back',
    {},
    [ready(1, { conditions: { ready: false } }), ready(2, { conditions: ending })],
    { cluster: ['.2'], hasAny: true },
  ],
  [
    'terminating endpoints that serve no more are none',
    {},
    [ready(1, { conditions: { ...ending, serving: false } })],
    { cluster: [], hasAny: false },
  ],
  [
    'internalTrafficPolicy Local uses the endpoints of this node alone',
    { internalTrafficPolicy: 'Local' },
    [ready(1, { nodeName: 'node-a' }), ready(2, { nodeName: 'node-b' })],
    { cluster: [], local: ['.1'], reachable: ['.1'], hasAny: true },
  ],
  [
    '... and knows that others serve elsewhere',
    { internalTrafficPolicy: 'Local' },
    [ready(2, { nodeName: 'node-b' })],
    { local: [], hasAny: true },
  ],
  [
    'Local falls back to terminating endpoints of this node by itself',
    { type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, nodePort: 30_000 }] },
    [ready(1, { nodeName: 'node-a', conditions: ending }), ready(2, { nodeName: 'node-b' })],
    { cluster: ['.2'], local: ['.1'], reachable: ['.1', '.2'] },
  ],
  [
    'externalTrafficPolicy Local means nothing to a cluster IP alone',
    { externalTrafficPolicy: 'Local' },
    [ready(1, { nodeName: 'node-a' }), ready(2)],
    { cluster: ['.1', '.2'], local: [] },
  ],
  [
    'zone hints are followed when all have one',
    {},
    [ready(1, { hints: { forZones: [{ name: 'zone-1' }] } }), ready(2, { hints: { forZones: [{ name: 'zone-2' }] } })],
    { cluster: ['.1'], topology: 'sameZone' },
  ],
  [
    '... and not when one has none',
    {},
    [ready(1, { hints: { forZones: [{ name: 'zone-1' }] } }), ready(2)],
    { cluster: ['.1', '.2'], topology: 'none' },
  ],
  [
    '... nor when none is for this zone',
    {},
    [ready(1, { hints: { forZones: [{ name: 'zone-2' }] } })],
    { cluster: ['.1'], topology: 'none' },
  ],
  [
    '... and endpoints that are not ready have no say',
    {},
    [ready(1, { hints: { forZones: [{ name: 'zone-1' }] } }), ready(2, { conditions: ending })],
    { cluster: ['.1'], topology: 'sameZone' },
  ],
  [
    'node hints come before zone hints',
    {},
    [
      ready(1, { hints: { forNodes: [{ name: 'node-a' }], forZones: [{ name: 'zone-1' }] } }),
      ready(2, { hints: { forNodes: [{ name: 'node-b' }], forZones: [{ name: 'zone-1' }] } }),
    ],
    { cluster: ['.1'], topology: 'sameNode' },
  ],
  [
    'node hints for others only leave it to the zone',
    {},
    [
      ready(1, { hints: { forNodes: [{ name: 'node-c' }], forZones: [{ name: 'zone-1' }] } }),
      ready(2, { hints: { forNodes: [{ name: 'node-b' }], forZones: [{ name: 'zone-2' }] } }),
    ],
    { cluster: ['.1'], topology: 'sameZone' },
  ],
] as [string, Partial<ServiceSpec>, Endpoint[], Record<string, unknown>][]) {
  test(`readService: ${sentence}`, () => {
    const { choice } = one(web(spec, endpoints));
    const got = {
      cluster: texts(choice.cluster),
      local: texts(choice.local),
      reachable: texts(choice.reachable),
      hasAny: choice.hasAny,
      topology: choice.topology,
    };
    for (const [key, value] of Object.entries(want)) assert.deepEqual(got[key as keyof typeof got], value, key);
  });
}

test('readService: endpoints without topology when the node knows no zone', () => {
  const { ports } = readService(web({}, [ready(1, { hints: { forZones: [{ name: '' }] } })]), { name: 'node-a' });
  assert.equal(ports[0]?.choice.topology, 'none');
});

test('readService: load balancer addresses of mode Proxy and other families are not ours', () => {
  const port = one(
    web({ type: 'LoadBalancer', externalIPs: ['198.51.100.1', 'fd00::1', '198.51.100.1'] }, [], {
      loadBalancer: {
        ingress: [
          { ip: '203.0.113.9' },
          { ip: '203.0.113.8', ipMode: 'Proxy' },
          { hostname: 'x' },
          { ip: '203.0.113.7', ipMode: 'VIP' },
          { ip: 'fd00::2' },
        ],
      },
    }),
  );
  assert.deepEqual([port.externalIps, port.loadBalancerIps], [['198.51.100.1'], ['203.0.113.7', '203.0.113.9']]);
});

test('readService: affinity, policies and the health check node port', () => {
  const spec = { type: 'LoadBalancer', sessionAffinity: 'ClientIP', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 } as const;
  const port = one(web({ ...spec, loadBalancerSourceRanges: [' 10.0.0.0/8', '192.0.2.77/24', 'fd00::/8'] }));
  assert.equal(port.affinitySeconds, 10_800);
  assert.equal(port.externalPolicy, 'Local');
  assert.equal(port.internalPolicy, 'Cluster');
  assert.equal(port.healthCheckNodePort, 32_000);
  assert.deepEqual(port.sourceRanges, ['10.0.0.0/8', '192.0.2.0/24']);
  assert.equal(one(web({ ...spec, sessionAffinityConfig: { clientIP: { timeoutSeconds: 30 } } })).affinitySeconds, 30);
});

for (const [sentence, input, message, left] of [
  ['a port out of range', web({ ports: [{ port: 0 }, { name: 'ok', port: 81 }] }), /port 0 is out of range/, 1],
  ['an unknown protocol', web({ ports: [{ port: 80, protocol: 'ICMP' as 'TCP' }] }), /protocol ICMP: want TCP, UDP or SCTP/, 0],
  ['a node port out of range', web({ ports: [{ port: 80, nodePort: 70_000 }] }), /nodePort 70000/, 0],
  ['a port name that is no name', web({ ports: [{ name: 'a"\n-j DROP', port: 80 }] }), /port 80 has the name "a\\"\\n-j DROP"/, 0],
  ['two ports of one name', web({ ports: [{ port: 80 }, { port: 81 }] }), /port 81 has the name and protocol of an earlier port/, 1],
  ['a cluster IP that is no address', web({ clusterIP: 'ten' }), /spec.clusterIPs holds "ten", which is no IP address/, 0],
  ['an external IP that is no address', web({ externalIPs: ['1.2.3'] }), /spec.externalIPs holds "1.2.3"/, 1],
  [
    'an affinity time-out out of range',
    web({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } }),
    /timeoutSeconds is 0.*10800 is used/,
    1,
  ],
  ['a missing health check node port', web({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' }), /there is no healthCheckNodePort/, 1],
  ['a source range that is no CIDR', web({ loadBalancerSourceRanges: ['10.0.0.0'] }), /"10.0.0.0", which is no CIDR/, 1],
  [
    'an endpoint that is no address',
    web({}, [ready(1, { addresses: ['db.example.org'] })]),
    /endpoint "db.example.org" is no IP address/,
    1,
  ],
  ['an endpoint of another family', web({}, [ready(1, { addresses: ['fd00::1'] })]), /is no IPv4 address although/, 1],
  [
    'a slice of another kind of address',
    { ...web({}), slices: [slice('web', { addressType: 'FQDN', endpoints: [{ addresses: ['db.example.org'] }] })] },
    /addressType is FQDN: want IPv4 or IPv6/,
    1,
  ],
  ['an endpoint on the loopback', web({}, [ready(1, { addresses: ['127.0.0.1'] })]), /is a loopback address/, 1],
  [
    'an endpoint port without a number',
    { ...web({}), slices: [slice('web', { endpoints: [], ports: [{ name: '' }] })] },
    /has no port number/,
    1,
  ],
] as [string, ServiceInput, RegExp, number][]) {
  test(`readService: ${sentence} is named, and the rest stays`, () => {
    const { ports, problems } = readService(input, NODE);
    assert.equal(problems.length, 1);
    assert.match(problems[0]!.message, message);
    assert.match(problems[0]!.object, /default\/web/);
    assert.equal(ports.length, left);
  });
}

test('readService: a service whose name is no name is not served at all', () => {
  const { ports, problems } = readService({ service: service('default/a"b', CLUSTER), slices: [] }, NODE);
  assert.deepEqual([ports.length, problems.length], [0, 1]);
});

test('readService: malformed source ranges admit nobody rather than everybody', () => {
  const { ports } = readService(web({ loadBalancerSourceRanges: ['oops'] }), NODE);
  assert.deepEqual(ports[0]?.sourceRanges, []);
});

test('ServiceTable: the older service keeps a cluster IP, the other is named and comes back when it is free', () => {
  const named = (name: string, at?: string): ServiceInput => {
    const s = service(name, { ...CLUSTER, type: 'NodePort', ports: [{ port: 80, nodePort: name === 'b' ? 30_000 : 30_001 }] });
    return { service: { ...s, metadata: { ...s.metadata, ...(at === undefined ? {} : { creationTimestamp: at }) } }, slices: [] };
  };
  const table = tableOf([named('a', '2026-02-01T00:00:00Z'), named('b', '2026-01-01T00:00:00Z'), named('c', '2026-03-01T00:00:00Z')]);
  assert.deepEqual([...table.ports('IPv4').keys()], ['default/b/tcp']);
  assert.match(table.problems('default/a')[0]!.message, /cluster IP 10.96.0.10:80\/tcp belongs to service default\/b already/);
  table.takeChanges('IPv4');
  table.set('default/b', undefined);
  assert.deepEqual([...table.takeChanges('IPv4')].sort(), ['default/a/tcp', 'default/b/tcp']);
  assert.deepEqual([...table.ports('IPv4').keys()], ['default/a/tcp']);
  assert.deepEqual(table.problems('default/a'), []);
});

test('ServiceTable: no external address may take what is the cluster IP of another service', () => {
  const table = tableOf([
    { service: service('a', { clusterIP: '10.96.0.1', externalIPs: ['10.96.0.2', '192.0.2.1'], ports: [{ port: 80 }] }), slices: [] },
    { service: service('z', { clusterIP: '10.96.0.2', ports: [{ port: 80 }] }), slices: [] },
  ]);
  assert.deepEqual(table.ports('IPv4').get('default/a/tcp')?.externalIps, ['192.0.2.1']);
  assert.match(table.problems('default/a')[0]!.message, /address 10.96.0.2:80\/tcp belongs to service default\/z/);
  table.set('default/z', undefined);
  assert.deepEqual(table.ports('IPv4').get('default/a/tcp')?.externalIps, ['10.96.0.2', '192.0.2.1']);
});

test('ServiceTable: of two services with one node port the second goes without it', () => {
  const np = (name: string, ip: string): ServiceInput => ({
    service: service(name, { type: 'NodePort', clusterIP: ip, ports: [{ port: 80, nodePort: 30_000 }] }),
    slices: [],
  });
  const table = tableOf([np('b', '10.96.0.2'), np('a', '10.96.0.1')]);
  assert.equal(table.ports('IPv4').get('default/a/tcp')?.nodePort, 30_000);
  assert.equal(table.ports('IPv4').get('default/b/tcp')?.nodePort, undefined);
  assert.match(table.problems('default/b')[0]!.message, /node port 30000\/tcp belongs to service default\/a/);
});

test('ServiceTable: what did not change is not reported as changed', () => {
  const table = tableOf([web({})]);
  table.takeChanges('IPv4');
  table.set('default/web', web({}));
  assert.deepEqual([...table.takeChanges('IPv4')], []);
  table.set('default/web', web({}, [ready(2)]));
  assert.deepEqual([...table.takeChanges('IPv4')], ['default/web/tcp']);
});

const snapshot = (table: ServiceTable): unknown => ({
  ports: FAMILIES.map((f) => [...table.ports(f)].sort(([a], [b]) => (a < b ? -1 : 1))),
  problems: [...table.services].sort().map((key) => [
    key,
    table
      .problems(key)
      .map((p) => p.message)
      .sort(),
  ]),
});

test('ServiceTable: the order of its input does not show in its content', () =>
  fc.assert(
    fc.property(
      corpus().chain((all) => fc.tuple(fc.constant(all), shuffledOf(all))),
      ([all, shuffled]) =>
        assert.deepEqual(snapshot(tableOf(shuffled.map((i) => ({ ...i, slices: i.slices.toReversed() })))), snapshot(tableOf(all))),
    ),
  ));

test('ServiceTable: changes one by one end where a fresh start ends, and every difference is reported', () =>
  fc.assert(
    fc.property(corpus(), corpus(), (before, after) => {
      const table = tableOf(before);
      for (const family of FAMILIES) table.takeChanges(family);
      const old = FAMILIES.map((f) => new Map(table.ports(f)));
      const kept = new Set(after.map((i) => serviceKey(i.service)));
      for (const i of after) table.set(serviceKey(i.service), i);
      for (const i of before) if (!kept.has(serviceKey(i.service))) table.set(serviceKey(i.service), undefined);
      assert.deepEqual(snapshot(table), snapshot(tableOf(after)));
      FAMILIES.forEach((family, n) => {
        const now = table.ports(family);
        const differ = [...new Set([...(old[n]?.keys() ?? []), ...now.keys()])].filter((id) => !same(old[n]?.get(id), now.get(id)));
        assert.deepEqual([...table.takeChanges(family)].sort(), differ.sort());
      });
    }),
  ));

test('ServiceTable: no address, port and protocol is served twice', () =>
  fc.assert(
    fc.property(corpus({ maxServices: 14 }), (all) => {
      const table = tableOf(all);
      const seen = new Set<string>();
      for (const family of FAMILIES) {
        for (const p of table.ports(family).values()) {
          for (const key of [
            ...[p.clusterIp, ...p.externalIps, ...p.loadBalancerIps].map((ip) => `${ip} ${p.port} ${p.protocol}`),
            ...(p.nodePort === undefined ? [] : [`${family} ${p.nodePort} ${p.protocol}`]),
          ]) {
            assert.ok(!seen.has(key), key);
            seen.add(key);
          }
        }
      }
    }),
  ));

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
