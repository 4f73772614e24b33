import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock, type Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { LeaderElection, leases, type ElectionOptions } from './leaderElection.ts';
import { unlimited } from './rateLimit.ts';
import { Client } from './rest.ts';
import { FakeApi } from './testing/fakeApi.ts';
import { chance, recorder, turns, type Line } from './testing/kit.ts';
import type { ApiRequest, ApiResponse, Transport } from './transport.ts';

/** One process: its own idea of the time, its own way to the server, and it may be stopped like by SIGSTOP. */
class Process implements Clock, Transport {
  readonly server = 'https://fake:6443';
  readonly election: LeaderElection;
  readonly lines: Line[] = [];
  readonly stop = new AbortController();
  readonly running: Promise<void>;
  leads: AbortSignal | undefined;
  times = 0;
  offsetMs = 0;
  /** What becomes of the next requests. */
  faults: ('lost' | 'answerLost' | { readonly beforeMs: number } | { readonly afterMs: number })[] = [];
  readonly #world: ManualClock;
  readonly #api: FakeApi;
  #thaw: PromiseWithResolvers<void> | undefined;

  constructor(world: ManualClock, api: FakeApi, options: Partial<ElectionOptions> & { readonly identity: string }) {
    this.#world = world;
    this.#api = api;
    const client = new Client({ transport: this, clock: this, limiter: unlimited, userAgent: 'test' });
    this.election = new LeaderElection({
      client,
      clock: this,
      log: recorder(this.lines),
      namespace: 'kube-system',
      name: 'scheduler',
      random: () => 0.5,
      ...options,
    });
    this.running = this.election.run(async (signal) => {
      this.leads = signal;
      this.times += 1;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      this.leads = undefined;
    }, this.stop.signal);
  }

  freeze(): void {
    this.#thaw ??= Promise.withResolvers<void>();
  }

  thaw(): void {
    this.#thaw?.resolve();
    this.#thaw = undefined;
  }

  nowMs(): number {
    return this.#world.nowMs() + this.offsetMs;
  }

  monotonicMs(): number {
    return this.#world.monotonicMs();
  }

  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    await this.#world.sleep(delayMs, signal);
    await this.#thaw?.promise;
  }

  after(delayMs: number, work: () => void): () => void {
    return this.#world.after(delayMs, work);
  }

  async send(request: ApiRequest): Promise<ApiResponse> {
    await this.#thaw?.promise;
    const fault = this.faults.shift();
    const never = new AbortController().signal;
    if (fault === 'lost') throw new Error('connection refused');
    if (typeof fault === 'object' && 'beforeMs' in fault) await this.#world.sleep(fault.beforeMs, never);
    const answer = await this.#api.send({ ...request, signal: never });
    if (typeof fault === 'object' && 'afterMs' in fault) await this.#world.sleep(fault.afterMs, never);
    await this.#thaw?.promise;
    request.signal.throwIfAborted();
    if (fault === 'answerLost') throw new Error('connection reset');
    return answer;
  }

  close(): void {}
}

function world(count: number, options: Partial<ElectionOptions> = {}) {
  const clock = new ManualClock(1_700_000_000_000);
  const api = new FakeApi({ types: [leases] });
  const processes = Array.from({ length: count }, (_, i) => new Process(clock, api, { identity: `p${i}`, ...options }));
  const leaders = (): string[] => processes.filter((p) => p.election.isLeader).map((p) => p.election.holder);
  /** In small steps, so that nobody can lead for a moment unseen. */
  const pass = async (ms: number): Promise<void> => {
    await turns();
    for (let left = ms; left > 0; left -= 500) {
      await clock.advance(Math.min(left, 500));
      await turns();
      assert.ok(leaders().length <= 1, `${leaders().join(' and ')} lead at once`);
    }
  };
  const end = async (): Promise<void> => {
    for (const p of processes) {
      p.faults = [];
      p.thaw();
      p.stop.abort(new Error('test is over'));
    }
    const all = Promise.all(processes.map((p) => p.running));
    for (let i = 0; i < 40; i++) await pass(500);
    await all;
  };
  return { clock, api, processes, leaders, pass, end };
}

const lease = (api: FakeApi) => api.all(leases)[0] as unknown as { spec: Record<string, unknown> } | undefined;

test('the first one leads, the others wait; the lease says what upstream writes', async () => {
  const { api, leaders, pass, processes, end } = world(3);
  await pass(1_000);
  assert.equal(leaders().length, 1);
  await pass(60_000);
  assert.equal(
    processes.reduce((sum, p) => sum + p.times, 0),
    1,
  );
  const { spec } = lease(api)!;
  assert.equal(spec['leaseDurationSeconds'], 15);
  assert.equal(spec['leaseTransitions'], 0);
  assert.match(String(spec['renewTime']), /^2023-11-14T22:14:\d\d\.\d{6}Z$/);
  assert.equal(spec['acquireTime'], '2023-11-14T22:13:20.000000Z');
  await end();
});

test('who is told to stop hands the lease over, and the next one need not wait for it to run out', async () => {
  const { api, leaders, pass, processes, end } = world(2);
  await pass(1_000);
  const first = processes.find((p) => p.election.isLeader)!;
  first.stop.abort(new Error('stop'));
  await pass(5_000);
  await first.running;
  assert.equal(leaders().length, 1);
  assert.notEqual(leaders()[0], first.election.holder);
  assert.equal(lease(api)!.spec['leaseTransitions'], 1);
  await end();
});

test('a leader that cannot reach the server stops to lead before another begins', async () => {
  const { leaders, pass, processes, end } = world(2);
  await pass(1_000);
  const first = processes.find((p) => p.election.isLeader)!;
  const signal = first.leads!;
  first.faults = Array.from({ length: 1_000 }, () => 'lost' as const);
  await pass(8_000);
  assert.equal(signal.aborted, false);
  await pass(3_000);
  assert.equal(codeOf(signal.reason), 'LEADERSHIP_LOST');
  assert.deepEqual(leaders(), []);
  await pass(12_000);
  assert.equal(leaders().length, 1);
  await end();
});

test('a renewal that is answered late counts from when it was asked for', async () => {
  const { leaders, pass, processes, end } = world(2, { random: () => 0 });
  await pass(1_000);
  const first = processes.find((p) => p.election.isLeader)!;
  first.faults = [{ afterMs: 4_500 }, ...Array.from({ length: 1_000 }, () => 'lost' as const)];
  await pass(30_000);
  assert.equal(first.election.isLeader, false);
  assert.equal(leaders().length, 1);
  await end();
});

test('wall clocks may be hours apart, and jump', async () => {
  const { leaders, pass, processes, end } = world(3);
  processes[1]!.offsetMs = 86_400_000;
  processes[2]!.offsetMs = -86_400_000;
  await pass(30_000);
  const [leader] = leaders();
  processes[0]!.offsetMs = 7_200_000;
  processes[1]!.offsetMs = -7_200_000;
  await pass(60_000);
  assert.deepEqual(leaders(), [leader]);
  await end();
});

test('a process that was stopped knows at once that it no longer leads', async () => {
  const { pass, processes, end } = world(2);
  await pass(1_000);
  const first = processes.find((p) => p.election.isLeader)!;
  first.freeze();
  await pass(40_000);
  const second = processes.find((p) => p !== first)!;
  assert.equal(second.election.isLeader, true);
  first.thaw();
  assert.equal(first.election.isLeader, false);
  await pass(5_000);
  assert.equal(first.leads, undefined);
  await end();
});

test('what leading throws ends the run, and the lease is free', async () => {
  const { clock, api, end } = world(0);
  const p = new Process(clock, api, { identity: 'x' });
  p.stop.abort(new Error('not this one'));
  const client = new Client({ transport: api, clock, limiter: unlimited, userAgent: 'test' });
  const election = new LeaderElection({ client, clock, log: recorder([]), namespace: 'a', name: 'b', identity: 'x' });
  const { signal } = new AbortController();
  await assert.rejects(
    election.run(() => Promise.reject(new Error('a bug')), signal),
    /a bug/,
  );
  assert.equal(lease(api)!.spec['holderIdentity'], '');
  await end();
});

for (const [what, options] of [
  ['a lease shorter than the deadline', { leaseDurationMs: 10_000 }],
  ['a deadline shorter than the period', { renewDeadlineMs: 2_000 }],
  ['half a second', { leaseDurationMs: 15_500 }],
] as const) {
  test(`refused: ${what}`, () => {
    assert.throws(() => world(1, options), RangeError);
  });
}

const fault = fc.oneof(
  fc.constantFrom('lost' as const, 'answerLost' as const),
  fc.record({ beforeMs: fc.integer({ min: 1, max: 30_000 }) }),
  fc.record({ afterMs: fc.integer({ min: 1, max: 30_000 }) }),
);
/** The likeliest way to two leaders: the last renewal is answered late, and then there is silence. */
const lateAndGone = fc
  .integer({ min: 1, max: 4_900 })
  .map((afterMs) => [{ afterMs }, ...Array.from({ length: 20 }, () => 'lost' as const)]);
const who = fc.nat(2);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('faults' as const),
      who,
      faults: fc.oneof(lateAndGone, fc.array(fault, { minLength: 4, maxLength: 25, size: 'max' })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump' as const), who, ms: fc.integer({ min: -1e9, max: 1e9 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('freeze' as const, 'thaw' as const), who }) },
);

test('never do two believe to lead at once, whatever happens to time, network and processes; in the end one leads', async () => {
  const met = { changes: 0, lost: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30, size: 'max' }), fc.integer(), async (steps, seed) => {
      const { leaders, pass, processes, end } = world(3, { random: chance(seed) });
      for (const s of steps) {
        if (s.do === 'pass') await pass(s.ms);
        else {
          const p = processes[s.who]!;
          if (s.do === 'faults') p.faults.push(...s.faults);
          else if (s.do === 'jump') p.offsetMs = s.ms;
          else if (s.do === 'freeze') p.freeze();
          else p.thaw();
        }
      }
      for (const p of processes) {
        p.faults = [];
        p.thaw();
      }
      await pass(60_000);
      assert.equal(leaders().length, 1);
      met.changes += processes.reduce((sum, p) => sum + p.times, 0) - 1;
      met.lost += processes.flatMap((p) => p.lines).filter((l) => l.message === 'Lost leadership').length;
      await end();
    }),
    { numRuns: 15 },
  );
  assert.ok(met.changes > 4 && met.lost > 4, JSON.stringify(met));
});
