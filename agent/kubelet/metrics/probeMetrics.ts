/**
 * What probes found, of /metrics/probes: a series for each probe of each container, for as long as the pod is here.
 * Source: the names in pkg/kubelet/prober of Kubernetes 1.36.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { Counter, DEFAULT_BUCKETS, Histogram, MetricsRegistry, Observed } from '#base/metrics.ts';
import type { ProbeKind } from '../probes/plan.ts';

const PROBE_RESULTS = { good: 'successful', warning: 'successful', bad: 'failed', error: 'unknown' } as const;

export class ProbeMetrics {
  readonly registry = new MetricsRegistry();
  readonly #results = this.registry.add(
    new Counter({
      name: 'prober_probe_total',
      help: 'Probes by what they found.',
      labels: ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'],
    }),
  );
  readonly #seconds = this.registry.add(
    new Histogram({
      name: 'prober_probe_duration_seconds',
      help: 'How long probes took.',
      labels: ['probe_type', 'container', 'pod', 'namespace'],
      buckets: DEFAULT_BUCKETS,
    }),
  );

  constructor(startSeconds: () => number) {
    this.registry.add(
      new Observed({ name: 'process_start_time_seconds', help: 'When the process started, since 1970.' }, () => [[[], startSeconds()]]),
    );
  }

  probed(pod: Pod, container: string, kind: ProbeKind, { answer, tookMs }: { answer: keyof typeof PROBE_RESULTS; tookMs: number }): void {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const type = kind.charAt(0).toUpperCase() + kind.slice(1);
    this.#results.inc([type, PROBE_RESULTS[answer], container, name, namespace, uid]);
    this.#seconds.observe([type, container, name, namespace], tookMs / 1_000);
  }

  /** Nobody asks this pod any more. */
  forget({ metadata: { name = '', namespace = '', uid = '' } }: Pod): void {
    this.#results.forget(([, , , pod, ns, id]) => pod === name && ns === namespace && id === uid);
    this.#seconds.forget(([, , pod, ns]) => pod === name && ns === namespace);
  }
}
