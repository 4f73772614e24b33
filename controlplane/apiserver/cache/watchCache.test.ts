import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { MemoryStore } from '../storage/memory.ts';
import { WatchCache } from './watchCache.ts';

const silent: Logger = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined, with: () => silent };

/** A store that answers how far it is when the test lets it. */
class SlowStore extends MemoryStore {
  readonly asked: PromiseWithResolvers<void>[] = [];

  override async revision(): Promise<number> {
    const gate = Promise.withResolvers<void>();
    this.asked.push(gate);
    const revision = await super.revision();
    await gate.promise;
    return revision;
  }
}

async function start(t: TestContext) {
  const clock = new ManualClock();
  const store = new SlowStore({ clock });
  const cache = new WatchCache({ store, clock, log: silent });
  const stop = new AbortController();
  const { done } = await cache.start(stop.signal);
  t.after(async () => {
    stop.abort();
    await done;
    await store.close();
  });
  return { store, cache };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const write = (store: MemoryStore, name: string): Promise<number> =>
  store.transact([{ kind: 'create', key: `/registry/things/${name}`, value: Buffer.from('{}') }]);

test('reads that come while the store is asked share the question after that one', async (t) => {
  const { store, cache } = await start(t);
  const first = [cache.fresh(), cache.fresh()];
  await turn();
  assert.equal(store.asked.length, 1);
  const revision = await write(store, 'a');
  const later = Array.from({ length: 50 }, () => cache.fresh());
  await turn();
  assert.equal(store.asked.length, 1, 'one question at a time');
  store.asked[0]?.resolve();
  await Promise.all(first);
  await turn();
  assert.equal(store.asked.length, 2, 'fifty reads, one question');
  store.asked[1]?.resolve();
  for (const seen of await Promise.all(later)) assert.ok(seen >= revision, 'what was written before a read is in it');
});

test('a question that fails fails its own reads only', async (t) => {
  const { store, cache } = await start(t);
  const first = cache.fresh();
  await turn();
  const later = cache.fresh();
  store.asked[0]?.reject(new Error('no quorum'));
  await assert.rejects(first, /no quorum/);
  await turn();
  store.asked[1]?.resolve();
  await later;
});
