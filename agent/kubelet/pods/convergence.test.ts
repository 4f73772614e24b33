/** Whatever is wanted, breaks or comes late, in any order: in the end the node runs exactly what is wanted, and never two of one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { POD_NAME, POD_UID } from './labels.ts';
import { IMAGE, World } from '../test/world.ts';

const NAMES = ['a', 'b'] as const;
const RPCS = [
  'RunPodSandbox',
  'CreateContainer',
  'StartContainer',
  'StopContainer',
  'StopPodSandbox',
  'RemovePodSandbox',
  'RemoveContainer',
  'ListContainers',
  'ImageStatus',
  'PodSandboxStatus',
] as const;

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('want' as const), pod: fc.constantFrom(...NAMES), version: fc.integer({ min: 0, max: 2 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drop' as const), pod: fc.constantFrom(...NAMES) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('exit' as const), pod: fc.constantFrom(...NAMES) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill sandbox' as const), pod: fc.constantFrom(...NAMES) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('fail' as const), rpc: fc.constantFrom(...RPCS), times: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 100, 600, 5_000, 30_000) }) },
);
/** And how many of the answers that are under way arrive before the next command. */
const commands = fc.array(fc.tuple(command, fc.integer({ min: 0, max: 12 })), { minLength: 3, maxLength: 14 });
type Command = (typeof command extends fc.Arbitrary<infer T> ? T : never) & object;

class Play {
  readonly wanted = new Map<(typeof NAMES)[number], number>();
  readonly seen = new Set<string>();
  readonly #w: World;
  readonly #s: fc.Scheduler;

  constructor(w: World, s: fc.Scheduler) {
    this.#w = w;
    this.#s = s;
    w.onStart = (labels) => this.#neverTwo(labels);
  }

  async do(c: Command): Promise<void> {
    const w = this.#w;
    this.seen.add(c.kind);
    const containers = [...w.fake.state.containers.values()];
    switch (c.kind) {
      case 'want':
        this.wanted.set(c.pod, c.version);
        return this.#set();
      case 'drop':
        this.wanted.delete(c.pod);
        return this.#set();
      case 'exit': {
        const found = containers.find((x) => x.state === 'CONTAINER_RUNNING' && x.config.labels[POD_NAME] === `${c.pod}-n`);
        if (found !== undefined) w.fake.exitContainer(found.id, 1);
        return;
      }
      case 'kill sandbox': {
        const found = [...w.fake.state.sandboxes.values()].find((x) => x.ready && x.config.metadata?.name === `${c.pod}-n`);
        if (found !== undefined) w.fake.killSandbox(found.id);
        return;
      }
      case 'fail':
        return w.fake.failNext(c.rpc, 'UNKNOWN', 'failed, as asked for', c.times);
      case 'time':
        return w.advance(c.ms);
    }
  }

  async arrive(answers: number): Promise<void> {
    for (let i = 0; i < answers; i++) {
      await this.#w.settle();
      if (this.#s.count() === 0) return;
      await this.#s.waitOne();
    }
  }

  /** Lets everything arrive and enough time go by for every delay there is. */
  async rest(): Promise<void> {
    for (let minutes = 0; minutes < 20; minutes++) {
      await this.arrive(Infinity);
      await this.#w.advance(60_000);
    }
    await this.arrive(Infinity);
  }

  check(): void {
    const w = this.#w;
    const running = [...w.fake.state.containers.values()].filter((c) => c.state === 'CONTAINER_RUNNING');
    const uids = new Map([...this.wanted].map(([name, version]) => [`${name}-n`, w.pod(name, {}, { args: [`v${version}`] }).metadata.uid]));
    assert.deepEqual(
      running.map((c) => `${c.config.labels[POD_NAME]} ${c.config.args.join(' ')}`).sort(),
      [...this.wanted].map(([name, version]) => `${name}-n v${version}`).sort(),
      'what runs is not what is wanted',
    );
    for (const s of w.fake.state.sandboxes.values())
      assert.equal(s.config.labels[POD_UID], uids.get(s.config.labels[POD_NAME] ?? ''), 'a sandbox of a pod that is not wanted is left');
    assert.equal([...w.fake.state.sandboxes.values()].filter((s) => s.ready).length, this.wanted.size);
    assert.deepEqual(
      w.logDirs().sort(),
      [...uids].map(([name, uid]) => `default_${name}_${uid}`).sort(),
      'logs of a pod that is not wanted are left',
    );
    assert.ok(w.fake.state.containers.size <= 2 * this.wanted.size, 'of each container the last two are kept');
    assert.deepEqual(w.fake.unexpected, []);
  }

  #set(): void {
    const pods = [...this.wanted].map(([name, version]) => this.#w.pod(name, {}, { image: IMAGE, args: [`v${version}`] }));
    this.#w.workers.setPods(new Map(pods.map((p) => [`${p.metadata.namespace}/${p.metadata.name}`, p])));
  }

  #neverTwo(labels: Readonly<Record<string, string>>): void {
    for (const c of this.#w.fake.state.containers.values()) {
      if (c.state === 'CONTAINER_RUNNING' && c.config.labels[POD_NAME] === labels[POD_NAME])
        throw new Error(`two of ${labels[POD_NAME]} at once: ${c.config.args.join(' ')} still runs`);
    }
  }
}

test('PodWorkers: whatever happens, in the end exactly the wanted pods run, and never two of one name', { timeout: 900_000 }, async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), commands, async (s, play) => {
      let late = false;
      const w = await World.start({ delay: (rpc) => (late ? s.schedule(Promise.resolve(), rpc) : Promise.resolve()) });
      try {
        late = true;
        const p = new Play(w, s);
        w.workers.setPods(new Map());
        for (const [c, answers] of play) {
          await p.do(c);
          await p.arrive(answers);
        }
        await p.rest();
        p.check();
        for (const kind of p.seen) seen.set(kind, (seen.get(kind) ?? 0) + 1);
        for (const line of w.log)
          if (/Reconcile failed .*step=(plan|observe)/.test(line)) seen.set('observe failed', (seen.get('observe failed') ?? 0) + 1);
        assert.ok(!w.log.some((l) => l.includes('step=plan')), w.log.join('\n'));
      } finally {
        late = false;
        while (s.count() > 0) await s.waitOne();
        await w.stop();
      }
    }),
    { numRuns: 40 },
  );
  for (const kind of ['want', 'drop', 'exit', 'kill sandbox', 'fail', 'time', 'observe failed'])
    assert.ok((seen.get(kind) ?? 0) > 0, `never happened: ${kind}`);
});
