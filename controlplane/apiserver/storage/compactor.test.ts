import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { runCompactor } from './compactor.ts';
import { StoreError } from './errors.ts';
import { MemoryStore } from './memory.ts';

test('compactor: the past of one interval stays, older goes, trouble passes', async () => {
  const clock = new ManualClock(1_000);
  const lines: string[] = [];
  const store = new MemoryStore({ clock });
  const stop = new AbortController();
  const log = makeLogger({ write: (line) => lines.push(line), clock });
  let trouble = false;
  const flaky = Object.create(store, {
    compact: {
      value: (revision: number) =>
        trouble ? Promise.reject(new StoreError('STORE_UNAVAILABLE', 'Cannot reach etcd')) : store.compact(revision),
    },
    revision: { value: () => store.revision() },
  }) as MemoryStore;
  const done = runCompactor({ store: flaky, clock, log, intervalMs: 300_000 }, stop.signal);
  const compactedAfter: (number | undefined)[] = [];
  for (let i = 0; i < 5; i++) {
    trouble = i === 3;
    await store.transact([{ kind: 'create', key: `/registry/${i}`, value: Buffer.from('1') }]);
    await clock.advance(i === 0 ? 0 : 300_000);
    compactedAfter.push((await store.status()).compactedRevision);
  }
  // The loop saw revisions 1, 3, 4, (trouble), 6, and compacted to the one before.
  assert.deepEqual(compactedAfter, [0, 1, 3, 3, 4]);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /<4>Store could not be compacted retryInMs=300000 .*code=STORE_UNAVAILABLE/);
  stop.abort();
  await done;
  await store.close();
});
