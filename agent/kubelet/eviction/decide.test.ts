import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NO_USE, type DiskUse } from '../../linux/diskUsage.ts';
import { decide, NO_MEMORY, rank, type Candidate, type DecideInput, type Memory } from './decide.ts';
import { thresholdsOf, type EvictionConfig, type Signal } from './thresholds.ts';

const MI = 1 << 20;
const disk = (bytes: number, inodes = 1): DiskUse => ({ bytes, inodes });
const candidate = (uid: string, over: Partial<Candidate> = {}, memoryBytes = 0, memoryRequestBytes = 0): Candidate => ({
  uid,
  priority: 0,
  critical: false,
  graceMs: 30_000,
  pids: 1,
  volumes: NO_USE,
  diskRequestBytes: 0,
  containers: [{ name: 'c', memoryBytes, memoryRequestBytes, log: disk(memoryBytes), layer: NO_USE, diskRequestBytes: 0 }],
  ...over,
});
const input = (available: Partial<Record<Signal, number>>, over: Partial<DecideInput> & { config?: EvictionConfig } = {}): DecideInput => ({
  thresholds: thresholdsOf(
    over.config ?? { evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '10%', 'pid.available': '50' } },
  ),
  readings: new Map(Object.entries(available).map(([s, n]) => [s as Signal, { available: n, capacity: 1_000 * MI }])),
  candidates: [candidate('small', {}, 10 * MI), candidate('big', {}, 500 * MI)],
  memory: NO_MEMORY,
  nowMs: 1_000_000,
  transitionMs: 300_000,
  maxGraceMs: 10_000,
  reclaimed: false,
  imagesApart: false,
  ...over,
});
const show = (i: DecideInput): string => {
  const { conditions, reclaim, evict } = decide(i);
  return [...conditions, ...(reclaim ? ['reclaim'] : []), ...(evict === undefined ? [] : [`evict ${evict.uid} ${evict.graceMs}`])].join(
    ', ',
  );
};
const soft: EvictionConfig = {
  evictionHard: {},
  evictionSoft: { 'memory.available': '200Mi' },
  evictionSoftGracePeriod: { 'memory.available': '1m' },
};
const since = (ms: number): Memory => ({ crossedSinceMs: new Map([['memory.available 60000', ms]]), lastSeenMs: new Map() });

for (const [name, given, want] of [
  ['enough of everything', input({ 'memory.available': 900 * MI, 'nodefs.available': 900 * MI }), ''],
  ['a signal that cannot be read is not crossed', input({}), ''],
  [
    'low on memory: the one that uses most above its request goes, at once',
    input({ 'memory.available': 50 * MI }),
    'MemoryPressure, evict big 1000',
  ],
  ['low on disk: first what nobody needs', input({ 'nodefs.available': 50 * MI }), 'DiskPressure, reclaim'],
  [
    'low on a disk that images do not lie on: a pod',
    input({ 'nodefs.available': 50 * MI }, { imagesApart: true }),
    'DiskPressure, evict big 1000',
  ],
  [
    'low on the disk that images lie on',
    input({ 'imagefs.available': 50 * MI }, { imagesApart: true, config: { evictionHard: { 'imagefs.available': '10%' } } }),
    'DiskPressure, reclaim',
  ],
  ['low on disk still: a pod', input({ 'nodefs.available': 50 * MI }, { reclaimed: true }), 'DiskPressure, evict big 1000'],
  [
    'memory goes before disk',
    input({ 'nodefs.available': 50 * MI, 'memory.available': 1 }),
    'MemoryPressure, DiskPressure, evict big 1000',
  ],
  ['low on processes', input({ 'pid.available': 10 }), 'PIDPressure, evict small 1000'],
  [
    'nobody but critical ones: nobody',
    input({ 'memory.available': 1 }, { candidates: [candidate('vip', { critical: true }, 900 * MI)] }),
    'MemoryPressure',
  ],
  ['a soft threshold just crossed', input({ 'memory.available': 150 * MI }, { config: soft }), ''],
  [
    'a soft threshold crossed for its time: with the grace period, cut to the longest',
    input({ 'memory.available': 150 * MI }, { config: soft, memory: since(940_000) }),
    'MemoryPressure, evict big 10000',
  ],
  ['a soft threshold not crossed any more', input({ 'memory.available': 250 * MI }, { config: soft, memory: since(0) }), ''],
  [
    'the condition stays for the transition period, without evictions',
    input({ 'memory.available': 900 * MI }, { memory: { crossedSinceMs: new Map(), lastSeenMs: new Map([['MemoryPressure', 700_000]]) } }),
    'MemoryPressure',
  ],
  [
    'and is over after it',
    input({ 'memory.available': 900 * MI }, { memory: { crossedSinceMs: new Map(), lastSeenMs: new Map([['MemoryPressure', 699_999]]) } }),
    '',
  ],
  [
    'the minimum reclaim raises the bar once it was crossed',
    input(
      { 'memory.available': 150 * MI },
      {
        config: { evictionHard: { 'memory.available': '100Mi' }, evictionMinimumReclaim: { 'memory.available': '100Mi' } },
        memory: { crossedSinceMs: new Map([['memory.available 0', 0]]), lastSeenMs: new Map() },
      },
    ),
    'MemoryPressure, evict big 1000',
  ],
] as const) {
  test(`decide: ${name}`, () => assert.equal(show(given), want));
}

test('decide: the message names resource, threshold and who used what', () => {
  const candidates = [candidate('a', {}, 300 * MI, 100 * MI)];
  assert.equal(
    decide(input({ 'memory.available': 50 * MI }, { candidates })).evict?.message,
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 51200Ki. Container c was using 307200Ki, request is 102400Ki, has larger consumption of memory. ',
  );
});

test('rank: first who exceeds the request, then who matters less, then who exceeds more; a total order', () => {
  const any = fc.record({ priority: fc.constantFrom(0, 1), used: fc.integer({ min: 0, max: 3 }), asked: fc.integer({ min: 0, max: 3 }) });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 6 }), (list) => {
      const ranked = rank(
        list.map((c, i) => candidate(String(i), { priority: c.priority }, c.used, c.asked)),
        'memory.available',
      ).map((c) => list[Number(c.uid)]!);
      for (const [i, b] of ranked.entries()) {
        const a = ranked[i - 1];
        if (a === undefined) continue;
        const key = (c: typeof a): number[] => [c.used > c.asked ? 0 : 1, c.priority, c.asked - c.used];
        const [x, y] = [key(a), key(b)];
        const at = x.findIndex((v, k) => v !== y[k]);
        assert.ok(at === -1 || x[at]! < y[at]!, `${JSON.stringify(a)} before ${JSON.stringify(b)}`);
      }
    }),
  );
});

test('rank: by what lies on the disk that is short: logs and volumes, what containers wrote, or all of it', () => {
  const use = { name: 'c', memoryBytes: 0, memoryRequestBytes: 0, log: NO_USE, layer: NO_USE, diskRequestBytes: 0 };
  const pods = [
    candidate('writes', { containers: [{ ...use, layer: disk(70, 2) }] }),
    candidate('logs', { containers: [{ ...use, log: disk(50, 3) }] }),
    candidate('keeps', { volumes: disk(60, 90) }),
    candidate('asked', { volumes: disk(1_000), diskRequestBytes: 1_000 }),
  ];
  const order = (signal: Signal, apart: boolean): string =>
    rank(pods, signal, apart)
      .map((c) => c.uid)
      .join(' ');
  assert.equal(order('nodefs.available', false), 'writes keeps logs asked');
  assert.equal(order('imagefs.available', false), 'writes keeps logs asked');
  assert.equal(order('nodefs.available', true), 'keeps logs writes asked');
  assert.equal(order('imagefs.available', true), 'writes logs keeps asked');
  assert.equal(order('nodefs.inodesFree', false), 'keeps logs writes asked');
});
