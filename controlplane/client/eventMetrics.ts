/** Figures about events that nobody will see. */
import { Counter, type MetricsRegistry } from '#base/metrics.ts';

export class EventMetrics {
  readonly dropped: Counter;

  constructor(registry: MetricsRegistry) {
    this.dropped = registry.add(
      new Counter({
        name: 'event_recorder_dropped_events_total',
        help: 'Events that were not sent: too many about one object (rate), too many at once (queue), not taken (refused, unsent).',
        labels: ['reason'],
      }),
    );
  }
}
