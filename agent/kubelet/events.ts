/**
 * Events of the node's pods, as objects with upstream's reasons; equal ones are counted, not repeated.
 * Kept in memory, bounded: the oldest go first.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';

export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly fieldPath?: string;
  readonly firstAtMs: number;
  lastAtMs: number;
  count: number;
}

const KEPT = 1_000;

export class EventLog {
  readonly #clock: Clock;
  readonly #events = new Map<string, PodEvent>();
  readonly #onEvent: (event: PodEvent) => void;

  /** Told of each event, also of equal ones. */
  constructor(clock: Clock, onEvent: (event: PodEvent) => void = () => undefined) {
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  record(pod: Pod, type: PodEvent['type'], reason: string, message: string, container?: string): void {
    const { name = '', namespace = 'default', uid = '' } = pod.metadata ?? {};
    const key = JSON.stringify([uid, type, reason, message, container]);
    const nowMs = this.#clock.nowMs();
    const known = this.#events.get(key);
    this.#events.delete(key); // newest last
    if (known !== undefined) {
      known.count += 1;
      known.lastAtMs = nowMs;
      this.#events.set(key, known);
      this.#onEvent(known);
      return;
    }
    const fieldPath = container === undefined ? {} : { fieldPath: `spec.containers{${container}}` };
    const event = { type, reason, message, namespace, pod: name, uid, ...fieldPath, firstAtMs: nowMs, lastAtMs: nowMs, count: 1 };
    this.#events.set(key, event);
    this.#onEvent(event);
    for (const oldest of this.#events.keys()) {
      if (this.#events.size <= KEPT) break;
      this.#events.delete(oldest);
    }
  }

  list(filter: { readonly namespace?: string; readonly pod?: string } = {}): PodEvent[] {
    return [...this.#events.values()].filter(
      (e) => (filter.namespace === undefined || e.namespace === filter.namespace) && (filter.pod === undefined || e.pod === filter.pod),
    );
  }
}
