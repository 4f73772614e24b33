import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '#base/clock.ts';
import { testStoreContract } from './contract.ts';
import type { OpenedStore } from './contractKit.ts';
import { EmbeddedStore } from './embedded.ts';

/** A store whose history reaches no further than compaction, and one that keeps it: neither may be noticed by readers and watches. */
for (const [ringChanges, keepMs] of [
  [4, 0],
  [4_096, 3_000],
] as const) {
  testStoreContract(`EmbeddedStore (ring of ${ringChanges}, history of ${keepMs} ms)`, {
    modelRuns: Number(process.env['STORE_RUNS'] ?? 60),
    oracleWrites: 4_000,
    open: async (): Promise<OpenedStore> => {
      const dir = await mkdtemp(join(tmpdir(), 'kijabi-store-'));
      const clock = new ManualClock(1_000_000);
      const open = async (): Promise<OpenedStore> => {
        const store = await EmbeddedStore.open({ dir, clock, ringChanges, history: { keepMs } });
        return {
          store,
          root: '/registry/',
          advance: (byMs) => clock.advance(byMs),
          reopen: async () => {
            await store.close();
            return open();
          },
          close: async () => {
            await store.close();
            await rm(dir, { recursive: true, force: true });
          },
        };
      };
      return open();
    },
  });
}
