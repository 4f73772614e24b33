/**
 * Events of the node's pods, as objects with upstream's reasons; equal ones are counted, not repeated.
 * Bounded: the oldest go first. They are kept on disk too, so that they outlive the kubelet.
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
  readonly #readers = new Set<(event: PodEvent) => void>();

  /** Told of each event, also of equal ones. before: what a kubelet before this one knew. */
  constructor(clock: Clock, onEvent: (event: PodEvent) => void = () => undefined, before: readonly PodEvent[] = []) {
    this.#clock = clock;
    this.#onEvent = (event) => {
      onEvent(event);
      for (const tell of this.#readers) tell(event);
    };
    for (const event of before.slice(-KEPT)) this.#events.set(keyOf(event), { ...event });
  }

  /** Told of each event from now on; returns what ends it. */
  subscribe(tell: (event: PodEvent) => void): () => void {
    this.#readers.add(tell);
    return () => this.#readers.delete(tell);
  }

  record(pod: Pod, type: PodEvent['type'], reason: string, message: string, container?: string): void {
    const { name = '', namespace = 'default', uid = '' } = pod.metadata ?? {};
    const fieldPath = container === undefined ? {} : { fieldPath: `spec.containers{${container}}` };
    const key = keyOf({ uid, type, reason, message, ...fieldPath });
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

function keyOf({ uid, type, reason, message, fieldPath }: Pick<PodEvent, 'uid' | 'type' | 'reason' | 'message' | 'fieldPath'>): string {
  return JSON.stringify([uid, type, reason, message, fieldPath]);
}

/** Throws TypeError for what is not ours. */
export function parseEvents(value: unknown): PodEvent[] {
  if (!Array.isArray(value)) throw new TypeError('want a list');
  return value.map((entry: unknown) => {
    const event = (entry ?? {}) as Readonly<Record<string, unknown>>;
    const texts = ['reason', 'message', 'namespace', 'pod', 'uid'].every((field) => typeof event[field] === 'string');
    const numbers = ['firstAtMs', 'lastAtMs', 'count'].every((field) => Number.isFinite(event[field]));
    const isOurs = texts && numbers && (event['type'] === 'Normal' || event['type'] === 'Warning');
    if (!isOurs || (event['fieldPath'] !== undefined && typeof event['fieldPath'] !== 'string')) throw new TypeError('want events');
    return event as unknown as PodEvent;
  });
}

/** So long after an event it is on disk, with all that came meanwhile. */
const KEEP_MS = 1_000;

/** Keeps the events on disk until the signal aborts; what happened last is kept then too. */
export async function keepEvents(
  events: EventLog,
  { clock, save }: { readonly clock: Clock; readonly save: (events: readonly PodEvent[]) => void },
  signal: AbortSignal,
): Promise<void> {
  let wake: () => void = () => undefined;
  let changed = false;
  const end = events.subscribe(() => {
    changed = true;
    wake();
  });
  signal.addEventListener('abort', () => wake(), { once: true });
  while (!signal.aborted) {
    if (!changed) await new Promise<void>((resolve) => (wake = resolve));
    await clock.sleep(KEEP_MS, signal).catch(() => undefined);
    if (changed) save(events.list());
    changed = false;
  }
  end();
}
