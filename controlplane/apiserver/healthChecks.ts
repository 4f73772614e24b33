/** What the API server looks at before it says that it is well. */
import type { Bootstrap } from './bootstrap.ts';
import type { WatchCache } from './cache/watchCache.ts';
import type { HealthCheck, HealthPath } from './health.ts';
import type { Store } from './storage/store.ts';

export function healthChecks(parts: {
  readonly store: Store;
  readonly cache: WatchCache;
  readonly bootstrap: Bootstrap;
  readonly stopping: AbortSignal;
}): Record<HealthPath, () => readonly HealthCheck[]> {
  const ping: HealthCheck = { name: 'ping', run: async () => undefined };
  const log: HealthCheck = { name: 'log', run: async () => undefined };
  const etcd: HealthCheck = { name: 'etcd', run: async (signal) => parts.store.revision(signal).then(() => undefined) };
  const sync: HealthCheck = {
    name: 'informer-sync',
    run: async () => (parts.cache.isFollowing ? undefined : 'the watch of the store is down'),
  };
  const hook: HealthCheck = {
    name: 'poststarthook/rbac/bootstrap-roles',
    run: async () => (parts.bootstrap.isDone ? undefined : 'not finished'),
    startsLate: true,
  };
  const shutdown: HealthCheck = { name: 'shutdown', run: async () => (parts.stopping.aborted ? 'process is shutting down' : undefined) };
  const live = [ping, log, etcd, hook];
  return { healthz: () => live, livez: () => live, readyz: () => [ping, log, etcd, sync, hook, shutdown] };
}
