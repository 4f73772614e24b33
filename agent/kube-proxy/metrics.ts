/**
 * The proxy's own metrics, under upstream's names, labels and buckets, so that dashboards and alerts written for Kubernetes work.
 * Holds numbers only; what can be asked for when it is read is not kept.
 * Source: the names in pkg/proxy/metrics of Kubernetes 1.36.
 */
import { Counter, Gauge, Histogram, MetricsRegistry, Observed } from '#base/metrics.ts';
import { RELEASE } from '#base/version.ts';

const doubling = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start * 2 ** i);
const linear = (start: number, width: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + width * i);

const SYNC_SECONDS = doubling(0.001, 15);
const PROGRAMMING_SECONDS = [...linear(0.25, 0.25, 2), ...linear(1, 1, 59), ...linear(60, 5, 12), ...linear(120, 30, 7)];
const FAMILY = ['ip_family'];

export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startSeconds: number;
}

const named = (name: string, help: string, labels: readonly string[] = []) => ({
  name: `kubeproxy_${name}`,
  help: `[ALPHA] ${help}`,
  labels,
});

export class ProxyMetrics {
  readonly registry = new MetricsRegistry();
  readonly syncSeconds = this.#histogram('sync_proxy_rules_duration_seconds', 'How long a sync of the rules took.', SYNC_SECONDS);
  readonly fullSyncSeconds = this.#histogram(
    'sync_full_proxy_rules_duration_seconds',
    'How long a full sync of the rules took.',
    SYNC_SECONDS,
  );
  readonly partialSyncSeconds = this.#histogram(
    'sync_partial_proxy_rules_duration_seconds',
    'How long a partial sync of the rules took.',
    SYNC_SECONDS,
  );
  readonly programmingSeconds = this.#histogram(
    'network_programming_duration_seconds',
    'From the change of an endpoint, as its controller saw it, until the rules were written.',
    PROGRAMMING_SECONDS,
  );
  readonly conntrackSeconds = this.#histogram(
    'conntrack_reconciler_sync_duration_seconds',
    'How long a look for stale flows took.',
    SYNC_SECONDS,
  );
  readonly lastSync = this.#gauge('sync_proxy_rules_last_timestamp_seconds', 'When the rules were last synced.', FAMILY);
  readonly lastQueued = this.#gauge(
    'sync_proxy_rules_last_queued_timestamp_seconds',
    'When a sync of the rules was last asked for.',
    FAMILY,
  );
  readonly endpointChanges = this.#counter('sync_proxy_rules_endpoint_changes_total', 'Changes of EndpointSlices seen.', []);
  readonly endpointChangesPending = this.#gauge(
    'sync_proxy_rules_endpoint_changes_pending',
    'Changes of EndpointSlices not in the rules yet.',
    [],
  );
  readonly serviceChanges = this.#counter('sync_proxy_rules_service_changes_total', 'Changes of Services seen.', []);
  readonly serviceChangesPending = this.#gauge('sync_proxy_rules_service_changes_pending', 'Changes of Services not in the rules yet.', []);
  readonly noLocalEndpoints = this.#gauge(
    'sync_proxy_rules_no_local_endpoints_total',
    'Services with traffic policy Local and no endpoint on this node.',
    [...FAMILY, 'traffic_policy'],
  );
  readonly iptablesRules = this.#gauge('sync_proxy_rules_iptables_total', 'iptables rules of this proxy.', [...FAMILY, 'table']);
  readonly iptablesLast = this.#gauge('sync_proxy_rules_iptables_last', 'Lines written by the last sync.', [...FAMILY, 'table']);
  /** As the kernel counts it: set when the metrics are read. */
  readonly invalidDropped = this.#counter(
    'iptables_ct_state_invalid_dropped_packets_total',
    'Packets dropped because connection tracking calls them invalid.',
    [],
  );
  readonly restoreFailures = this.#counter(
    'sync_proxy_rules_iptables_restore_failures_total',
    'Syncs that iptables-restore refused.',
    FAMILY,
  );
  readonly partialRestoreFailures = this.#counter(
    'sync_proxy_rules_iptables_partial_restore_failures_total',
    'Partial syncs that iptables-restore refused.',
    FAMILY,
  );
  readonly nftablesFailures = this.#counter('sync_proxy_rules_nftables_sync_failures_total', 'Syncs that nft refused.', FAMILY);
  readonly nftablesCleanupFailures = this.#counter(
    'sync_proxy_rules_nftables_cleanup_failures_total',
    'Times nft refused to remove what no service needs any more.',
    FAMILY,
  );
  readonly conntrackDeleted = this.#counter(
    'conntrack_reconciler_deleted_entries_total',
    'Stale flows removed from connection tracking.',
    FAMILY,
  );
  readonly healthz = this.#counter('proxy_healthz_total', 'Answers of /healthz by status.', ['code']);
  readonly livez = this.#counter('proxy_livez_total', 'Answers of /livez by status.', ['code']);

  constructor(usage?: () => ProcessUsage) {
    if (usage === undefined) return;
    const observed = (name: string, help: string, kind: 'counter' | 'gauge', read: (u: ProcessUsage) => number): unknown =>
      this.registry.add(new Observed({ name, help, kind }, () => [[[], read(usage())]]));
    observed('process_cpu_seconds_total', 'CPU time used.', 'counter', (u) => u.cpuSeconds);
    observed('process_resident_memory_bytes', 'Resident memory.', 'gauge', (u) => u.residentBytes);
    observed('process_start_time_seconds', 'When the process started, since 1970.', 'gauge', (u) => u.startSeconds);
    const build = { name: 'kubernetes_build_info', help: 'What runs here.', labels: ['git_version'] };
    this.registry.add(new Observed(build, () => [[[RELEASE], 1]]));
  }

  #counter(name: string, help: string, labels: readonly string[]): Counter {
    return this.registry.add(new Counter(named(name, help, labels)));
  }

  #gauge(name: string, help: string, labels: readonly string[]): Gauge {
    return this.registry.add(new Gauge(named(name, help, labels)));
  }

  #histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    return this.registry.add(new Histogram({ ...named(name, help, FAMILY), buckets }));
  }
}
