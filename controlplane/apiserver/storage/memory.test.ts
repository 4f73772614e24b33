import { ManualClock } from '#base/clock.ts';
import { testStoreContract } from './contract.ts';
import type { OpenedStore } from './contractKit.ts';
import { MemoryStore } from './memory.ts';

for (const ringChanges of [4, 4_096]) {
  testStoreContract(`MemoryStore (ring of ${ringChanges})`, {
    modelRuns: Number(process.env['STORE_RUNS'] ?? 100),
    oracleWrites: 4_000,
    open: async (): Promise<OpenedStore> => {
      const clock = new ManualClock(1_000_000);
      const store = new MemoryStore({ clock, ringChanges });
      return { store, root: '/registry/', advance: (byMs) => clock.advance(byMs), close: () => store.close() };
    },
  });
}
