import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Image } from '#cri/gen/cri.ts';
import type { Condition } from '../eviction/decide.ts';
import { allocatableOf, capacityOf, nodeLabels } from './room.ts';
import { nodeStatus, type NodeInput } from './status.ts';

const ready = (type: string, status = true, reason = '', message = ''): object => ({ type, status, reason, message });
const runtime = (...conditions: object[]): NodeInput['runtime'] =>
  ({ status: { conditions }, info: {}, runtime_handlers: [], features: null }) as unknown as NodeInput['runtime'];
const input = (over: Partial<NodeInput> = {}): NodeInput => ({
  facts: {
    name: 'n',
    labels: {},
    capacity: { cpu: '2' },
    allocatable: { cpu: '2' },
    addresses: ['192.0.2.1'],
    spec: {},
    info: {
      machineID: 'm',
      systemUUID: 's',
      bootID: 'b',
      kernelVersion: '6',
      osImage: 'Debian',
      architecture: 'amd64',
      kubeletVersion: 'v1',
      containerRuntimeVersion: 'containerd://1',
    },
  },
  runtime: runtime(ready('RuntimeReady'), ready('NetworkReady')),
  images: [],
  pressures: new Set(),
  startedAtMs: 0,
  nowMs: 60_000,
  previous: undefined,
  ...over,
});
const show = (i: NodeInput): string => (nodeStatus(i).status?.conditions ?? []).map((c) => `${c.type}=${c.status} ${c.reason}`).join(', ');
const GOOD =
  'MemoryPressure=False KubeletHasSufficientMemory, DiskPressure=False KubeletHasNoDiskPressure, PIDPressure=False KubeletHasSufficientPID';

for (const [name, given, want] of [
  ['a healthy node', input(), `${GOOD}, Ready=True KubeletReady`],
  ['a machine that goes down', input({ shuttingDown: true }), `${GOOD}, Ready=False KubeletNotReady`],
  ['a runtime that does not answer', input({ runtime: undefined }), `${GOOD}, Ready=False KubeletNotReady`],
  [
    'every pressure',
    input({ pressures: new Set<Condition>(['MemoryPressure', 'DiskPressure', 'PIDPressure']) }),
    'MemoryPressure=True KubeletHasInsufficientMemory, DiskPressure=True KubeletHasDiskPressure, PIDPressure=True KubeletHasInsufficientPID, Ready=True KubeletReady',
  ],
] as const) {
  test(`nodeStatus: ${name}`, () => assert.equal(show(given), want));
}

test('nodeStatus: without a network it says so in the words of the runtime', () => {
  const noNetwork = runtime(ready('RuntimeReady'), ready('NetworkReady', false, 'NetworkPluginNotReady', 'cni plugin not initialized'));
  assert.equal(
    nodeStatus(input({ runtime: noNetwork })).status?.conditions?.at(-1)?.message,
    'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized',
  );
});

test('nodeStatus: a condition keeps the time of its last change', () => {
  const first = nodeStatus(input());
  const second = nodeStatus(input({ previous: first, nowMs: 120_000, runtime: undefined }));
  const times = second.status?.conditions?.map((c) => c.lastTransitionTime);
  assert.deepEqual(times, ['1970-01-01T00:01:00Z', '1970-01-01T00:01:00Z', '1970-01-01T00:01:00Z', '1970-01-01T00:02:00Z']);
});

test('the room of a node: what there is, what a threshold keeps free, and the smaller number of pods', () => {
  const size = { cpuMilli: 2_500, memoryBytes: 1_000 * 2 ** 20 };
  const limits = {
    maxPods: 110,
    podsPerCore: 10,
    eviction: { thresholds: [{ signal: 'memory.available', value: { share: 0.1 }, graceMs: 0 }] },
  } as const;
  assert.deepEqual(capacityOf(size, limits), { cpu: '2500m', memory: '1024000Ki', pods: '25' });
  assert.equal(allocatableOf(size, limits)['memory'], '921600Ki');
  assert.equal(capacityOf({ ...size, cpuMilli: 2_000 }, { ...limits, podsPerCore: 0 })['pods'], '110');
  const big = { ...size, storageBytes: 1_000 * 2 ** 20, hugePages: new Map([[2 << 20, 100 << 20]]) };
  const reserved = { cpu: '500m', memory: '100Mi', 'ephemeral-storage': '200Mi' };
  assert.deepEqual(allocatableOf(big, { ...limits, podsPerCore: 0, resources: { reserved } }), {
    cpu: '2',
    memory: '716800Ki',
    pods: '110',
    'ephemeral-storage': '819200Ki',
    'hugepages-2Mi': '100Mi',
  });
  assert.equal(allocatableOf(big, { ...limits, resources: { reserved: { memory: '9Gi' } } })['memory'], '0Ki');
  assert.equal(nodeLabels('n', { hostname: 'h', arch: 'x64' })['kubernetes.io/arch'], 'amd64');
});

test('nodeStatus: the largest images, as many as nodeStatusMaxImages says', () => {
  const images = [1n, 3n, 2n].map((size) => ({ repo_digests: [], repo_tags: [`i${size}`], size: String(size) })) as unknown as Image[];
  const shown = (mostImages: number): unknown => nodeStatus(input({ images, mostImages })).status?.images?.map((i) => i.names?.[0]);
  assert.deepEqual(shown(2), ['i3', 'i2']);
  assert.deepEqual(shown(Infinity), ['i3', 'i2', 'i1']);
  assert.deepEqual(shown(0), []);
});
