import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoints } from '#api/kinds/core/endpoints.ts';
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { planSlices } from './plan.ts';

const endpoints = (over: Partial<Endpoints> = {}, metadata: object = {}): Endpoints => ({
  metadata: { name: 'web', namespace: 'a', uid: 'e', ...metadata },
  subsets: [{ addresses: [{ ip: '10.0.0.1', nodeName: 'n1' }], notReadyAddresses: [{ ip: '10.0.0.2' }], ports: [{ port: 80 }] }],
  ...over,
});
const service = (spec: Service['spec'] = {}): Service => ({ metadata: { name: 'web', namespace: 'a' }, spec });
const made = (given: Endpoints): EndpointSlice[] =>
  planSlices({ endpoints: given, service: service(), slices: [] }).flatMap((action, i) =>
    action.kind === 'createSlice' ? [{ ...action.slice, metadata: { ...action.slice.metadata, name: `web-${i}`, uid: `s${i}` } }] : [],
  );
const kinds = (given: Parameters<typeof planSlices>[0]): string[] => planSlices(given).map(({ kind }) => kind);

test('a slice says what the Endpoints say, whose it is, and who keeps it', () => {
  const [slice, more] = made(
    endpoints({}, { labels: { x: 'y' }, annotations: { a: 'b', 'kubectl.kubernetes.io/last-applied-configuration': '{}' } }),
  );
  assert.equal(more, undefined);
  assert.deepEqual(slice?.endpoints, [
    { addresses: ['10.0.0.1'], conditions: { ready: true }, nodeName: 'n1' },
    { addresses: ['10.0.0.2'], conditions: { ready: false } },
  ]);
  assert.deepEqual([slice?.addressType, slice?.ports], ['IPv4', [{ name: '', protocol: 'TCP', port: 80 }]]);
  assert.deepEqual(slice?.metadata.labels, {
    x: 'y',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
  });
  assert.deepEqual(slice?.metadata.annotations, { a: 'b' });
  assert.equal(slice?.metadata.ownerReferences?.[0]?.uid, 'e');
});

test('one slice for each kind of address and set of ports', () => {
  const ports = [{ name: 'http', port: 80 }];
  const both = [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }];
  const subsets = [
    { addresses: both, ports },
    { addresses: [{ ip: '10.0.0.9' }], ports: [{ port: 9 }] },
    { addresses: [{ ip: '10.0.0.3' }], ports },
  ];
  assert.deepEqual(
    made(endpoints({ subsets })).map((s) => [s.addressType, s.ports?.[0]?.port, (s.endpoints ?? []).length]),
    [
      ['IPv4', 80, 2],
      ['IPv6', 80, 1],
      ['IPv4', 9, 1],
    ],
  );
});

const there = made(endpoints());
for (const [name, given, wanted] of [
  ['nothing to do', { endpoints: endpoints(), service: service(), slices: there }, []],
  [
    'other addresses',
    { endpoints: endpoints({ subsets: [{ addresses: [{ ip: '10.0.0.7' }], ports: [{ port: 80 }] }] }), service: service(), slices: there },
    ['updateSlice'],
  ],
  [
    'other ports',
    { endpoints: endpoints({ subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 81 }] }] }), service: service(), slices: there },
    ['deleteSlice', 'createSlice'],
  ],
  ['the Endpoints are gone', { endpoints: undefined, service: service(), slices: there }, ['deleteSlice']],
  ['the service is gone', { endpoints: endpoints(), service: undefined, slices: there }, ['deleteSlice']],
  [
    'the service got a selector: others keep its slices',
    { endpoints: endpoints(), service: service({ selector: { a: 'b' } }), slices: there },
    ['deleteSlice'],
  ],
  [
    'labelled to be left out',
    { endpoints: endpoints({}, { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }), service: service(), slices: [] },
    [],
  ],
  [
    'an election',
    { endpoints: endpoints({}, { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }), service: service(), slices: [] },
    [],
  ],
  [
    'somebody edited the slice',
    { endpoints: endpoints(), service: service(), slices: there.map((s) => ({ ...s, endpoints: [] })) },
    ['updateSlice'],
  ],
  ['one too many', { endpoints: endpoints(), service: service(), slices: [...there, ...there] }, ['deleteSlice']],
] as const)
  test(`slices: ${name}`, () => assert.deepEqual(kinds(given), wanted));

test('of more than a thousand addresses the first thousand, ready ones before others', () => {
  const addresses = Array.from({ length: 1_200 }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }));
  const [slice] = made(endpoints({ subsets: [{ notReadyAddresses: addresses, addresses: [{ ip: '10.9.9.9' }], ports: [{ port: 80 }] }] }));
  assert.equal(slice?.endpoints?.length, 1_000);
  assert.equal(slice?.endpoints?.[0]?.addresses[0], '10.9.9.9');
});
