import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from './backoff.ts';
import { ManualClock } from './clock.ts';
import { AppError } from './errors.ts';
import { makeLogger } from './log.ts';
import { runLoop, type LoopDeps, type Reconciler } from './reconcile.ts';
import { WorkQueue } from './workqueue.ts';

function loop(backoff: Backoff): { deps: LoopDeps; clock: ManualClock; lines: string[]; stop: AbortController } {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = makeLogger({ write: (l) => lines.push(l), clock });
  return { deps: { queue: new WorkQueue(clock), clock, backoff, log }, clock, lines, stop: new AbortController() };
}

test('runLoop: retries a failing key later and later, folds what it says, and settles', async () => {
  const { deps, clock, lines, stop } = loop(new Backoff(100, 1000));
  let world = 0;
  let failures = 3;
  const triedAtMs: number[] = [];
  const counter: Reconciler<number, number, { kind: 'increment' }> = {
    name: 'counter',
    desired: () => 1,
    observe: async () => world,
    plan: (desired, observed) => ({ actions: observed < (desired ?? 0) ? [{ kind: 'increment' }] : [] }),
    act: async ({ actions, onStep }) => {
      onStep(actions[0]!.kind);
      triedAtMs.push(clock.nowMs());
      if (failures-- > 0) throw new AppError('RUNTIME_DEADLINE', 'Cannot start container', {}, new Error('no answer\nwithin 2s'));
      world += 1;
    },
  };
  const done = runLoop(counter, deps, stop.signal);
  deps.queue.add('default/web');
  for (const ms of [0, 100, 200, 400]) await clock.advance(ms);
  stop.abort();
  await done;
  assert.equal(world, 1);
  assert.deepEqual(triedAtMs, [0, 100, 300, 700]);
  assert.deepEqual(lines, [
    '<4>Reconcile failed loop=counter key=default/web step=increment retryInMs=100 err="Cannot start container: no answer\\nwithin 2s" code=RUNTIME_DEADLINE',
  ]);
});

test('runLoop: a world that does not move is looked at less and less often', async () => {
  const { deps, clock, stop } = loop(new Backoff(100, 400));
  const lookedAtMs: number[] = [];
  const stuck: Reconciler<true, true, { kind: 'push' }> = {
    name: 'stuck',
    desired: () => true,
    observe: async () => (lookedAtMs.push(clock.nowMs()), true),
    plan: () => ({ actions: [{ kind: 'push' }] }),
    act: async () => undefined,
  };
  const done = runLoop(stuck, deps, stop.signal);
  deps.queue.add('k');
  for (let ms = 0; ms <= 1500; ms += 100) await clock.advance(ms === 0 ? 0 : 100);
  stop.abort();
  await done;
  assert.deepEqual(lookedAtMs, [0, 0, 100, 300, 700, 1100, 1500]);
});

test('runLoop: a key that hangs does not hold up the others, and stopping waits for it', async () => {
  const { deps, clock, stop } = loop(new Backoff(100, 400));
  const log: string[] = [];
  let release = (): void => undefined;
  const hanging = new Promise<void>((resolve) => (release = resolve));
  const slow: Reconciler<true, true, { kind: 'go' }> = {
    name: 'slow',
    desired: () => true,
    observe: async (key) => {
      if (key === 'hangs') await hanging;
      log.push(key);
      return true;
    },
    plan: () => ({ actions: [] }),
    act: async () => undefined,
  };
  const done = runLoop(slow, { ...deps, concurrency: 2 }, stop.signal).then(() => log.push('stopped'));
  for (const key of ['hangs', 'a', 'b']) deps.queue.add(key);
  await clock.advance(0);
  assert.deepEqual(log, ['a', 'b']);
  stop.abort();
  await clock.advance(0);
  assert.deepEqual(log, ['a', 'b']);
  release();
  await done;
  assert.deepEqual(log, ['a', 'b', 'hangs', 'stopped']);
});
