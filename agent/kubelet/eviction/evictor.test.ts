/** The loop that looks at the node and ends pods, with time that stands still. What it decides is in decide.test.ts. */
import assert from 'node:assert/strict';
import { NO_USE } from '../../linux/diskUsage.ts';
import { test, type TestContext } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { EventLog } from '../events.ts';
import { Fates } from '../pods/fates.ts';
import { Evictor } from './evictor.ts';
import type { Candidate } from './decide.ts';
import { StorageLimits } from './storageLimits.ts';
import { thresholdsOf, type Signal } from './thresholds.ts';

const MI = 1 << 20;

interface Node {
  readonly clock: ManualClock;
  readonly fates: Fates;
  readonly log: string[];
  readonly events: EventLog;
  readonly happened: string[];
  left: Partial<Record<Signal, number>>;
  pods: Map<string, number>;
  fails: boolean;
  readonly evictor: Evictor;
}

function nodeOf(config: object): Node {
  const clock = new ManualClock();
  const log: string[] = [];
  const events = new EventLog(clock);
  const happened: string[] = [];
  const fates = new Fates();
  const logger = makeLogger({ clock, write: (line) => void log.push(line) });
  const candidate = ([uid, memoryBytes]: [string, number]): Candidate => ({
    uid,
    priority: 0,
    critical: false,
    graceMs: 30_000,
    pids: 1,
    volumes: NO_USE,
    diskRequestBytes: 0,
    containers: [
      { name: 'c', memoryBytes, memoryRequestBytes: 0, log: NO_USE, layer: { bytes: memoryBytes, inodes: 1 }, diskRequestBytes: 0 },
    ],
  });
  const node: Node = {
    clock,
    fates,
    log,
    events,
    happened,
    left: {},
    pods: new Map(),
    fails: false,
    evictor: new Evictor({
      clock,
      log: logger,
      events,
      fates,
      settings: () => ({ thresholds: thresholdsOf(config), transitionMs: 60_000, maxGraceMs: 5_000 }),
      read: () => {
        happened.push('read');
        if (node.fails) return Promise.reject(new Error('no /proc'));
        const readings = new Map(Object.entries(node.left).map(([s, n]) => [s as Signal, { available: n, capacity: 1_000 * MI }]));
        return Promise.resolve({ readings, imagesApart: false });
      },
      candidates: () => Promise.resolve([...node.pods].map(candidate)),
      podOf: (uid) => {
        const pod: Pod = { metadata: { name: uid, namespace: 'default', uid }, spec: { containers: [] } };
        return { key: `default/${uid}`, pod };
      },
      reclaim: () => {
        happened.push('reclaim');
        node.left = { ...node.left, 'nodefs.available': 900 * MI };
        return Promise.resolve();
      },
      onPod: (key) => {
        happened.push(`look at ${key}`);
        if (fates.of(key.slice('default/'.length)) !== undefined) node.pods.delete(key.slice('default/'.length));
      },
      onConditions: () => happened.push('conditions'),
    }),
  };
  return node;
}

function start(t: TestContext, node: Node): void {
  const stop = new AbortController();
  const running = node.evictor.run(stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
  });
}
/** In steps, because what is done at one moment sets the next. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 500) await clock.advance(Math.min(leftMs, 500));
}
const acts = (node: Node): string[] => node.happened.splice(0).filter((what) => what !== 'read');
const reads = (node: Node): number => node.happened.splice(0).filter((what) => what === 'read').length;
const HARD = { evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '100Mi' } };

test('Evictor: looks every ten seconds, and every second when it gets short', async (t) => {
  const node = nodeOf(HARD);
  node.left = { 'memory.available': 900 * MI };
  start(t, node);
  await pass(node.clock, 60_000);
  const [calm, near] = [reads(node), ((node.left = { 'memory.available': 150 * MI }), await pass(node.clock, 60_000), reads(node))];
  assert.ok(calm >= 5 && calm <= 7, `${calm} looks in a minute`);
  assert.ok(near >= 30, `${near} looks in a minute`);
});

test('Evictor: one pod at a time, the largest first, told everywhere; the others stay when there is enough', async (t) => {
  const node = nodeOf(HARD);
  node.left = { 'memory.available': 50 * MI };
  node.pods = new Map([
    ['small', 10 * MI],
    ['big', 500 * MI],
  ]);
  start(t, node);
  await pass(node.clock, 500);
  assert.deepEqual(acts(node), ['conditions', 'look at default/big']);
  assert.deepEqual([...node.evictor.conditions()], ['MemoryPressure']);
  const fate = node.fates.of('big');
  assert.deepEqual([fate?.why, fate?.reason, fate?.graceMs, fate?.disruption], ['evicted', 'Evicted', 1_000, 'TerminationByKubelet']);
  assert.match(fate?.message ?? '', /^The node was low on resource: memory\. /);
  assert.equal(node.events.list().filter((e) => e.reason === 'Evicted').length, 1);
  assert.match(node.log.join('\n'), /<4>Evicted pod pod=default\/big uid=big signal=memory\.available graceMs=1000 why=/);
  node.left = { 'memory.available': 900 * MI };
  await pass(node.clock, 20_000);
  assert.equal(node.fates.of('small'), undefined);
  assert.deepEqual([...node.evictor.conditions()], ['MemoryPressure'], 'for the transition period');
});

test('Evictor: the next one goes when it is short still', async (t) => {
  const node = nodeOf(HARD);
  node.left = { 'memory.available': 50 * MI };
  node.pods = new Map([
    ['small', 10 * MI],
    ['big', 500 * MI],
  ]);
  start(t, node);
  await pass(node.clock, 5_000);
  assert.deepEqual(acts(node), ['conditions', 'look at default/big', 'look at default/small']);
});

test('Evictor: when the condition is over the evicted may come back, but not who filled the disk beyond its own limit', async (t) => {
  const node = nodeOf(HARD);
  node.left = { 'memory.available': 50 * MI };
  node.pods = new Map([['big', 500 * MI]]);
  node.fates.set('guilty', { why: 'evicted', reason: 'Evicted', message: 'm', disruption: 'TerminationByKubelet', stays: true });
  start(t, node);
  await pass(node.clock, 2_000);
  node.left = { 'memory.available': 900 * MI };
  acts(node);
  await pass(node.clock, 80_000);
  assert.deepEqual(acts(node), ['look at default/big', 'conditions']);
  assert.equal(node.fates.of('big'), undefined);
  assert.notEqual(node.fates.of('guilty'), undefined);
});

test('Evictor: short of disk, images go first and no pod when that suffices', async (t) => {
  const node = nodeOf(HARD);
  node.left = { 'nodefs.available': 50 * MI };
  node.pods = new Map([['big', 500 * MI]]);
  start(t, node);
  await pass(node.clock, 5_000);
  assert.deepEqual(acts(node), ['conditions', 'reclaim']);
  assert.equal(node.fates.of('big'), undefined);
});

test('Evictor: what cannot be read is told, and read again', async (t) => {
  const node = nodeOf(HARD);
  node.fails = true;
  start(t, node);
  await pass(node.clock, 500);
  assert.match(node.log.join('\n'), /Cannot find out what the node has left err="?no \/proc/);
  node.fails = false;
  node.left = { 'memory.available': 50 * MI };
  node.pods = new Map([['big', 500 * MI]]);
  await pass(node.clock, 11_000);
  assert.ok(node.fates.of('big'));
});

test('Evictor: without thresholds nothing is read', async (t) => {
  const node = nodeOf({ evictionHard: {} });
  start(t, node);
  await pass(node.clock, 60_000);
  assert.equal(reads(node), 0);
});

test('StorageLimits: measures pods with limits only, ends who is beyond them once, and goes on after a failure', async () => {
  const { clock, fates, events, log } = nodeOf({});
  const volumes = [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }];
  const pod = (name: string, spec: object = {}): Pod => ({
    metadata: { name, namespace: 'default', uid: name },
    spec: { containers: [], ...spec },
  });
  const measured: string[][] = [];
  const told: string[] = [];
  let broken = true;
  const limits = new StorageLimits({
    clock,
    log: makeLogger({ clock, write: (line) => void log.push(line) }),
    events,
    fates,
    pods: () => [pod('free'), pod('full', { volumes }), pod('fine', { volumes })],
    use: (pods) => {
      if (broken) return Promise.reject(new Error('no list'));
      measured.push(pods.map((p) => p.metadata.name ?? ''));
      const use = (bytes: number): object => ({ emptyDirs: new Map([['v', { bytes, inodes: 1 }]]), other: NO_USE, containers: new Map() });
      return Promise.resolve(
        new Map([
          ['full', use(2 * MI)],
          ['fine', use(MI)],
        ]) as never,
      );
    },
    imagesApart: () => Promise.resolve(false),
    onPod: (key) => told.push(key),
  });
  const stop = new AbortController();
  const running = limits.run(stop.signal);
  await pass(clock, 5_000);
  assert.match(log.join('\n'), /Cannot find out how much disk pods use err="?no list/);
  broken = false;
  await pass(clock, 20_000);
  assert.deepEqual(told, ['default/full']);
  assert.deepEqual(measured, [['full', 'fine'], ['fine']]);
  assert.deepEqual([fates.of('full')?.message, fates.of('full')?.stays], ['Usage of EmptyDir volume "v" exceeds the limit "1Mi". ', true]);
  stop.abort();
  await running;
});
