import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import type { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { planSlices, type SliceAction } from './plan.ts';

const service = (spec: Partial<Service['spec']> = {}, labels: Record<string, string> = {}): Service => ({
  metadata: { name: 'web', namespace: 'a', uid: 's', labels },
  spec: {
    selector: { app: 'web' },
    clusterIP: '10.96.0.9',
    ipFamilies: ['IPv4'],
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    ...spec,
  },
});

interface PodFacts {
  readonly ready?: boolean;
  readonly going?: boolean;
  readonly phase?: string;
  readonly ips?: readonly string[];
  readonly node?: string;
  readonly spec?: object;
}
const pod = (
  n: number,
  { ready = true, going = false, phase = 'Running', ips = [`10.0.0.${n}`], node = 'n1', spec = {} }: PodFacts = {},
): Pod =>
  ({
    metadata: { name: `p${n}`, namespace: 'a', uid: `u${n}`, labels: { app: 'web' }, ...(going ? { deletionTimestamp: 'x' } : {}) },
    spec: { containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 8000 + n }] }], nodeName: node, ...spec },
    status: { phase, podIP: ips[0], podIPs: ips.map((ip) => ({ ip })), conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }) as unknown as Pod;

const zoneOf = (node: string) => (node.startsWith('n') ? { zone: `z-${node}` } : undefined);
const plan = (
  given: Service | undefined,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[] = [],
  most = 100,
): readonly SliceAction[] => planSlices({ service: given, pods, slices, zoneOf, most });

let serial = 0;
function apply(slices: readonly EndpointSlice[], actions: readonly SliceAction[]): EndpointSlice[] {
  let now = [...slices];
  for (const { kind, slice } of actions) {
    if (kind === 'createSlice') now.push({ ...slice, metadata: { ...slice.metadata, name: `web-${++serial}`, uid: `x${serial}` } });
    else {
      assert.ok(
        now.some((s) => s.metadata.uid === slice.metadata.uid),
        'only what is there is changed',
      );
      now = now.flatMap((s) => (s.metadata.uid !== slice.metadata.uid ? [s] : kind === 'updateSlice' ? [slice] : []));
    }
  }
  return now;
}
const made = (given: Service, pods: readonly Pod[]): EndpointSlice => apply([], plan(given, pods))[0]!;
const conditions = (facts: PodFacts, spec: Partial<Service['spec']> = {}) =>
  made(service(spec), [pod(1, facts)]).endpoints?.[0]?.conditions;

test('a slice says whose it is, who keeps it, and what its endpoints are', () => {
  const slice = made(service({}, { team: 'x', 'kubernetes.io/service-name': 'other' }), [pod(1)]);
  assert.deepEqual(slice.metadata.labels, {
    team: 'x',
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  });
  assert.equal(slice.metadata.generateName, 'web-');
  assert.deepEqual(slice.metadata.ownerReferences, [
    { apiVersion: 'v1', kind: 'Service', name: 'web', uid: 's', controller: true, blockOwnerDeletion: true },
  ]);
  assert.deepEqual([slice.addressType, slice.ports], ['IPv4', [{ name: 'http', protocol: 'TCP', port: 8080 }]]);
  assert.deepEqual(slice.endpoints, [
    {
      addresses: ['10.0.0.1'],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', namespace: 'a', name: 'p1', uid: 'u1' },
      nodeName: 'n1',
      zone: 'z-n1',
    },
  ]);
});

test('ready, serving and terminating', () => {
  assert.deepEqual(conditions({ ready: false }), { ready: false, serving: false, terminating: false });
  assert.deepEqual(conditions({ going: true }), { ready: false, serving: true, terminating: true });
  assert.deepEqual(conditions({ going: true, ready: false }), { ready: false, serving: false, terminating: true });
  assert.deepEqual(conditions({ ready: false }, { publishNotReadyAddresses: true }), { ready: true, serving: false, terminating: false });
});

const EMPTY: readonly (readonly [why: string, pod: Pod, spec?: Partial<Service['spec']>])[] = [
  ['a pod that is done', pod(1, { phase: 'Succeeded' })],
  ['a pod that failed', pod(1, { phase: 'Failed' })],
  ['a pod without an address', pod(1, { ips: [] })],
  ['a pod with an address of another family', pod(1, { ips: ['fd00::1'] })],
  ['a pod whose node is gone', pod(1, { node: 'gone' })],
  ['a pod without the named port', pod(1), { ports: [{ port: 80, targetPort: 'admin', protocol: 'TCP' }] }],
];
for (const [why, given, spec] of EMPTY)
  test(`${why} stands behind nothing, and one empty slice says so`, () => {
    const slices = apply([], plan(service(spec), [given]));
    assert.deepEqual(
      slices.map((s) => [s.endpoints, s.ports]),
      [[[], []]],
    );
    assert.deepEqual(plan(service(spec), [given], slices), []);
  });

test('a named port may be another number in every pod, and each has its slice', () => {
  const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }] });
  assert.deepEqual(
    apply([], plan(named, [pod(1), pod(2)])).map((s) => [s.ports?.[0]?.port, s.endpoints?.length]),
    [
      [8001, 1],
      [8002, 1],
    ],
  );
});

test('two families are two slices; a headless service without ports has slices without ports, and names of pods', () => {
  const both = [pod(1, { ips: ['10.0.0.1', 'fd00::1'] })];
  assert.deepEqual(
    apply([], plan(service({ ipFamilies: ['IPv4', 'IPv6'] }), both)).map((s) => [s.addressType, s.endpoints?.[0]?.addresses]),
    [
      ['IPv4', ['10.0.0.1']],
      ['IPv6', ['fd00::1']],
    ],
  );
  const headless = service({ clusterIP: 'None', ports: [] });
  const slice = made(headless, [
    pod(1, { spec: { hostname: 'db-0', subdomain: 'web' } }),
    pod(2, { spec: { hostname: 'x', subdomain: 'other' } }),
  ]);
  assert.deepEqual([slice.ports, slice.endpoints?.map((e) => e.hostname)], [[], ['db-0', undefined]]);
  assert.equal(slice.metadata.labels?.['service.kubernetes.io/headless'], '');
});

test('hints follow trafficDistribution, for what is ready', () => {
  const hints = (trafficDistribution: string | undefined, facts: PodFacts = {}) =>
    made(service(trafficDistribution === undefined ? {} : { trafficDistribution }), [pod(1, facts)]).endpoints?.[0]?.hints;
  assert.equal(hints(undefined), undefined);
  assert.deepEqual(hints('PreferClose'), { forZones: [{ name: 'z-n1' }] });
  assert.deepEqual(hints('PreferSameZone'), { forZones: [{ name: 'z-n1' }] });
  assert.deepEqual(hints('PreferSameNode'), { forZones: [{ name: 'z-n1' }], forNodes: [{ name: 'n1' }] });
  assert.equal(hints('PreferClose', { ready: false }), undefined);
});

test('a service without a selector, one that is another name, and one that went, have nothing from us', () => {
  const there = apply([], plan(service(), [pod(1)]));
  assert.deepEqual(plan({ ...service(), spec: { ...service().spec, selector: undefined } } as unknown as Service, [pod(1)], there), []);
  assert.deepEqual(plan(service({ type: 'ExternalName' }), [pod(1)], there), []);
  assert.deepEqual(plan(undefined, [], there), []);
});

test('few writes: one pod more is one slice written, also where it is full', () => {
  const pods = Array.from({ length: 7 }, (_, i) => pod(i + 1));
  const slices = apply([], plan(service(), pods, [], 5));
  assert.deepEqual(
    slices.map((s) => s.endpoints?.length),
    [5, 2],
  );
  const more = plan(service(), [...pods, pod(8)], slices, 5);
  assert.deepEqual(
    more.map((a) => [a.kind, a.slice.endpoints?.length]),
    [['updateSlice', 3]],
  );
  const fewer = plan(service(), pods.slice(1), slices, 5);
  assert.deepEqual(
    fewer.map((a) => [a.kind, a.slice.endpoints?.length]),
    [['updateSlice', 4]],
  );
  const swapped = plan(service(), [...pods.slice(1), pod(9)], slices, 5);
  assert.deepEqual(
    swapped.map((a) => [a.kind, a.slice.endpoints?.length]),
    [['updateSlice', 5]],
  );
});

test('through any changes: what is behind the service is in the slices once, no slice is over full, a second look does nothing', () => {
  let settled = 0;
  const facts = fc.record({
    n: fc.integer({ min: 1, max: 40 }),
    ready: fc.boolean(),
    going: fc.boolean(),
    gone: fc.boolean(),
    dual: fc.boolean(),
  });
  const step = fc.record({
    pods: fc.uniqueArray(facts, { selector: ({ n }) => n, maxLength: 30 }),
    named: fc.boolean(),
    dual: fc.boolean(),
    done: fc.nat(10),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 7 }), (steps, most) => {
      let slices: EndpointSlice[] = [];
      for (const { pods, named, dual, done } of steps) {
        const wanted = service({
          ipFamilies: dual ? ['IPv4', 'IPv6'] : ['IPv4'],
          ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: named ? 'web' : 8080 }],
        });
        const given = pods.map((p) =>
          pod(p.n, {
            ready: p.ready,
            going: p.going,
            phase: p.gone ? 'Failed' : 'Running',
            ips: p.dual ? [`10.0.0.${p.n}`, `fd00::${p.n}`] : [`10.0.0.${p.n}`],
          }),
        );
        // Dies in the middle, and another begins with what is there.
        slices = apply(slices, plan(wanted, given, slices, most).slice(0, done));
        slices = apply(slices, plan(wanted, given, slices, most));
        assert.deepEqual(plan(wanted, given, slices, most), []);
        settled += 1;
        assert.ok(slices.every((s) => (s.endpoints ?? []).length <= most));
        const expected = given.flatMap((p) =>
          p.status?.phase === 'Failed' ? [] : (p.status?.podIPs ?? []).flatMap(({ ip }) => (ip.includes(':') && !dual ? [] : [ip])),
        );
        assert.deepEqual(slices.flatMap((s) => (s.endpoints ?? []).flatMap((e) => e.addresses)).toSorted(), expected.toSorted());
        for (const s of slices)
          for (const e of s.endpoints ?? []) if (named) assert.equal(s.ports?.[0]?.port, 8000 + Number(e.targetRef?.name?.slice(1)));
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(settled > 150);
});
