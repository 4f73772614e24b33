/**
 * The kubelet's own metrics, under upstream's names, labels and buckets, so that dashboards and alerts written for Kubernetes work.
 * Holds numbers only; what can be asked for when it is read is not kept.
 * Source: the names in pkg/kubelet/metrics of Kubernetes 1.36.
 */
import { Counter, Histogram, MetricsRegistry, Observed } from '#base/metrics.ts';
import { RELEASE, VERSION } from '#base/version.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { CONFIG_SEEN } from './pods/labels.ts';
import type { ProbeKind } from './probes/plan.ts';
import type { KnownPod } from './pods/workers.ts';

const REMEMBERED_PODS = 1_000;
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** From half a second to an hour: with a pull. */
const START_SECONDS = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600];
const RUNTIME_SECONDS = Array.from({ length: 14 }, (_, i) => Number((0.005 * 2.5 ** i).toPrecision(6)));

export interface MetricsOptions {
  readonly nodeName: string;
  readonly pods: () => readonly KnownPod[];
  readonly usage: () => { readonly cpuSeconds: number; readonly residentBytes: number; readonly startSeconds: number };
}

export class KubeletMetrics {
  readonly registry = new MetricsRegistry();
  /** Of /metrics/probes. */
  readonly probes = new MetricsRegistry();
  readonly #probeResults = this.probes.add(
    new Counter({
      name: 'prober_probe_total',
      help: 'Probes by what they found.',
      labels: ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'],
    }),
  );
  readonly #runtimeCalls = this.registry.add(
    new Counter({ name: 'kubelet_runtime_operations_total', help: 'Calls to the runtime.', labels: ['operation_type'] }),
  );
  readonly #runtimeErrors = this.registry.add(
    new Counter({ name: 'kubelet_runtime_operations_errors_total', help: 'Calls to the runtime that failed.', labels: ['operation_type'] }),
  );
  readonly #runtimeSeconds = this.registry.add(
    new Histogram({
      name: 'kubelet_runtime_operations_duration_seconds',
      help: 'How long calls to the runtime took.',
      labels: ['operation_type'],
      buckets: RUNTIME_SECONDS,
    }),
  );
  readonly #podStart = this.registry.add(
    new Histogram({
      name: 'kubelet_pod_start_duration_seconds',
      help: 'From the first sight of a pod until it ran.',
      buckets: START_SECONDS,
    }),
  );
  readonly #startedPods = this.registry.add(new Counter({ name: 'kubelet_started_pods_total', help: 'Sandboxes made.' }));
  readonly #startedPodErrors = this.registry.add(
    new Counter({ name: 'kubelet_started_pods_errors_total', help: 'Sandboxes that could not be made.' }),
  );
  readonly #startedContainers = this.registry.add(
    new Counter({ name: 'kubelet_started_containers_total', help: 'Containers started.', labels: ['container_type'] }),
  );
  readonly #startedContainerErrors = this.registry.add(
    new Counter({
      name: 'kubelet_started_containers_errors_total',
      help: 'Containers that could not be made or started.',
      labels: ['container_type', 'code'],
    }),
  );
  readonly #requests = this.registry.add(
    new Counter({
      name: 'kubelet_http_requests_total',
      help: 'Requests to the HTTP API.',
      labels: ['method', 'path', 'server_type', 'long_running'],
    }),
  );
  readonly #requestSeconds = this.registry.add(
    new Histogram({
      name: 'kubelet_http_requests_duration_seconds',
      help: 'How long requests to the HTTP API took.',
      labels: ['method', 'path', 'server_type', 'long_running'],
      buckets: SECONDS,
    }),
  );
  /** By UID. */
  readonly #started = new Map<string, 'waiting' | 'counted'>();

  constructor({ nodeName, pods, usage }: MetricsOptions) {
    const observed = (
      name: string,
      help: string,
      labels: readonly string[],
      read: () => Iterable<readonly [readonly string[], number]>,
      kind: 'gauge' | 'counter' = 'gauge',
    ): void => void this.registry.add(new Observed({ name, help, labels, kind }, read));
    observed('kubelet_running_pods', 'Pods with a sandbox that is ready.', [], () => [
      [[], pods().filter((p) => p.objects?.sandboxes.some((s) => s.ready) === true).length],
    ]);
    observed('kubelet_running_containers', 'Containers by state.', ['container_state'], () =>
      [
        ...Map.groupBy(
          pods().flatMap((p) => p.objects?.containers ?? []),
          (c) => c.state,
        ),
      ].map(([state, all]) => [[state], all.length]),
    );
    const alive = (): readonly KnownPod[] => pods().filter((p) => !['Succeeded', 'Failed'].includes(p.status?.phase ?? ''));
    observed('kubelet_desired_pods', 'Pods that shall run here.', ['static'], () => [[['true'], pods().length]]);
    observed('kubelet_active_pods', 'Pods that are not over.', ['static'], () => [[['true'], alive().length]]);
    observed('kubelet_node_name', 'The name of this node.', ['node'], () => [[[nodeName], 1]]);
    observed('process_cpu_seconds_total', 'CPU time used.', [], () => [[[], usage().cpuSeconds]], 'counter');
    observed('process_resident_memory_bytes', 'Resident memory.', [], () => [[[], usage().residentBytes]]);
    observed('process_start_time_seconds', 'When the process started, since 1970.', [], () => [[[], usage().startSeconds]]);
    observed('kubernetes_build_info', 'What runs here.', ['git_version', 'kijabi_version'], () => [[[RELEASE, VERSION], 1]]);
  }

  runtimeCall(rpc: string, tookMs: number, outcome: 'ok' | 'failed'): void {
    const operation = OPERATIONS[rpc] ?? snake(rpc);
    this.#runtimeCalls.inc([operation]);
    this.#runtimeSeconds.observe([operation], tookMs / 1_000);
    if (outcome === 'failed') this.#runtimeErrors.inc([operation]);
    if (rpc === 'RunPodSandbox') (outcome === 'ok' ? this.#startedPods : this.#startedPodErrors).inc();
    if (rpc === 'StartContainer' && outcome === 'ok') this.#startedContainers.inc(['container']);
    if ((rpc === 'StartContainer' || rpc === 'CreateContainer') && outcome === 'failed')
      this.#startedContainerErrors.inc(['container', rpc === 'StartContainer' ? 'RunContainerError' : 'CreateContainerError']);
  }

  /** After each look at a pod. What ran already when we came is no start of ours. */
  podLooked({ pod, status }: KnownPod, nowMs: number): void {
    const uid = pod.metadata.uid ?? '';
    if (this.#started.get(uid) === 'counted') return;
    if (status?.phase !== 'Running') return void this.#started.set(uid, 'waiting');
    const seenAtMs = Date.parse(pod.metadata.annotations?.[CONFIG_SEEN] ?? '');
    if (this.#started.get(uid) === 'waiting' && !Number.isNaN(seenAtMs)) this.#podStart.observe([], Math.max(0, nowMs - seenAtMs) / 1_000);
    this.#started.set(uid, 'counted');
    for (const oldest of this.#started.keys()) {
      if (this.#started.size <= REMEMBERED_PODS) break;
      this.#started.delete(oldest);
    }
  }

  probed(pod: Pod, container: string, kind: ProbeKind, answer: 'good' | 'warning' | 'bad' | 'error'): void {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const type = kind.charAt(0).toUpperCase() + kind.slice(1);
    this.#probeResults.inc([type, PROBE_RESULTS[answer], container, name, namespace, uid]);
  }

  /** path: one of a fixed set, the first segment of a route. */
  request(method: string, path: string, seconds: number, longRunning: 'true' | 'false'): void {
    const labels = [METHODS.has(method) ? method : 'other', path, 'readwrite', longRunning];
    this.#requests.inc(labels);
    if (longRunning === 'false') this.#requestSeconds.observe(labels, seconds);
  }
}

const PROBE_RESULTS = { good: 'successful', warning: 'successful', bad: 'failed', error: 'unknown' } as const;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);
/** Upstream's words where they are not the name of the call. */
const OPERATIONS: Readonly<Record<string, string>> = {
  ListPodSandbox: 'list_podsandbox',
  RunPodSandbox: 'run_podsandbox',
  StopPodSandbox: 'stop_podsandbox',
  RemovePodSandbox: 'remove_podsandbox',
  PodSandboxStatus: 'podsandbox_status',
  ListPodSandboxStats: 'list_podsandbox_stats',
  PortForward: 'port_forward',
};

function snake(rpc: string): string {
  return rpc.replace(/(?<!^)([A-Z])/g, '_$1').toLowerCase();
}
