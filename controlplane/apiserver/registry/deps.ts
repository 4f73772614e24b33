/** What every resource's registry works with. Made once, in server.ts. */
import type { Clock } from '#base/clock.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Admission } from '../admission/chain.ts';
import type { WatchCache } from '../cache/watchCache.ts';
import type { Store } from '../storage/store.ts';
import type { Patcher } from './patching.ts';
import type { Ownership } from './ownership.ts';
import type { TableMaker } from './tables.ts';
import type { Metrics } from '../metrics.ts';

export interface RegistryDeps {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly newUid: () => string;
  /** n random characters of those that generated names use. */
  readonly randomText: (n: number) => string;
  /** 0 <= x < 1, to spread what would otherwise happen at once. */
  readonly random: () => number;
  readonly admission: Admission;
  readonly ownership: Ownership;
  readonly patcher: Patcher;
  readonly tables: TableMaker;
  readonly metrics: Metrics;
  /** Source: --min-request-timeout; watches end at a random time between this and twice this. */
  readonly minWatchMs: number;
}

export type { KubeObject };
