/**
 * Figures about work queues under the names of upstream's controllers, so that their dashboards and alerts work.
 * Units: seconds.
 */
import type { Clock } from '#base/clock.ts';
import { Counter, Histogram, Observed, type MetricsRegistry } from '#base/metrics.ts';
import type { QueueObserver, WorkQueue } from '#base/workqueue.ts';

const LABELS = ['name'];
const BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1_000];

export class QueueMetrics {
  readonly #clock: Clock;
  readonly #queues = new Map<string, WorkQueue>();
  readonly #since = new Map<string, Map<string, number>>();
  readonly #adds: Counter;
  readonly #retries: Counter;
  readonly #waited: Histogram;
  readonly #worked: Histogram;

  constructor(registry: MetricsRegistry, clock: Clock) {
    this.#clock = clock;
    this.#adds = registry.add(new Counter({ name: 'workqueue_adds_total', help: 'Keys that were put into the queue.', labels: LABELS }));
    this.#retries = registry.add(new Counter({ name: 'workqueue_retries_total', help: 'Keys put in for later.', labels: LABELS }));
    const spread = (name: string, help: string): Histogram => registry.add(new Histogram({ name, help, labels: LABELS, buckets: BUCKETS }));
    this.#waited = spread('workqueue_queue_duration_seconds', 'How long keys waited for their turn.');
    this.#worked = spread('workqueue_work_duration_seconds', 'How long a turn took.');
    const now = (name: string, help: string, read: (queue: string) => number): void =>
      void registry.add(
        new Observed({ name, help, labels: LABELS }, () => [...this.#queues.keys()].map((queue) => [[queue], read(queue)] as const)),
      );
    now('workqueue_depth', 'Keys that wait for their turn.', (queue) => this.#queues.get(queue)?.depth ?? 0);
    now('workqueue_unfinished_work_seconds', 'How long the turns under way have taken, in all.', (queue) =>
      this.#underWay(queue).reduce((a, b) => a + b, 0),
    );
    now('workqueue_longest_running_processor_seconds', 'How long the longest turn under way has taken.', (queue) =>
      Math.max(0, ...this.#underWay(queue)),
    );
  }

  /** For the queue of this name; a second one takes the place of the first. */
  observer(name: string): QueueObserver {
    const waits = new Map<string, number>();
    const works = new Map<string, number>();
    this.#since.set(name, works);
    const took = (from: Map<string, number>, key: string): number => {
      const nowMs = this.#clock.monotonicMs();
      const sinceMs = from.get(key) ?? nowMs;
      from.delete(key);
      return (nowMs - sinceMs) / 1_000;
    };
    return {
      opened: (queue) => void this.#queues.set(name, queue),
      added: (key) => {
        this.#adds.inc([name]);
        waits.set(key, this.#clock.monotonicMs());
      },
      begun: (key) => {
        this.#waited.observe([name], took(waits, key));
        works.set(key, this.#clock.monotonicMs());
      },
      done: (key) => this.#worked.observe([name], took(works, key)),
      later: () => this.#retries.inc([name]),
    };
  }

  #underWay(name: string): number[] {
    const nowMs = this.#clock.monotonicMs();
    return [...(this.#since.get(name)?.values() ?? [])].map((sinceMs) => (nowMs - sinceMs) / 1_000);
  }
}
