import { after, before } from 'node:test';
import { EtcdStore } from '../apiserver/storage/etcd.ts';
import { noEtcd, TestEtcd } from '../apiserver/storage/etcd/testEtcd.ts';
import { testStoreContract } from '../apiserver/storage/contract.ts';
import type { OpenedStore } from '../apiserver/storage/contractKit.ts';

let etcd: TestEtcd;
let runs = 0;

if (noEtcd === undefined) {
  before(async () => {
    etcd = await TestEtcd.start();
  });
  after(() => etcd.stop());
}

/** One etcd for all runs, each under keys of its own. */
for (const [ringChanges, modelRuns] of [
  // Each look behind the ring costs etcd 100 ms.
  [4, 5],
  [4_096, 12],
] as const) {
  testStoreContract(`EtcdStore (ring of ${ringChanges})`, {
    skip: noEtcd,
    modelRuns: Number(process.env['STORE_RUNS'] ?? modelRuns),
    oracleWrites: 1_000,
    open: async (): Promise<OpenedStore> => {
      runs += 1;
      const root = `/registry/run${runs}/`;
      const open = async (): Promise<OpenedStore> => {
        const store = await EtcdStore.open({ endpoints: etcd.endpoints, timeoutMs: 20_000, ringChanges });
        const reopen = async (): Promise<OpenedStore> => {
          await store.close();
          return open();
        };
        return { store, root, reopen, close: () => store.close() };
      };
      return open();
    },
  });
}
