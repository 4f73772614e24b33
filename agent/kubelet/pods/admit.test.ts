import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '#api/kinds/core/pod.ts';
import { admit, preempt, type NodeRoom } from './admit.ts';
import { isCritical, priorityOf } from './priority.ts';
import { world } from '../test/world.ts';

const node: NodeRoom = {
  allocatable: { cpu: '2', memory: '1Gi', pods: '3' },
  labels: { 'kubernetes.io/hostname': 'n', disk: 'ssd', size: '7' },
  pressures: [],
};
const pod = (requests: Record<string, string> = {}, spec: object = {}, name = 'p'): Pod => ({
  metadata: { name, namespace: 'default', uid: name },
  spec: { containers: [{ name: 'c', resources: { requests } }], ...spec },
});
const term = (...matchExpressions: object[]): object => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } } },
});
const ports = (...list: object[]): object => ({ containers: [{ name: 'c', ports: list }] });
const critical = { priorityClassName: 'system-node-critical' };

for (const [name, given, others, want, room = node] of [
  ['fits', pod({ cpu: '2', memory: '1Gi' }), [], undefined],
  ['asks for nothing', pod(), [pod({ cpu: '2' })], undefined],
  [
    'cpu',
    pod({ cpu: '1500m' }),
    [pod({ cpu: '700m' })],
    "OutOfcpu: Node didn't have enough resource: cpu, requested: 1500, used: 700, capacity: 2000",
  ],
  [
    'memory',
    pod({ memory: '2Gi' }),
    [],
    "OutOfmemory: Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
  ],
  [
    'huge pages that the node does not have',
    pod({ 'hugepages-2Mi': '4Mi' }),
    [],
    "OutOfhugepages-2Mi: Node didn't have enough resource: hugepages-2Mi, requested: 4194304, used: 0, capacity: 0",
  ],
  [
    'overhead counts',
    pod({ cpu: '2' }, { overhead: { cpu: '1m' } }),
    [],
    "OutOfcpu: Node didn't have enough resource: cpu, requested: 2001, used: 0, capacity: 2000",
  ],
  ['number of pods', pod(), [pod(), pod(), pod()], "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"],
  [
    'node selector',
    pod({}, { nodeSelector: { disk: 'hdd' } }),
    [],
    "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  ],
  ['node selector that fits', pod({}, { nodeSelector: { disk: 'ssd' } }), [], undefined],
  [
    'affinity In',
    pod({}, term({ key: 'disk', operator: 'In', values: ['ssd'] }, { key: 'size', operator: 'Gt', values: ['6'] })),
    [],
    undefined,
  ],
  [
    'affinity NotIn',
    pod({}, term({ key: 'disk', operator: 'NotIn', values: ['ssd'] })),
    [],
    "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  ],
  ['an empty term', pod({}, term()), [], "NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"],
  [
    'operating system',
    pod({}, { os: { name: 'windows' } }),
    [],
    "PodOSNotSupported: Failed to admit pod as the OS field doesn't match node OS",
  ],
  [
    'host port',
    pod({}, ports({ containerPort: 80, hostPort: 80 })),
    [pod({}, ports({ containerPort: 1, hostPort: 80, hostIP: '127.0.0.1' }))],
    "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  ],
  [
    'host port of another protocol',
    pod({}, ports({ containerPort: 80, hostPort: 80, protocol: 'UDP' })),
    [pod({}, ports({ containerPort: 1, hostPort: 80 }))],
    undefined,
  ],
  [
    'host ports on two addresses',
    pod({}, ports({ containerPort: 80, hostPort: 80, hostIP: '10.0.0.1' })),
    [pod({}, ports({ containerPort: 1, hostPort: 80, hostIP: '127.0.0.1' }))],
    undefined,
  ],
  [
    'memory pressure, without requests',
    pod(),
    [],
    'Evicted: The node had condition: [MemoryPressure]. ',
    { ...node, pressures: ['MemoryPressure'] },
  ],
  ['memory pressure, with requests', pod({ memory: '1Mi' }), [], undefined, { ...node, pressures: ['MemoryPressure'] }],
  [
    'disk pressure',
    pod({ memory: '1Mi' }),
    [],
    'Evicted: The node had condition: [DiskPressure]. ',
    { ...node, pressures: ['DiskPressure'] },
  ],
  ['disk pressure, critical', pod({}, critical), [], undefined, { ...node, pressures: ['DiskPressure'] }],
] as [string, Pod, Pod[], string | undefined, NodeRoom?][]) {
  test(`admit: ${name}`, () => {
    const rejection = admit(given, others, room);
    assert.equal(rejection === undefined ? undefined : `${rejection.reason}: ${rejection.message}`, want);
  });
}

test('preempt: who goes makes room, nobody more, nobody critical or as important; none go in vain', () => {
  let pushed = 0;
  const amounts = fc.record({ cpu: fc.constantFrom('100m', '500m', '1'), priority: fc.constantFrom(0, 10, 2_000_000_000) });
  fc.assert(
    fc.property(fc.array(amounts, { maxLength: 6 }), fc.constantFrom('500m', '1', '2', '3'), fc.boolean(), (list, cpu, isIt) => {
      const others = list.map((p, i) => pod({ cpu: p.cpu }, { priority: p.priority }, `o${i}`));
      const wanted = pod({ cpu }, isIt ? critical : {}, 'w');
      const room = { ...node, allocatable: { cpu: '2' } };
      const gone = preempt(wanted, others, room);
      if (gone === undefined) {
        const keep = others.filter((o) => isCritical(o.spec));
        assert.ok(!isIt || admit(wanted, keep, room) !== undefined, 'somebody could have made room');
        return;
      }
      assert.equal(
        admit(
          wanted,
          others.filter((o) => !gone.includes(o)),
          room,
        ),
        undefined,
      );
      for (const p of gone) {
        assert.ok(!isCritical(p.spec) && priorityOf(p.spec) < priorityOf(wanted.spec));
        assert.notEqual(
          admit(
            wanted,
            others.filter((o) => o === p || !gone.includes(o)),
            room,
          ),
          undefined,
          'one too many goes',
        );
      }
      pushed += gone.length;
    }),
  );
  assert.ok(pushed > 0);
});

const request = (cpu: string): Record<string, unknown> => ({ resources: { requests: { cpu } } });

test('a pod that the node has no room for is Failed with the reason, and runs when what it lacked becomes free', async (t) => {
  const w = await world(t);
  w.room = { ...w.room, allocatable: { cpu: '2' } };
  const [big, other] = [w.pod('big', {}, request('1500m')), w.pod('other', {}, request('1'))];
  await w.set(big);
  await w.set(big, other);
  const status = w.workers.pod('default/other-n')?.status;
  const message = "Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000";
  assert.deepEqual([status?.phase, status?.reason, status?.message], ['Failed', 'OutOfcpu', `Pod was rejected: ${message}`]);
  assert.equal(status?.containerStatuses, undefined);
  assert.deepEqual(w.events('OutOfcpu'), [`OutOfcpu x1: ${message}`]);
  await w.advance(600_000);
  assert.deepEqual(w.running(), ['big/c']);
  await w.set(other);
  assert.deepEqual(w.running(), ['other/c']);
  assert.equal(w.phase('other'), 'Running');
});

test('a changed pod does not compete with the one before it; a pod that is done gives its room back', async (t) => {
  const w = await world(t);
  w.room = { ...w.room, allocatable: { cpu: '1' } };
  await w.set(w.pod('a', {}, request('1')));
  await w.set(w.pod('a', {}, { ...request('1'), args: ['v2'] }));
  assert.deepEqual(w.running(), ['a/c']);
  assert.deepEqual(w.events('OutOfcpu'), []);
  w.programs['job'] = { exits: 0 };
  const job = w.pod('job', { restartPolicy: 'Never' }, { name: 'job', ...request('1') });
  await w.set(job);
  assert.equal(w.phase('job'), 'Succeeded');
  await w.set(job, w.pod('b', {}, request('1')));
  assert.deepEqual(w.running(), ['b/c']);
});

test('a critical pod pushes out what is less important, which comes back when there is room again', async (t) => {
  const w = await world(t);
  w.room = { ...w.room, allocatable: { cpu: '2' } };
  const [small, big] = [w.pod('small', {}, request('500m')), w.pod('big', { priority: 5 }, request('1500m'))];
  const vip = w.pod('vip', { priorityClassName: 'system-node-critical' }, request('500m'));
  await w.set(small, big);
  await w.set(small, big, vip);
  assert.deepEqual(w.running(), ['big/c', 'vip/c']);
  assert.equal(w.workers.pod('default/small-n')?.status?.reason, 'Preempting');
  await w.set(small, big);
  await w.advance(60_000);
  assert.deepEqual(w.running(), ['big/c', 'small/c']);
});
