/** The node's graceful shutdown with a logind that the test plays, and time that stands still. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { Fates } from '../pods/fates.ts';
import { shutdownPeriods } from './plan.ts';
import { NodeShutdown } from './shutdown.ts';

const staticPod = (name: string, priority = 0): Pod => ({
  metadata: { name, namespace: 'default', uid: name, annotations: { 'kubernetes.io/config.source': 'file' } },
  spec: { containers: [], priority, terminationGracePeriodSeconds: 30 },
});
const apiPod = (name: string): Pod => ({
  ...staticPod(name),
  metadata: { name, namespace: 'default', uid: name, annotations: { 'kubernetes.io/config.source': 'api' } },
});

/** A machine: what its logind was asked, and the way to begin a shutdown. */
class Machine {
  readonly clock = new ManualClock(0);
  readonly log: string[] = [];
  readonly fates = new Fates();
  readonly looked: string[] = [];
  readonly running = new Set<string>();
  pods: Pod[] = [];
  changes = 0;
  ended = 0;
  held = 0;
  delayMs = 5_000;
  /** What setLongestDelay comes to. */
  mostMs = Infinity;
  fails: Error | undefined;
  goesOn = false;
  #tell: (begins: boolean | Error) => void = () => undefined;
  readonly shutdown: NodeShutdown;

  constructor(periods = shutdownPeriods({ shutdownGracePeriodMs: 30_000, criticalPodsMs: 10_000, byPodPriority: [] })) {
    const { clock, fates } = this;
    this.shutdown = new NodeShutdown({
      clock,
      fates,
      log: makeLogger({ write: (line) => this.log.push(line), clock }),
      periods,
      pods: () => new Map(this.pods.map((p) => [`default/${p.metadata.name}`, p])),
      runs: (_, pod) => this.running.has(pod.metadata.uid ?? ''),
      onPod: (key) => this.looked.push(key),
      onChange: () => (this.changes += 1),
      onEnded: () => (this.ended += 1),
      logind: {
        longestDelayMs: async () => {
          if (this.fails !== undefined) throw this.fails;
          return this.delayMs;
        },
        setLongestDelay: async (ms) => void (this.delayMs = Math.min(ms, this.mostMs)),
        isShuttingDown: async () => this.goesOn,
        inhibit: async () => {
          this.held += 1;
          let isHeld = true;
          return { release: async () => void ((this.held -= isHeld ? 1 : 0), (isHeld = false)) };
        },
        listen: async (signal) => {
          const said: (boolean | Error)[] = [];
          let wake: () => void = () => undefined;
          this.#tell = (what) => (said.push(what), wake());
          signal.addEventListener('abort', () => wake());
          const shutdowns = async function* (): AsyncGenerator<boolean> {
            while (!signal.aborted) {
              const next = said.shift();
              if (next instanceof Error) throw next;
              if (next !== undefined) yield next;
              else await new Promise<void>((resolve) => (wake = resolve));
            }
          };
          return { shutdowns: shutdowns() };
        },
      },
    });
  }

  async start(t: TestContext): Promise<void> {
    const stop = new AbortController();
    const running = this.shutdown.run(stop.signal);
    t.after(async () => {
      stop.abort();
      await this.pass(0);
      await running;
    });
    await this.pass(0);
  }

  async tell(what: boolean | Error): Promise<void> {
    this.#tell(what);
    await this.pass(0);
  }

  async pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs >= 0; leftMs -= 100) {
      await this.clock.advance(Math.min(100, leftMs));
      await new Promise((resolve) => setImmediate(resolve));
      if (leftMs === 0) break;
    }
  }

  fate(uid: string): string {
    const fate = this.fates.of(uid);
    return fate === undefined ? 'none' : `${fate.why} ${fate.reason} ${fate.graceMs}`;
  }
}

test('without a period nobody is asked', async (t) => {
  const m = new Machine([]);
  await m.start(t);
  assert.deepEqual([m.held, m.log], [0, []]);
});

test('logind is made to wait long enough, and the shutdown is held back until the pods have ended, group by group', async (t) => {
  const m = new Machine();
  m.pods = [staticPod('critical', 2_000_000_000), apiPod('web'), staticPod('own')];
  for (const uid of ['critical', 'web', 'own']) m.running.add(uid);
  await m.start(t);
  assert.deepEqual([m.delayMs, m.held, m.shutdown.isShuttingDown, m.shutdown.refusal()], [30_000, 1, false, undefined]);
  await m.tell(true);
  assert.equal(m.shutdown.isShuttingDown, true);
  assert.equal(m.shutdown.refusal()?.reason, 'NodeShutdown');
  assert.equal(m.changes, 1, 'the node says so at once');
  assert.deepEqual(m.looked, ['default/web', 'default/own']);
  assert.deepEqual([m.fate('web'), m.fate('critical')], ['nodeShutdown Terminated 20000', 'none']);
  assert.equal(m.fates.of('web')?.message, 'Pod was terminated in response to imminent node shutdown.');
  m.running.delete('web');
  await m.pass(10_000);
  assert.equal(m.fate('critical'), 'none', 'one of the first group still runs');
  m.running.delete('own');
  await m.pass(200);
  assert.equal(m.fate('critical'), 'nodeShutdown Terminated 10000');
  assert.deepEqual([m.held, m.ended], [1, 0]);
  m.running.delete('critical');
  await m.pass(200);
  assert.deepEqual([m.held, m.ended], [0, 1], 'the machine may go on');
});

test('a pod that does not end holds up the others and the machine for the time of its group alone', async (t) => {
  const m = new Machine();
  m.pods = [staticPod('stuck'), staticPod('critical', 2_000_000_000)];
  m.running.add('stuck').add('critical');
  await m.start(t);
  await m.tell(true);
  await m.pass(19_800);
  assert.equal(m.fate('critical'), 'none');
  await m.pass(400);
  assert.equal(m.fate('critical'), 'nodeShutdown Terminated 10000');
  await m.pass(9_000);
  assert.equal(m.held, 1);
  await m.pass(1_500);
  assert.equal(m.held, 0);
});

test('a shutdown that is called off gives static pods back what was theirs; a pod of the API has failed for good', async (t) => {
  const m = new Machine();
  m.pods = [staticPod('own'), apiPod('web')];
  await m.start(t);
  await m.tell(true);
  await m.pass(200);
  assert.equal(m.held, 0);
  await m.tell(false);
  assert.equal(m.shutdown.isShuttingDown, false);
  assert.deepEqual([m.fate('own'), m.fate('web')], ['none', 'nodeShutdown Terminated 20000']);
  assert.equal(m.looked.at(-1), 'default/own');
  assert.equal(m.held, 1, 'the next one is held back again');
});

test('a kubelet that starts while the machine goes down ends the pods and holds nothing back', async (t) => {
  const m = new Machine();
  m.goesOn = true;
  m.pods = [staticPod('own')];
  await m.start(t);
  assert.deepEqual([m.shutdown.isShuttingDown, m.fate('own'), m.held], [true, 'nodeShutdown Terminated 20000', 0]);
});

test('after the machine is up again static pods begin again, those of the API do not', async () => {
  const m = new Machine();
  const fate = { why: 'nodeShutdown', reason: 'Terminated', message: 'm' } as const;
  m.fates.set('own', fate);
  m.fates.set('web', { ...fate, stays: true });
  m.goesOn = true;
  await m.shutdown.prepare(new AbortController().signal);
  assert.notEqual(m.fate('own'), 'none', 'not while it still goes down');
  m.goesOn = false;
  await m.shutdown.prepare(new AbortController().signal);
  assert.equal(m.fate('own'), 'none');
  assert.notEqual(m.fate('web'), 'none');
});

test('no logind: told once with what it means, and tried again', async (t) => {
  const m = new Machine();
  m.fails = new Error('busctl: there is no bus');
  await m.start(t);
  await m.pass(300_000);
  assert.deepEqual(m.log, [
    '<4>Cannot hold back a shutdown of the machine, its pods would end without their grace periods err="busctl: there is no bus"',
  ]);
  m.fails = undefined;
  await m.pass(120_000);
  assert.equal(m.held, 1);
  await m.tell(new Error('the bus went away'));
  assert.equal(m.log.filter((l) => l.startsWith('<4>')).length, 2);
  await m.pass(5_000);
  assert.ok(m.log.filter((l) => l.startsWith('<6>A shutdown of the machine waits')).length === 2, m.log.join('\n'));
});

test('a logind that lets nobody wait so long: told, and what it gives is used', async (t) => {
  const m = new Machine();
  m.mostMs = 8_000;
  await m.start(t);
  await m.pass(10_000);
  assert.match(m.log[0] ?? '', /^<4>The machine waits less for its pods .* configuredMs=30000 inEffectMs=8000$/);
  assert.equal(m.held, 1);
});
