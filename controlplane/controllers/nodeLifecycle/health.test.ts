import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node } from '#api/kinds/core/node.ts';
import type { Taint } from '#api/kinds/core/scheduling.ts';
import { silentConditions, taintsFor, waitsForTurn } from './health.ts';
import { stateOf, Zones, type ZoneRates } from './zones.ts';

const node = (conditions: Readonly<Record<string, string>>, spec: object = {}, labels: Record<string, string> = {}): Node =>
  ({
    metadata: { name: 'n', creationTimestamp: '2026-01-01T00:00:00Z', labels },
    spec,
    status: {
      conditions: Object.entries(conditions).map(([type, status]) => ({ type, status, lastHeartbeatTime: 'h', lastTransitionTime: 't' })),
    },
  }) as unknown as Node;
const taint = (key: string, effect: string, timeAdded = 'before'): Taint =>
  ({ key: key.includes('/') ? key : `node.kubernetes.io/${key}`, effect, timeAdded }) as unknown as Taint;
const told = (taints: readonly Taint[] | undefined) =>
  taints?.map(({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`);

test('a silent node is Unknown in what kubelets report, the last heartbeat stays', () => {
  const found = silentConditions(node({ Ready: 'True', DiskPressure: 'False', NetworkUnavailable: 'False' }), 1_000);
  assert.deepEqual(
    found?.map(({ type, status, reason, message, lastHeartbeatTime }) => [type, status, reason, message, lastHeartbeatTime]),
    [
      ['Ready', 'Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.', 'h'],
      ['DiskPressure', 'Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.', 'h'],
      ['NetworkUnavailable', 'False', undefined, undefined, 'h'],
      ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated', 'Kubelet never posted node status.', '2026-01-01T00:00:00Z'],
      ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated', 'Kubelet never posted node status.', '2026-01-01T00:00:00Z'],
    ],
  );
  assert.equal(silentConditions({ ...node({}), status: { conditions: found } }, 9_000), undefined);
});

const evicting = { nowMs: 0, mayEvict: true, isAmnesty: false };
const ROWS: readonly (readonly [name: string, node: Node, rules: Partial<typeof evicting>, wanted: readonly string[] | undefined])[] = [
  ['a node that is well', node({ Ready: 'True' }), {}, undefined],
  ['one that says it is not ready', node({ Ready: 'False' }), {}, ['not-ready:NoSchedule', 'not-ready:NoExecute']],
  ['one that is silent', node({ Ready: 'Unknown' }), {}, ['unreachable:NoSchedule', 'unreachable:NoExecute']],
  ['a silent one before its turn', node({ Ready: 'Unknown' }), { mayEvict: false }, ['unreachable:NoSchedule']],
  ['a silent one when all are', node({ Ready: 'Unknown' }), { isAmnesty: true }, ['unreachable:NoSchedule']],
  [
    'one that was tainted when all are silent',
    node({ Ready: 'Unknown' }, { taints: [taint('unreachable', 'NoExecute')] }),
    { isAmnesty: true },
    ['unreachable:NoSchedule'],
  ],
  ['one that is new and has said nothing', node({}), {}, undefined],
  [
    'under pressure',
    node({ Ready: 'True', MemoryPressure: 'True', DiskPressure: 'True', PIDPressure: 'True', NetworkUnavailable: 'True' }),
    {},
    ['memory-pressure:NoSchedule', 'disk-pressure:NoSchedule', 'network-unavailable:NoSchedule', 'pid-pressure:NoSchedule'],
  ],
  ['cordoned', node({ Ready: 'True' }, { unschedulable: true }), {}, ['unschedulable:NoSchedule']],
  [
    'back again; what others put on stays',
    node(
      { Ready: 'True' },
      { taints: [taint('example.com/mine', 'NoExecute'), taint('unreachable', 'NoExecute'), taint('unreachable', 'NoSchedule')] },
    ),
    {},
    ['example.com/mine:NoExecute'],
  ],
  [
    'from not ready to silent needs no turn',
    node({ Ready: 'Unknown' }, { taints: [taint('not-ready', 'NoExecute'), taint('not-ready', 'NoSchedule')] }),
    { mayEvict: false },
    ['unreachable:NoSchedule', 'unreachable:NoExecute'],
  ],
];
for (const [name, given, rules, wanted] of ROWS)
  test(name, () => {
    const found = taintsFor(given, { ...evicting, ...rules });
    assert.deepEqual(told(found), wanted);
    if (found === undefined) return;
    const next = { ...given, spec: { ...given.spec, taints: found } } as Node;
    assert.equal(taintsFor(next, { ...evicting, ...rules }), undefined, 'a second look changes nothing');
    assert.equal(
      waitsForTurn(next),
      found.every(({ effect, key }) => effect !== 'NoExecute' || key.startsWith('example')) && /silent|turn/.test(name),
    );
  });

test('who was tainted keeps the time since when', () => {
  const found = taintsFor(node({ Ready: 'Unknown' }, { taints: [taint('not-ready', 'NoExecute', 'long ago')] }), evicting);
  assert.equal(found?.find(({ effect }) => effect === 'NoExecute')?.timeAdded, 'long ago');
});

const rates: ZoneRates = { evictionRate: 0.1, secondaryRate: 0.01, unhealthyShare: 0.55, largeSize: 5 };
test('the state of a zone', () => {
  const state = (ready: number, notReady: number) => stateOf({ ready, notReady }, 0.55);
  assert.deepEqual(
    [state(1, 0), state(0, 1), state(1, 2), state(2, 3), state(3, 3), state(9, 1)],
    ['Normal', 'FullDisruption', 'Normal', 'PartialDisruption', 'Normal', 'Normal'],
  );
});

test('one node of a zone after the other; less where much is down, none in small zones, and none when everything is', () => {
  const at = (zone: string, ready: boolean) => node({ Ready: ready ? 'True' : 'Unknown' }, {}, { 'topology.kubernetes.io/zone': zone });
  const zones = new Zones(rates);
  for (const [name, zone, ready] of [
    ['a', 'x', true],
    ['b', 'x', true],
    ['c', 'y', true],
  ] as const)
    zones.set(name, at(zone, ready));
  assert.equal(zones.turnAtMs('a'), 0);
  zones.set('a', at('x', false));
  zones.take('a', 5_000);
  assert.deepEqual([zones.turnAtMs('b'), zones.turnAtMs('c')], [15_000, 0]);
  zones.set('b', at('x', false));
  assert.equal(zones.isAmnesty, false);
  assert.deepEqual([...zones.set('c', at('y', false))].toSorted(), ['a', 'b', 'c'], 'all are told that nobody is evicted');
  assert.deepEqual([zones.isAmnesty, zones.turnAtMs('a')], [true, undefined]);
  assert.deepEqual([...zones.set('c', at('y', true))].toSorted(), ['a', 'b', 'c']);
  assert.equal(zones.turnAtMs('b'), 15_000);
  const small = new Zones(rates);
  for (const [i, ready] of [true, false, false, false].entries()) small.set(`n${i}`, at('x', ready));
  assert.equal(small.turnAtMs('n1'), undefined);
  const large = new Zones(rates);
  for (const [i, ready] of [true, true, false, false, false, false].entries()) large.set(`n${i}`, at('x', ready));
  large.take('n2', 0);
  assert.equal(large.turnAtMs('n3'), 100_000);
});

test('zones: whatever comes and goes, they count what is there', () => {
  const steps = fc.array(
    fc.record({ n: fc.integer({ min: 0, max: 7 }), zone: fc.constantFrom('x', 'y', 'z'), ready: fc.boolean(), gone: fc.boolean() }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const zones = new Zones(rates);
      const there = new Map<string, { zone: string; ready: boolean }>();
      for (const { n, zone, ready, gone } of all) {
        const name = `n${n}`;
        if (gone) there.delete(name);
        else there.set(name, { zone, ready });
        zones.set(name, gone ? undefined : node({ Ready: ready ? 'True' : 'False' }, {}, { 'topology.kubernetes.io/zone': zone }));
        const down = there.size > 0 && [...there.values()].every((x) => !x.ready);
        assert.equal(zones.isAmnesty, down);
        for (const [other, { zone: of }] of there) {
          const same = [...there.values()].filter((x) => x.zone === of);
          const isReady = same.filter((x) => x.ready).length;
          const state = stateOf({ ready: isReady, notReady: same.length - isReady }, 0.55);
          assert.equal(zones.turnAtMs(other) === undefined, down || (state === 'PartialDisruption' && same.length <= rates.largeSize));
        }
      }
    }),
  );
});
