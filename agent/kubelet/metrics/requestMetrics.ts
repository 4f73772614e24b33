/**
 * Requests to the HTTP API of the kubelet, and those that it sends to the API server.
 * Source: the names in pkg/kubelet/server/metrics and of client-go, Kubernetes 1.36.
 */
import { Counter, DEFAULT_BUCKETS, Gauge, Histogram, type MetricsRegistry } from '#base/metrics.ts';
import type { Answered } from '#client/connect.ts';

const SENT_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

export interface RequestKind {
  readonly method: string;
  readonly path: string;
  readonly readOnly: boolean;
  readonly isLong: boolean;
}

export class RequestMetrics {
  readonly #requests: Counter;
  readonly #seconds: Histogram;
  readonly #inflight: Gauge;
  readonly #sent: Counter;
  readonly #sentSeconds: Histogram;

  constructor(registry: MetricsRegistry) {
    this.#requests = registry.add(
      new Counter({
        name: 'kubelet_http_requests_total',
        help: 'Requests to the HTTP API.',
        labels: ['method', 'path', 'server_type', 'long_running'],
      }),
    );
    this.#seconds = registry.add(
      new Histogram({
        name: 'kubelet_http_requests_duration_seconds',
        help: 'How long requests to the HTTP API took.',
        labels: ['method', 'path', 'server_type', 'long_running'],
        buckets: DEFAULT_BUCKETS,
      }),
    );
    this.#inflight = registry.add(
      new Gauge({
        name: 'kubelet_http_inflight_requests',
        help: 'Requests to the HTTP API that are being answered.',
        labels: ['method', 'path', 'server_type', 'long_running'],
      }),
    );
    this.#sent = registry.add(
      new Counter({ name: 'rest_client_requests_total', help: 'Requests to the API server.', labels: ['code', 'method', 'host'] }),
    );
    this.#sentSeconds = registry.add(
      new Histogram({
        name: 'rest_client_request_duration_seconds',
        help: 'How long answers of the API server took to begin.',
        labels: ['verb', 'host'],
        buckets: SENT_SECONDS,
      }),
    );
  }

  /** A request came; the answer is to be called when it is done with. path: one of a fixed set, of a route. */
  served({ method, path, readOnly, isLong }: RequestKind): (seconds: number) => void {
    const labels = [METHODS.has(method) ? method : 'other', path, readOnly ? 'readonly' : 'readwrite', String(isLong)];
    this.#requests.inc(labels);
    this.#inflight.inc(labels);
    return (seconds) => {
      this.#inflight.inc(labels, -1);
      if (!isLong) this.#seconds.observe(labels, seconds);
    };
  }

  /** status: undefined when there was no answer. */
  sent({ method, host, status, tookMs }: Answered): void {
    this.#sent.inc([status === undefined ? '<error>' : String(status), method, host]);
    this.#sentSeconds.observe([method, host], tookMs / 1_000);
  }
}
