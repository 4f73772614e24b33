import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Semaphore } from './semaphore.ts';

test('Semaphore: never more at once than slots, in order, and one that gives up waiting takes no slot', async () => {
  const semaphore = new Semaphore(2);
  const go = new AbortController();
  const tired = new AbortController();
  const running = new Set<number>();
  const order: number[] = [];
  let most = 0;
  const work = (n: number, signal = go.signal): Promise<void> =>
    semaphore.run(async () => {
      running.add(n);
      order.push(n);
      most = Math.max(most, running.size);
      await Promise.resolve();
      running.delete(n);
    }, signal);
  const all = [work(0), work(1), work(2, tired.signal), work(3), work(4)];
  tired.abort(new Error('tired'));
  const ends = await Promise.allSettled(all);
  assert.deepEqual(
    ends.map((e) => e.status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  );
  assert.deepEqual(order, [0, 1, 3, 4]);
  assert.equal(most, 2);
  await work(5);
});

test('Semaphore: work that fails gives its slot back', async () => {
  const semaphore = new Semaphore(1);
  const { signal } = new AbortController();
  await assert.rejects(
    semaphore.run(() => Promise.reject(new Error('no')), signal),
    /no/,
  );
  assert.equal(await semaphore.run(async () => 'yes', signal), 'yes');
});

test('Semaphore: another size counts at once for who waits, and for who comes', async () => {
  const semaphore = new Semaphore(1);
  const { signal } = new AbortController();
  const ends: (() => void)[] = [];
  let running = 0;
  const work = (): Promise<void> =>
    semaphore.run(() => {
      running += 1;
      return new Promise<void>((resolve) => ends.push(resolve)).finally(() => (running -= 1));
    }, signal);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  const all = [work(), work(), work(), work()];
  await settle();
  assert.equal(running, 1);
  semaphore.resize(3);
  await settle();
  assert.equal(running, 3);
  semaphore.resize(1);
  ends[0]?.();
  ends[1]?.();
  await settle();
  assert.equal(running, 1, 'the last of the three; the fourth waits');
  ends[2]?.();
  await settle();
  assert.equal(running, 1);
  ends[3]?.();
  await Promise.all(all);
  await Promise.all([work(), settle().then(() => ends[4]?.())]);
});
