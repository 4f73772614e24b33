/**
 * How long starts of pods took, as upstream counts them. Remembers which pods it has counted; no time of its own.
 *
 * Three clocks: from the first sight to running; from the creation of the object to running; and that without pulls of images and init
 * containers, for pods without volumes that keep state (the indicator of Kubernetes' service level "pod startup latency").
 * What ran already when we came is no start of ours.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Volume } from '#api/kinds/core/volumes.ts';
import { DEFAULT_BUCKETS, Gauge, Histogram, type MetricsRegistry } from '#base/metrics.ts';
import { CONFIG_SEEN } from '../pods/labels.ts';
import type { KnownPod } from '../pods/workers.ts';
import type { Step } from '../timeline.ts';

const REMEMBERED_PODS = 1_000;
/** From half a second to an hour: with a pull. */
const START_SECONDS = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600];

export class PodStarts {
  /** By UID. */
  readonly #seen = new Map<string, 'waiting' | 'counted'>();
  readonly #worker: Histogram;
  readonly #start: Histogram;
  readonly #total: Histogram;
  readonly #sli: Histogram;
  readonly #perPod: Histogram;
  readonly #firstNetwork: Gauge;
  #networked = false;

  constructor(registry: MetricsRegistry) {
    const histogram = (name: string, help: string, buckets: readonly number[]): Histogram =>
      registry.add(new Histogram({ name: `kubelet_${name}`, help, buckets }));
    this.#worker = histogram(
      'pod_worker_start_duration_seconds',
      'From the first sight of a pod to the first look at it.',
      DEFAULT_BUCKETS,
    );
    this.#start = histogram('pod_start_duration_seconds', 'From the first sight of a pod until it ran.', START_SECONDS);
    this.#total = histogram('pod_start_total_duration_seconds', 'From the creation of a pod until it ran.', START_SECONDS);
    this.#sli = histogram(
      'pod_start_sli_duration_seconds',
      'From the creation of a pod without state until it ran, without pulls of images and init containers.',
      START_SECONDS,
    );
    this.#perPod = histogram('containers_per_pod_count', 'Containers of the pods that came.', [1, 2, 4, 8, 16]);
    this.#firstNetwork = registry.add(
      new Gauge({
        name: 'kubelet_first_network_pod_start_sli_duration_seconds',
        help: 'The same, of the first pod with a network of its own.',
      }),
    );
  }

  /** After each look at a pod; steps: what was done for it. */
  looked({ pod, status }: KnownPod, steps: readonly Step[], nowMs: number): void {
    const uid = pod.metadata.uid ?? '';
    const before = this.#seen.get(uid);
    if (before === undefined) this.#perPod.observe([], pod.spec.containers.length);
    if (before === 'counted') return;
    const seenAtMs = Date.parse(pod.metadata.annotations?.[CONFIG_SEEN] ?? '');
    const isNew = !Number.isNaN(seenAtMs);
    if (status?.phase !== 'Running') {
      if (before === undefined && isNew) this.#worker.observe([], Math.max(0, nowMs - seenAtMs) / 1_000);
      return this.#remember(uid, 'waiting');
    }
    if (before === 'waiting' && isNew) this.#count(pod, { status, steps, seenAtMs, nowMs });
    this.#remember(uid, 'counted');
  }

  #count(
    pod: Pod,
    {
      status,
      steps,
      seenAtMs,
      nowMs,
    }: { status: Pod['status']; readonly steps: readonly Step[]; readonly seenAtMs: number; readonly nowMs: number },
  ): void {
    const madeAtMs = Date.parse(pod.metadata.creationTimestamp ?? '') || seenAtMs;
    const totalMs = Math.max(0, nowMs - madeAtMs);
    this.#start.observe([], Math.max(0, nowMs - seenAtMs) / 1_000);
    this.#total.observe([], totalMs / 1_000);
    if (!(pod.spec.volumes ?? []).every(isStateless)) return;
    const sli = Math.max(0, totalMs - pullMs(steps) - initMs(status)) / 1_000;
    this.#sli.observe([], sli);
    if (this.#networked || pod.spec.hostNetwork === true) return;
    this.#networked = true;
    this.#firstNetwork.set([], sli);
  }

  #remember(uid: string, as: 'waiting' | 'counted'): void {
    this.#seen.set(uid, as);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= REMEMBERED_PODS) break;
      this.#seen.delete(oldest);
    }
  }
}

const STATELESS = ['configMap', 'downwardAPI', 'emptyDir', 'projected', 'secret'] as const;
const isStateless = (volume: Volume): boolean => STATELESS.some((kind) => volume[kind] !== undefined);

/** Pulls at the same time count once. */
function pullMs(steps: readonly Step[]): number {
  const pulls = steps
    .flatMap(({ step, startedAtMs, tookMs }) =>
      step === 'image' && tookMs !== undefined ? [[startedAtMs, startedAtMs + tookMs] as const] : [],
    )
    .sort(([a], [b]) => a - b);
  let [sum, untilMs] = [0, -Infinity];
  for (const [from, to] of pulls) {
    sum += Math.max(0, to - Math.max(from, untilMs));
    untilMs = Math.max(untilMs, to);
  }
  return sum;
}

function initMs(status: Pod['status']): number {
  return (status?.initContainerStatuses ?? []).reduce((sum, { state }) => {
    const { startedAt, finishedAt } = state?.terminated ?? {};
    const took = Date.parse(finishedAt ?? '') - Date.parse(startedAt ?? '');
    return Number.isNaN(took) ? sum : sum + took;
  }, 0);
}
