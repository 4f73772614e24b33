/**
 * The kubelet's own metrics, under upstream's names, labels and buckets, so that dashboards and alerts written for Kubernetes work.
 * Holds numbers only; what can be asked for when it is read is not kept.
 * Source: the names in pkg/kubelet/metrics of Kubernetes 1.36.
 */
import { Counter, DEFAULT_BUCKETS, Gauge, Histogram, MetricsRegistry, Observed } from '#base/metrics.ts';
import { EventMetrics } from '#client/eventMetrics.ts';
import { RELEASE, VERSION } from '#base/version.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { OnGroup } from '../../linux/cgroup.ts';
import { CertificateMetrics } from './certificateMetrics.ts';
import type { Outcome } from '../health/answer.ts';
import { ImageMetrics } from './imageMetrics.ts';
import { volumeCounts, workingPods } from './podCounts.ts';
import { PodStarts } from './podStarts.ts';
import { ProbeMetrics } from './probeMetrics.ts';
import { RequestMetrics } from './requestMetrics.ts';
import type { TurnKind } from '../pods/turnTimes.ts';
import type { KnownPod } from '../pods/workers.ts';
import { isFromApi } from '../sources/origin.ts';
import type { Step } from '../timeline.ts';

const STORAGE_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];
const RUNTIME_SECONDS = Array.from({ length: 14 }, (_, i) => Number((0.005 * 2.5 ** i).toPrecision(6)));

export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly openFiles: number;
  readonly mostFiles: number;
  readonly startSeconds: number;
  /** By kind: timers, sockets, requests to the file system ... */
  readonly activeResources: ReadonlyMap<string, number>;
}

export interface MetricsOptions {
  readonly nodeName: string;
  readonly pods: () => readonly KnownPod[];
  /** Whether a pod is one of those that shall run; the others are on their way out. */
  readonly isWanted: (known: KnownPod) => boolean;
  /** Mirror pods in the API. */
  readonly mirrors: () => number;
  /** Of what is remembered of pulls. */
  readonly pullRecords: () => { readonly pulled: number; readonly intents: number };
  readonly cgroupVersion: 1 | 2;
  readonly usage: () => ProcessUsage;
  readonly nowMs: () => number;
}

export class KubeletMetrics {
  readonly registry = new MetricsRegistry();
  readonly events = new EventMetrics(this.registry);
  /** Of /metrics/slis. */
  readonly slis = new MetricsRegistry();
  readonly #checks = this.slis.add(
    new Gauge({ name: 'kubernetes_healthcheck', help: 'What a health check found last: 1 is well.', labels: ['name', 'type'] }),
  );
  readonly #checked = this.slis.add(
    new Counter({ name: 'kubernetes_healthchecks_total', help: 'Health checks by what they found.', labels: ['name', 'status', 'type'] }),
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
  readonly #starts = new PodStarts(this.registry);
  readonly #turnSeconds = this.registry.add(
    new Histogram({
      name: 'kubelet_pod_worker_duration_seconds',
      help: 'How long looks at pods took, with what was done then.',
      labels: ['operation_type'],
      buckets: DEFAULT_BUCKETS,
    }),
  );
  readonly #relistSeconds = this.registry.add(
    new Histogram({
      name: 'kubelet_pleg_relist_duration_seconds',
      help: 'How long full lists of the runtime took.',
      buckets: DEFAULT_BUCKETS,
    }),
  );
  readonly #relistGaps = this.registry.add(
    new Histogram({ name: 'kubelet_pleg_relist_interval_seconds', help: 'From one full list to the next.', buckets: DEFAULT_BUCKETS }),
  );
  readonly #relistedAt = this.registry.add(
    new Gauge({ name: 'kubelet_pleg_last_seen_seconds', help: 'When the last full list was made, since 1970.' }),
  );
  readonly #followed = this.registry.add(
    new Counter({ name: 'kubelet_evented_pleg_connection_success_count', help: 'Streams of events of the runtime that were opened.' }),
  );
  readonly #unfollowed = this.registry.add(
    new Counter({ name: 'kubelet_evented_pleg_connection_error_count', help: 'Streams of events of the runtime that broke off.' }),
  );
  readonly #sandboxSeconds = this.registry.add(
    new Histogram({
      name: 'kubelet_run_podsandbox_duration_seconds',
      help: 'How long sandboxes took to make, by the handler of their runtime class.',
      labels: ['runtime_handler'],
      buckets: DEFAULT_BUCKETS,
    }),
  );
  readonly #sandboxErrors = this.registry.add(
    new Counter({
      name: 'kubelet_run_podsandbox_errors_total',
      help: 'Sandboxes that could not be made, by the handler of their runtime class.',
      labels: ['runtime_handler'],
    }),
  );
  readonly #evictions = this.registry.add(
    new Counter({ name: 'kubelet_evictions', help: 'Pods evicted, by what the node was short of.', labels: ['eviction_signal'] }),
  );
  readonly #preemptions = this.registry.add(
    new Counter({ name: 'kubelet_preemptions', help: 'Pods pushed out by critical ones.', labels: ['preemption_signal'] }),
  );
  readonly #groupSeconds = this.registry.add(
    new Histogram({
      name: 'kubelet_cgroup_manager_duration_seconds',
      help: 'How long changes of control groups took.',
      labels: ['operation_type'],
      buckets: DEFAULT_BUCKETS,
    }),
  );
  readonly #shutdownBegan = this.registry.add(
    new Gauge({ name: 'kubelet_graceful_shutdown_start_time_seconds', help: 'When the last graceful shutdown began, since 1970.' }),
  );
  readonly #shutdownEnded = this.registry.add(
    new Gauge({ name: 'kubelet_graceful_shutdown_end_time_seconds', help: 'When all pods had had their time then, since 1970.' }),
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
  readonly #rejections = this.registry.add(
    new Counter({ name: 'kubelet_admission_rejections_total', help: 'Pods that the node refused, by why.', labels: ['reason'] }),
  );
  readonly #storageSeconds = this.registry.add(
    new Histogram({
      name: 'storage_operation_duration_seconds',
      help: 'How long volumes took to make.',
      labels: ['volume_plugin', 'operation_name', 'status', 'migrated'],
      buckets: STORAGE_SECONDS,
    }),
  );
  readonly requests = new RequestMetrics(this.registry);
  readonly probes: ProbeMetrics;
  readonly images: ImageMetrics;
  readonly certificates: CertificateMetrics;

  constructor({ nodeName, pods, isWanted, mirrors, pullRecords, cgroupVersion, usage, nowMs }: MetricsOptions) {
    this.probes = new ProbeMetrics(() => usage().startSeconds);
    this.images = new ImageMetrics(this.registry, pullRecords);
    this.certificates = new CertificateMetrics(this.registry, nowMs);
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
    observed('kubelet_desired_pods', 'Pods that shall run here.', ['static'], () => byOrigin(pods()));
    observed('kubelet_active_pods', 'Pods that are not over.', ['static'], () => byOrigin(alive()));
    observed('kubelet_working_pods', 'Pods by where they are in their life.', ['lifecycle', 'config', 'static'], () =>
      workingPods(pods(), isWanted),
    );
    observed('kubelet_mirror_pods', 'Static pods that the API server shows.', [], () => [[[], mirrors()]]);
    observed('volume_manager_total_volumes', 'Volumes of the pods here.', ['plugin_name', 'state'], () => volumeCounts(pods()));
    observed('kubelet_cgroup_version', 'The version of control groups here.', [], () => [[[], cgroupVersion]]);
    observed('kubelet_metrics_provider', 'Where statistics of containers are from.', ['provider'], () => [[['cri'], 1]]);
    observed('kubelet_node_name', 'The name of this node.', ['node'], () => [[[nodeName], 1]]);
    observed('kubelet_managed_ephemeral_containers', 'Ephemeral containers of the pods here.', [], () => [
      [[], pods().reduce((sum, { pod }) => sum + (pod.spec.ephemeralContainers?.length ?? 0), 0)],
    ]);
    observed('process_cpu_seconds_total', 'CPU time used.', [], () => [[[], usage().cpuSeconds]], 'counter');
    observed('process_resident_memory_bytes', 'Resident memory.', [], () => [[[], usage().residentBytes]]);
    observed('process_start_time_seconds', 'When the process started, since 1970.', [], () => [[[], usage().startSeconds]]);
    observed('process_virtual_memory_bytes', 'Virtual memory.', [], () => [[[], usage().virtualBytes]]);
    observed('process_open_fds', 'Files that are open.', [], () => [[[], usage().openFiles]]);
    observed('process_max_fds', 'Files that may be open.', [], () => [[[], usage().mostFiles]]);
    observed('nodejs_active_resources', 'What keeps the event loop going, by kind.', ['type'], () =>
      [...usage().activeResources].map(([type, count]) => [[type], count]),
    );
    const [major = '', minor = ''] = RELEASE.replace('v', '').split('.');
    const build = ['major', 'minor', 'git_version', 'platform', 'kijabi_version'];
    observed('kubernetes_build_info', 'What runs here.', build, () => [
      [[major, minor, RELEASE, `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`, VERSION], 1],
    ]);
  }

  runtimeCall(rpc: string, tookMs: number, outcome: 'ok' | 'failed'): void {
    const operation = OPERATIONS[rpc] ?? snake(rpc);
    this.#runtimeCalls.inc([operation]);
    this.#runtimeSeconds.observe([operation], tookMs / 1_000);
    if (outcome === 'failed') this.#runtimeErrors.inc([operation]);
  }

  /** A step of a pod's way ended. */
  stepped(pod: Pod | undefined, { step, container = '', detail = '', tookMs = 0, failed = false }: Step): void {
    const type = containerType(pod, container);
    if (step === 'sandbox') {
      const handler = failed ? (pod?.spec.runtimeClassName ?? '') : detail;
      this.#sandboxSeconds.observe([handler], tookMs / 1_000);
      (failed ? this.#startedPodErrors : this.#startedPods).inc();
      if (failed) this.#sandboxErrors.inc([handler]);
    } else if (step === 'start' && !failed) this.#startedContainers.inc([type]);
    else if (failed && Object.hasOwn(START_ERRORS, step)) this.#startedContainerErrors.inc([type, START_ERRORS[step] ?? '']);
  }

  /** After each look at a pod; steps: what was done for it. */
  podLooked(known: KnownPod, steps: readonly Step[], nowMs: number): void {
    this.#starts.looked(known, steps, nowMs);
  }

  turned(kind: TurnKind, tookMs: number): void {
    this.#turnSeconds.observe([kind], tookMs / 1_000);
  }

  relisted({ tookMs, sinceLastMs }: { readonly tookMs: number; readonly sinceLastMs: number | undefined }, nowMs: number): void {
    this.#relistSeconds.observe([], tookMs / 1_000);
    if (sinceLastMs !== undefined) this.#relistGaps.observe([], sinceLastMs / 1_000);
    this.#relistedAt.set([], nowMs / 1_000);
  }

  eventsFollowed(outcome: 'ok' | 'failed'): void {
    (outcome === 'ok' ? this.#followed : this.#unfollowed).inc();
  }

  groupChanged(operation: Parameters<OnGroup>[0], tookMs: number): void {
    this.#groupSeconds.observe([operation], tookMs / 1_000);
  }

  shutdownBegan(nowMs: number): void {
    this.#shutdownBegan.set([], nowMs / 1_000);
  }

  shutdownEnded(nowMs: number): void {
    this.#shutdownEnded.set([], nowMs / 1_000);
  }

  evicted(signal: string): void {
    this.#evictions.inc([signal]);
  }

  preempted(resource: string): void {
    this.#preemptions.inc([resource]);
  }

  refused(reason: string): void {
    const known = REJECTIONS.has(reason) ? reason : reason.startsWith('OutOf') ? 'OutOfExtendedResources' : 'Other';
    this.#rejections.inc([known]);
  }

  volumeMade(plugin: string, tookMs: number, outcome: 'success' | 'fail-unknown'): void {
    this.#storageSeconds.observe([plugin, 'volume_mount', outcome, 'false'], tookMs / 1_000);
  }

  healthLooked(outcomes: readonly Outcome[]): void {
    for (const { name, problem } of outcomes) {
      this.#checks.set([name, 'healthz'], problem === undefined ? 1 : 0);
      this.#checked.inc([name, problem === undefined ? 'success' : 'error', 'healthz']);
    }
  }
}

function byOrigin(pods: readonly KnownPod[]): (readonly [readonly string[], number])[] {
  const ofApi = pods.filter(({ pod }) => isFromApi(pod)).length;
  return [
    [['true'], pods.length - ofApi],
    [[''], ofApi],
  ];
}

/** As upstream calls them. */
function containerType(pod: Pod | undefined, name: string): string {
  if (pod?.spec.initContainers?.some((c) => c.name === name) === true) return 'init_container';
  return pod?.spec.ephemeralContainers?.some((c) => c.name === name) === true ? 'ephemeral_container' : 'container';
}

/** Reasons that are counted by name, as upstream. */
const REJECTIONS = new Set([
  'AppArmor',
  'PodOSSelectorNodeLabelDoesNotMatch',
  'PodOSNotSupported',
  'InvalidNodeInfo',
  'InitContainerRestartPolicyForbidden',
  'SupplementalGroupsPolicyNotSupported',
  'UnexpectedAdmissionError',
  'UnknownReason',
  'UnexpectedPredicateFailureType',
  'OutOfcpu',
  'OutOfmemory',
  'OutOfephemeral-storage',
  'OutOfpods',
  'Evicted',
  'SysctlForbidden',
  'TopologyAffinityError',
  'NodeShutdown',
]);
const START_ERRORS: Readonly<Record<string, string>> = {
  image: 'ErrImagePull',
  create: 'CreateContainerError',
  start: 'RunContainerError',
};
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
