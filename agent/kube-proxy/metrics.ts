/**
 * The proxy's metrics, under upstream's names, and their text form for Prometheus. Pure.
 *
 * Own code, because prom-client costs 18 MB of memory (it brings OpenTelemetry) for what is needed here.
 * Source: names, labels and buckets of upstream's kube-proxy 1.36; exposition format 0.0.4 of Prometheus.
 */
export type Labels = Readonly<Record<string, string>>;

interface Series {
  readonly labels: Labels;
  value: number;
  /** Histograms: how many observations fell into each bucket (not added up yet). */
  readonly buckets: number[];
  count: number;
}

type Kind = 'counter' | 'gauge' | 'histogram';

class Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  readonly bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  constructor({ name, help, kind, bounds = [] }: { name: string; help: string; kind: Kind; bounds?: readonly number[] }) {
    this.name = name;
    this.help = help;
    this.kind = kind;
    this.bounds = bounds;
  }

  #of(labels: Labels): Series {
    const key = JSON.stringify(labels);
    const known = this.#series.get(key) ?? { labels, value: 0, buckets: this.bounds.map(() => 0), count: 0 };
    this.#series.set(key, known);
    return known;
  }

  add(labels: Labels = {}, by = 1): void {
    this.#of(labels).value += by;
  }

  set(labels: Labels, value: number): void {
    this.#of(labels).value = value;
  }

  observe(labels: Labels, value: number): void {
    const series = this.#of(labels);
    series.value += value;
    series.count += 1;
    const at = this.bounds.findIndex((bound) => value <= bound);
    if (at !== -1) series.buckets[at] = (series.buckets[at] ?? 0) + 1;
  }

  render(): string {
    const lines = [`# HELP ${this.name} [ALPHA] ${this.help}`, `# TYPE ${this.name} ${this.kind}`];
    for (const series of this.#series.values())
      lines.push(...(this.kind === 'histogram' ? this.#histogram(series) : [`${this.name}${labelText(series.labels)} ${series.value}`]));
    return `${lines.join('\n')}\n`;
  }

  #histogram({ labels, value, buckets, count }: Series): string[] {
    let sum = 0;
    const rows = this.bounds.map((bound, i) => {
      sum += buckets[i] ?? 0;
      return `${this.name}_bucket${labelText({ ...labels, le: String(bound) })} ${sum}`;
    });
    return [
      ...rows,
      `${this.name}_bucket${labelText({ ...labels, le: '+Inf' })} ${count}`,
      `${this.name}_sum${labelText(labels)} ${value}`,
      `${this.name}_count${labelText(labels)} ${count}`,
    ];
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const doubling = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start * 2 ** i);
const linear = (start: number, width: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + width * i);

const SYNC_SECONDS = doubling(0.001, 15);
const PROGRAMMING_SECONDS = [...linear(0.25, 0.25, 2), ...linear(1, 1, 59), ...linear(60, 5, 12), ...linear(120, 30, 7)];

const make = (name: string, kind: Kind, help: string, bounds?: readonly number[]): Metric =>
  new Metric({ name: `kubeproxy_${name}`, kind, help, ...(bounds === undefined ? {} : { bounds }) });

/** Every metric of the proxy. */
export class ProxyMetrics {
  readonly syncSeconds = make('sync_proxy_rules_duration_seconds', 'histogram', 'How long a sync of the rules took', SYNC_SECONDS);
  readonly fullSyncSeconds = make(
    'sync_full_proxy_rules_duration_seconds',
    'histogram',
    'How long a full sync of the rules took',
    SYNC_SECONDS,
  );
  readonly partialSyncSeconds = make(
    'sync_partial_proxy_rules_duration_seconds',
    'histogram',
    'How long a partial sync of the rules took',
    SYNC_SECONDS,
  );
  readonly programmingSeconds = make(
    'network_programming_duration_seconds',
    'histogram',
    'From the change of an endpoint, as its controller saw it, until the rules were written',
    PROGRAMMING_SECONDS,
  );
  readonly lastSync = make('sync_proxy_rules_last_timestamp_seconds', 'gauge', 'When the rules were last synced');
  readonly lastQueued = make('sync_proxy_rules_last_queued_timestamp_seconds', 'gauge', 'When a sync of the rules was last asked for');
  readonly endpointChanges = make('sync_proxy_rules_endpoint_changes_total', 'counter', 'Changes of EndpointSlices seen');
  readonly endpointChangesPending = make(
    'sync_proxy_rules_endpoint_changes_pending',
    'gauge',
    'Changes of EndpointSlices not in the rules yet',
  );
  readonly serviceChanges = make('sync_proxy_rules_service_changes_total', 'counter', 'Changes of Services seen');
  readonly serviceChangesPending = make('sync_proxy_rules_service_changes_pending', 'gauge', 'Changes of Services not in the rules yet');
  readonly noLocalEndpoints = make(
    'sync_proxy_rules_no_local_endpoints_total',
    'gauge',
    'Services with traffic policy Local and no endpoint on this node',
  );
  readonly iptablesRules = make('sync_proxy_rules_iptables_total', 'gauge', 'iptables rules of this proxy');
  readonly iptablesLast = make('sync_proxy_rules_iptables_last', 'gauge', 'Lines written by the last sync');
  readonly restoreFailures = make('sync_proxy_rules_iptables_restore_failures_total', 'counter', 'Syncs that iptables-restore refused');
  readonly partialRestoreFailures = make(
    'sync_proxy_rules_iptables_partial_restore_failures_total',
    'counter',
    'Partial syncs that iptables-restore refused',
  );
  readonly nftablesFailures = make('sync_proxy_rules_nftables_sync_failures_total', 'counter', 'Syncs that nft refused');
  readonly conntrackDeleted = make('conntrack_reconciler_deleted_entries_total', 'counter', 'Stale flows removed from connection tracking');
  readonly conntrackSeconds = make(
    'conntrack_reconciler_sync_duration_seconds',
    'histogram',
    'How long a look for stale flows took',
    SYNC_SECONDS,
  );
  readonly healthz = make('proxy_healthz_total', 'counter', 'Answers of /healthz by status');
  readonly livez = make('proxy_livez_total', 'counter', 'Answers of /livez by status');

  /** process: what is asked for at the moment of rendering. */
  render(
    process: readonly { readonly name: string; readonly help: string; readonly kind: 'counter' | 'gauge'; readonly value: number }[],
  ): string {
    const own = Object.values(this).filter((m): m is Metric => m instanceof Metric);
    const rest = process.map(({ name, help, kind, value }) => `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${name} ${value}\n`);
    return [...own.map((m) => m.render()), ...rest].join('');
  }
}
