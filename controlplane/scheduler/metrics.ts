/** What the scheduler counts, under upstream's names. */
import { Counter, Histogram, Observed, type MetricsRegistry } from '#base/metrics.ts';
import type { Cluster } from './core/cluster.ts';
import type { SchedulingQueue } from './queue/queue.ts';

export type Result = 'scheduled' | 'unschedulable' | 'error';

const doubling = (first: number, count: number): readonly number[] => Array.from({ length: count }, (_, i) => first * 2 ** i);

export class SchedulerMetrics {
  readonly attempts = new Counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Attempts to place a pod, by what came of it.',
    labels: ['result', 'profile'],
  });
  readonly attemptSeconds = new Histogram({
    name: 'scheduler_scheduling_attempt_duration_seconds',
    help: 'How long an attempt took, decision and binding.',
    labels: ['result', 'profile'],
    buckets: doubling(0.001, 15),
  });
  readonly algorithmSeconds = new Histogram({
    name: 'scheduler_scheduling_algorithm_duration_seconds',
    help: 'How long decisions took.',
    buckets: doubling(0.001, 15),
  });
  readonly podSeconds = new Histogram({
    name: 'scheduler_pod_scheduling_sli_duration_seconds',
    help: 'From when a pod could be tried until it was bound.',
    labels: ['attempts'],
    buckets: doubling(0.01, 20),
  });
  readonly podAttempts = new Histogram({
    name: 'scheduler_pod_scheduling_attempts',
    help: 'Attempts that a pod needed until it was bound.',
    buckets: doubling(1, 5),
  });
  readonly victims = new Histogram({ name: 'scheduler_preemption_victims', help: 'Pods that had to go at once.', buckets: doubling(1, 7) });
  readonly preemptions = new Counter({ name: 'scheduler_preemption_attempts_total', help: 'Searches for pods that could go.' });
  readonly incoming = new Counter({
    name: 'scheduler_queue_incoming_pods_total',
    help: 'Pods that came to a queue, by queue and reason.',
    labels: ['queue', 'event'],
  });

  constructor(
    registry: MetricsRegistry,
    queue: () => SchedulingQueue,
    cluster: Cluster,
    schedulerOf: (pod: { spec: { schedulerName?: string } }) => string,
  ) {
    for (const metric of [this.attempts, this.attemptSeconds, this.algorithmSeconds, this.podSeconds, this.podAttempts])
      registry.add(metric);
    for (const metric of [this.victims, this.preemptions, this.incoming]) registry.add(metric);
    const places = ['active', 'backoff', 'unschedulable', 'gated'] as const;
    registry.add(
      new Observed({ name: 'scheduler_pending_pods', help: 'Pods without a node, by queue.', labels: ['queue'] }, () =>
        places.map((place) => [[place], queue().count(place)]),
      ),
    );
    registry.add(
      new Observed({ name: 'scheduler_cache_size', help: 'Nodes, pods and pods that are not confirmed yet.', labels: ['type'] }, () => [
        [['nodes'], cluster.nodes.length],
        [['pods'], cluster.podCount],
        [['assumed_pods'], cluster.assumedCount],
      ]),
    );
    registry.add(
      new Observed(
        { name: 'scheduler_unschedulable_pods', help: 'Pods that wait, by the plugin that refused them.', labels: ['plugin', 'profile'] },
        () => {
          const counts = new Map<string, [readonly string[], number]>();
          for (const pod of queue().pods()) {
            for (const plugin of pod.place === 'unschedulable' ? pod.refusedBy : []) {
              const labels = [plugin, schedulerOf(pod.info.pod)];
              const known = counts.get(labels.join());
              counts.set(labels.join(), [labels, (known?.[1] ?? 0) + 1]);
            }
          }
          return counts.values();
        },
      ),
    );
  }
}
