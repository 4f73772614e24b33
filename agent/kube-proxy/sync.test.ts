import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '#base/backoff.ts';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import type { Family } from './ip.ts';
import type { Intactness, Proxier, SyncInput, SyncReport } from './proxier.ts';
import type { ServiceInput } from './services.ts';
import { SyncLoop, type SyncEvent } from './sync.ts';
import { service, settingsOf, tableOf } from './testing.ts';

const one = (n: number): ServiceInput => ({ service: service(`s${n}`, { clusterIP: `10.96.0.${n}`, ports: [{ port: 80 }] }), slices: [] });

class FakeProxier implements Proxier {
  readonly mode = 'iptables';
  readonly family: Family = 'IPv4';
  readonly inputs: SyncInput[] = [];
  seesAllWrites = false;
  failWith: Error | undefined;
  intact: Intactness = 'intact';
  lines = 1;
  checks = 0;

  async sync(input: SyncInput): Promise<SyncReport> {
    this.inputs.push(input);
    if (this.failWith !== undefined) throw this.failWith;
    this.intact = 'intact';
    return { kind: input.changed === undefined ? 'full' : 'partial', linesWritten: this.lines, bytesWritten: 1, planMs: 0, kernelMs: 0 };
  }
  async checkIntact(): Promise<Intactness> {
    this.checks += 1;
    return this.intact;
  }
  readDrift(): never {
    throw new Error('not asked for');
  }
  explain(): never {
    throw new Error('not asked for');
  }
  trace(): never {
    throw new Error('not asked for');
  }
  async close(): Promise<void> {}

  get kinds(): string[] {
    return this.inputs.map((i) =>
      i.changed === undefined ? 'full' : [...i.changed].map((id) => id.replace(/default\/|\/tcp/g, '')).join(' '),
    );
  }
}

async function started(): Promise<{
  clock: ManualClock;
  proxier: FakeProxier;
  loop: SyncLoop;
  lines: string[];
  events: SyncEvent[];
  set: (n: number) => void;
  unset: (n: number) => void;
  stop: () => Promise<void>;
}> {
  const clock = new ManualClock(1_000_000);
  const proxier = new FakeProxier();
  const table = tableOf([]);
  const lines: string[] = [];
  const events: SyncEvent[] = [];
  const loop = new SyncLoop({
    proxiers: [proxier],
    table,
    settings: settingsOf,
    clock,
    log: makeLogger({ write: (l) => lines.push(l), clock }),
    backoff: new Backoff(1_000, 30_000),
    minSyncPeriodMs: 1_000,
    onEvent: (e) => events.push(e),
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  await clock.advance(0);
  const set = (n: number): void => {
    table.set(`default/s${n}`, one(n));
    loop.changed();
  };
  const unset = (n: number): void => {
    table.set(`default/s${n}`, undefined);
    loop.changed();
  };
  return { clock, proxier, loop, lines, events, set, unset, stop: () => (stop.abort(), clock.advance(0), running) };
}

test('SyncLoop: starts with a full sync, then writes the first change at once and the next ones together', async () => {
  const { clock, proxier, set, stop, events } = await started();
  assert.deepEqual(proxier.kinds, ['full']);
  await clock.advance(5_000);
  set(1);
  await clock.advance(0);
  assert.deepEqual(proxier.kinds, ['full', 's1']);
  set(2);
  set(3);
  await clock.advance(999);
  assert.equal(proxier.kinds.length, 2);
  await clock.advance(1);
  assert.deepEqual(proxier.kinds, ['full', 's1', 's2 s3']);
  await clock.advance(60_000);
  assert.equal(proxier.kinds.length, 3, 'nothing changed, nothing is written');
  assert.deepEqual(
    events.map((e) => e.kind),
    ['synced', 'queued', 'synced', 'queued', 'synced'],
  );
  await stop();
});

test('SyncLoop: a change that comes while a sync runs is written by the next', async () => {
  const { clock, proxier, set, stop } = await started();
  await clock.advance(5_000);
  const gate = Promise.withResolvers<void>();
  const sync = proxier.sync.bind(proxier);
  proxier.sync = async (input) => (await gate.promise, sync(input));
  set(1);
  await clock.advance(0);
  set(2);
  gate.resolve();
  await clock.advance(1_000);
  assert.deepEqual(proxier.kinds, ['full', 's1', 's2']);
  await stop();
});

test('SyncLoop: tells of what it wrote as it was then, when the table has gone on since', async () => {
  const { clock, proxier, set, unset, stop, events } = await started();
  await clock.advance(5_000);
  set(1);
  await clock.advance(1_000);
  const gate = Promise.withResolvers<void>();
  const sync = proxier.sync.bind(proxier);
  proxier.sync = async (input) => (await gate.promise, sync(input));
  set(2);
  await clock.advance(1_000);
  unset(2);
  gate.resolve();
  await clock.advance(1_000);
  const told = events.flatMap((e) => (e.kind === 'synced' && e.ports.kind === 'changed' ? [[...e.ports.ports]] : []));
  assert.deepEqual(
    told.map((ports) => ports.map(([id, port]) => [id, port?.clusterIp])),
    [[['default/s1/tcp', '10.96.0.1']], [['default/s2/tcp', '10.96.0.2']], [['default/s2/tcp', undefined]]],
  );
  await stop();
});

test('SyncLoop: a look at the rules that takes long comes as much more rarely', async () => {
  const { clock, proxier, stop } = await started();
  let takesMs = 4_000;
  proxier.checkIntact = async () => {
    proxier.checks += 1;
    if (takesMs > 0) await clock.sleep(takesMs, new AbortController().signal);
    takesMs = 0;
    return 'intact';
  };
  await clock.advance(1_000);
  await clock.advance(4_000);
  assert.equal(proxier.checks, 1);
  await clock.advance(39_000);
  assert.equal(proxier.checks, 1);
  await clock.advance(2_000);
  assert.equal(proxier.checks, 2);
  await stop();
});

test('SyncLoop: a failed sync comes again as a full one, later and later, and says so once', async () => {
  const { clock, proxier, set, stop, lines, loop } = await started();
  await clock.advance(5_000);
  proxier.failWith = new Error('no');
  set(1);
  await clock.advance(0);
  const at: number[] = [];
  for (let s = 0; s < 40; s++) {
    const before = proxier.kinds.length;
    await clock.advance(1_000);
    if (proxier.kinds.length > before) at.push(s + 1);
  }
  assert.deepEqual(at, [1, 3, 7, 15, 31]);
  assert.deepEqual(proxier.kinds.slice(1), ['s1', 'full', 'full', 'full', 'full', 'full']);
  assert.equal(loop.states()[0]?.pendingSinceMs, 1_005_000, 'pending since the first change that is not written');
  proxier.failWith = undefined;
  await clock.advance(30_000);
  assert.equal(loop.states()[0]?.pendingSinceMs, undefined);
  assert.deepEqual(
    lines.map((l) => l.replace(/ family.*/, '')),
    ['<3>Cannot write the rules of services, they stay as they are until it works', '<6>Wrote the rules of services again'],
  );
  set(2);
  await clock.advance(1_000);
  assert.equal(proxier.kinds.at(-1), 's2');
  await stop();
});

test('SyncLoop: rules that somebody removed are back within a second', async () => {
  const { clock, proxier, stop, lines } = await started();
  await clock.advance(10_000);
  proxier.intact = 'broken';
  await clock.advance(1_000);
  assert.deepEqual(proxier.kinds, ['full', 'full']);
  assert.match(lines[0] ?? '', /^<4>Rules of services had been removed, they are back family=IPv4/);
  await stop();
});

test('SyncLoop: when others write rules all the time, reading ours takes a tenth of the time at most', async () => {
  const { clock, proxier, stop, lines } = await started();
  const sync = proxier.sync.bind(proxier);
  proxier.sync = async (input) => {
    await clock.sleep(2_000, new AbortController().signal);
    proxier.lines = 0;
    const report = await sync(input);
    proxier.intact = 'touched';
    return report;
  };
  await clock.advance(10_000);
  proxier.intact = 'touched';
  for (let s = 0; s < 100; s++) await clock.advance(1_000);
  assert.ok(proxier.inputs.length >= 4 && proxier.inputs.length <= 7, `${proxier.inputs.length}`);
  assert.deepEqual(lines, [], 'nothing of ours was changed: nothing to say');
  await stop();
});

test('SyncLoop: a full sync comes every hour, and when the settings change', async () => {
  const { clock, proxier, loop, stop } = await started();
  await clock.advance(3_599_000);
  assert.equal(proxier.inputs.length, 1);
  await clock.advance(1_000);
  await clock.advance(0);
  assert.deepEqual(proxier.kinds, ['full', 'full']);
  await clock.advance(10_000);
  loop.requestFull('the zone of the node changed');
  await clock.advance(0);
  assert.deepEqual(proxier.kinds, ['full', 'full', 'full']);
  await stop();
});

test('SyncLoop: where nobody can write unseen, a full sync comes on evidence alone', async () => {
  const { clock, proxier, stop } = await started();
  proxier.seesAllWrites = true;
  await clock.advance(3_600_000);
  await clock.advance(3_600_000);
  assert.deepEqual(proxier.kinds, ['full']);
  proxier.intact = 'touched';
  await clock.advance(1_000);
  await clock.advance(0);
  assert.deepEqual(proxier.kinds, ['full', 'full']);
  await stop();
});
