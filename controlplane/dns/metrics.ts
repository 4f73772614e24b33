/**
 * What is counted, under the names that dashboards for cluster DNS know: those of CoreDNS, where it has the same thing.
 * Every label is bounded: kinds of records by a list, servers by the configuration.
 * Units: seconds, bytes.
 * Differs: `server` is the domain's, `zone` the cluster domain or "."; `view` and goversion are empty.
 */
import { Counter, Gauge, Histogram, MetricsRegistry, Observed } from '#base/metrics.ts';
import { VERSION } from '#base/version.ts';
import { addProcessMetrics } from '../component/processMetrics.ts';

export type Transport = 'udp' | 'tcp';
export type Family = '1' | '2'; // as CoreDNS says it: IPv4, IPv6

export interface Told {
  readonly transport: Transport;
  readonly family: Family;
  readonly type: number;
  readonly isOfCluster: boolean;
  readonly rcode: number;
  readonly dnssecOk: boolean;
  readonly by: string;
  readonly queryBytes: number;
  readonly answerBytes: number;
  readonly tookSeconds: number;
}

type Counting = (queryBytes: number, answerBytes: number, tookSeconds: number) => void;

const TYPES: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  35: 'NAPTR',
  43: 'DS',
  46: 'RRSIG',
  48: 'DNSKEY',
  65: 'HTTPS',
  255: 'ANY',
};
const RCODES: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  16: 'BADVERS',
};
export const rcodeName = (rcode: number): string => RCODES[rcode] ?? 'OTHER';

const SECONDS = [0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192];
const BYTES = [0, 100, 200, 300, 400, 511, 1_023, 2_047, 4_095, 8_291, 16_000, 32_000, 48_000, 64_000];

export class DnsMetrics {
  readonly registry = new MetricsRegistry();
  readonly #server: string;
  readonly #zone: string;
  readonly #requests: Counter;
  readonly #responses: Counter;
  readonly #dnssec: Counter;
  readonly #seconds: Histogram;
  readonly #requestBytes: Histogram;
  readonly #responseBytes: Histogram;
  /** By what is alike in a question and its answer; as bounded as their labels. */
  readonly #answered = new Map<string, Counting>();
  readonly #cached = new Map<string, () => void>();
  readonly #hits: Counter;
  readonly #misses: Counter;
  readonly #exchanges: Histogram;
  readonly #unwell: Counter;
  readonly limited: Counter;
  readonly dropped: Counter;
  readonly bugs: Counter;
  readonly reloadsFailed: Counter;
  readonly programming: Histogram;

  constructor(domain: string) {
    this.#server = 'dns://:53';
    this.#zone = `${domain}.`;
    const { registry } = this;
    const counter = (name: string, help: string, labels: readonly string[]): Counter => registry.add(new Counter({ name, help, labels }));
    const all = ['server', 'zone', 'view'];
    registry
      .add(
        new Gauge({
          name: 'coredns_build_info',
          help: 'Always 1; the labels say what this is.',
          labels: ['version', 'revision', 'goversion'],
        }),
      )
      .set([`kijabi-${VERSION}`, '', ''], 1);
    this.#requests = counter('coredns_dns_requests_total', 'Questions.', [...all, 'proto', 'family', 'type']);
    this.#responses = counter('coredns_dns_responses_total', 'Answers by what they say.', [...all, 'rcode', 'plugin']);
    this.#dnssec = counter('coredns_dns_do_requests_total', 'Questions that ask for signatures.', all);
    this.#seconds = registry.add(
      new Histogram({ name: 'coredns_dns_request_duration_seconds', help: 'From question to answer.', labels: all, buckets: SECONDS }),
    );
    this.#requestBytes = registry.add(
      new Histogram({ name: 'coredns_dns_request_size_bytes', help: 'Size of questions.', labels: [...all, 'proto'], buckets: BYTES }),
    );
    this.#responseBytes = registry.add(
      new Histogram({ name: 'coredns_dns_response_size_bytes', help: 'Size of answers.', labels: [...all, 'proto'], buckets: BYTES }),
    );
    this.#hits = counter('coredns_cache_hits_total', 'Answers that were known.', ['server', 'type', 'zones', 'view']);
    this.#misses = counter('coredns_cache_misses_total', 'Questions whose answer was not known.', ['server', 'zones', 'view']);
    this.#exchanges = registry.add(
      new Histogram({
        name: 'coredns_proxy_request_duration_seconds',
        help: 'Questions to upstream servers; rcode is empty where no answer came.',
        labels: ['proxy_name', 'to', 'rcode'],
        buckets: SECONDS,
      }),
    );
    this.#unwell = counter('coredns_proxy_healthcheck_failures_total', 'Probes of upstream servers that failed.', ['proxy_name', 'to']);
    this.limited = counter('coredns_forward_max_concurrent_rejects_total', 'Questions refused because too many were under way.', []);
    this.dropped = counter('kijabi_dns_dropped_packets_total', 'Packets that were no questions.', []);
    this.bugs = counter('coredns_panics_total', 'Questions on which this server failed.', []);
    this.reloadsFailed = counter('coredns_reload_failed_total', 'Changed configuration that could not be used.', []);
    this.programming = registry.add(
      new Histogram({
        name: 'coredns_kubernetes_dns_programming_duration_seconds',
        help: 'From a change of a pod or service to its names, of headless services.',
        labels: ['service_kind'],
        buckets: [
          0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384, 32.768, 65.536, 131.072,
        ],
      }),
    );
    for (const metric of [this.limited, this.dropped, this.bugs, this.reloadsFailed]) metric.inc([], 0);
  }

  watch(read: { readonly cached: () => number; readonly connections: () => number }): void {
    const { registry } = this;
    registry.add(
      new Observed({ name: 'coredns_cache_entries', help: 'Answers that are kept.', labels: ['server', 'type', 'zones', 'view'] }, () => [
        [[this.#server, 'success', '.', ''], read.cached()],
      ]),
    );
    registry.add(new Observed({ name: 'kijabi_dns_tcp_connections', help: 'Open connections.' }, () => [[[], read.connections()]]));
    addProcessMetrics(registry);
  }

  answered(told: Told): void {
    const { isOfCluster, transport, family, rcode, by, dnssecOk, queryBytes, answerBytes, tookSeconds } = told;
    const type = TYPES[told.type] ?? 'other';
    // For each question there are six series: they are looked for once for all of a kind.
    const kind = `${isOfCluster ? 1 : 0}${transport}${family}${type} ${rcode}${by}${dnssecOk ? 1 : 0}`;
    let counting = this.#answered.get(kind);
    if (counting === undefined) this.#answered.set(kind, (counting = this.#counting(told, type)));
    counting(queryBytes, answerBytes, tookSeconds);
  }

  #counting({ isOfCluster, transport, family, rcode, by, dnssecOk }: Told, type: string): Counting {
    const labels = [this.#server, isOfCluster ? this.#zone : '.', ''];
    const requests = this.#requests.bound([...labels, transport, family, type]);
    const responses = this.#responses.bound([...labels, rcodeName(rcode), by]);
    const dnssec = dnssecOk ? this.#dnssec.bound(labels) : undefined;
    const seconds = this.#seconds.bound(labels);
    const [requestBytes, responseBytes] = [this.#requestBytes, this.#responseBytes].map((metric) => metric.bound([...labels, transport]));
    return (queryBytes, answerBytes, tookSeconds) => {
      requests();
      responses();
      dnssec?.();
      seconds(tookSeconds);
      requestBytes?.(queryBytes);
      responseBytes?.(answerBytes);
    };
  }

  cache(type: 'success' | 'denial' | 'miss'): void {
    let counting = this.#cached.get(type);
    if (counting === undefined) {
      counting = type === 'miss' ? this.#misses.bound([this.#server, '.', '']) : this.#hits.bound([this.#server, type, '.', '']);
      this.#cached.set(type, counting);
    }
    counting();
  }

  exchanged(to: string, rcode: number | undefined, tookSeconds: number): void {
    this.#exchanges.observe(['forward', to, rcode === undefined ? '' : rcodeName(rcode)], tookSeconds);
  }

  probed(to: string, isWell: boolean): void {
    this.#unwell.inc(['forward', to], isWell ? 0 : 1);
  }
}
