/** What controllers are made with beside what all have: the contents of files and the figures of flags, with upstream's defaults. Pure. */
import type { BlockRange } from './nodeIpam/ranges.ts';
import type { NodeLifecycleOptions } from './nodeLifecycle/reconcile.ts';
import type { SigningKey } from '../pki/signingKeys.ts';
import type { SigningOptions } from './csrSigning/reconcile.ts';

export interface Parts {
  /** PEM; absent: no kube-root-ca.crt is published. */
  readonly rootCa?: string | undefined;
  /** Signs the tokens of secrets; absent: they get none. */
  readonly tokenKey?: SigningKey | undefined;
  /** Absent: nothing is signed. */
  readonly signing?: SigningOptions | undefined;
  /** Keys that a controller works on at once, by the name of its flag; absent: upstream's default. */
  readonly syncs?: Readonly<Record<string, number>>;
  readonly maxEndpointsPerSlice?: number;
  /** Pods that are over and are kept; 0: all. */
  readonly terminatedPodThreshold?: number;
  readonly nodeLifecycle?: NodeLifecycleOptions;
  /** Addresses for services of type LoadBalancer; empty or absent: they get none from us. */
  readonly loadBalancerPool?: readonly string[];
  /** The pods' network, a block for each node; absent: nobody asked for it. */
  readonly nodeRanges?: (() => readonly BlockRange[]) | undefined;
}

/** Upstream's defaults of the flags that say how many keys a controller works on at once. */
export const SYNCS = {
  'concurrent-cron-job-syncs': 5,
  'concurrent-daemonset-syncs': 2,
  'concurrent-deployment-syncs': 5,
  'concurrent-endpoint-syncs': 5,
  'concurrent-ephemeralvolume-syncs': 5,
  'concurrent-gc-syncs': 20,
  'concurrent-job-syncs': 5,
  'concurrent-namespace-syncs': 10,
  'concurrent-resource-quota-syncs': 5,
  'concurrent-rc-syncs': 5,
  'concurrent-replicaset-syncs': 5,
  'concurrent-service-endpoint-syncs': 5,
  'concurrent-serviceaccount-token-syncs': 5,
  'concurrent-statefulset-syncs': 5,
  'concurrent-ttl-after-finished-syncs': 5,
} as const;

export const syncsOf = ({ syncs }: Parts, flag: keyof typeof SYNCS): number => syncs?.[flag] ?? SYNCS[flag];
