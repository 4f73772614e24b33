/**
 * The pods that have no node yet. Each is in exactly one place: active (to be tried), backoff (to be tried later), unschedulable (to be
 * tried when something changes that could help it, or after five minutes), or in flight (being tried). Pure but for what it holds; the
 * caller tells the time.
 *
 * Order: the more important first, then who waits longer. A change that happens while a pod is in flight is not missed: it is looked at
 * when the pod comes back.
 * Units: milliseconds.
 * Source: upstream's scheduling queue (1 s doubled up to 10 s, 5 min); when nothing is active, who backs off is tried early, as upstream
 * does since 1.33, but not after an error.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { ClusterEvent } from '../core/events.ts';
import { podInfoOf, type PodInfo } from '../core/podInfo.ts';
import { Heap } from './heap.ts';

export type Place = 'active' | 'backoff' | 'unschedulable' | 'inFlight';

export interface QueuedPod {
  readonly key: string;
  /** As it was last seen. */
  readonly info: PodInfo;
  readonly place: Place;
  readonly attempts: number;
  /** When it first came. */
  readonly sinceMs: number;
  /** Plugins that refused it the last time. */
  readonly refusedBy: ReadonlySet<string>;
  readonly isGated: boolean;
}

interface Entry extends QueuedPod {
  info: PodInfo;
  place: Place;
  attempts: number;
  refusedBy: ReadonlySet<string>;
  isGated: boolean;
  isError: boolean;
  /** When it came to where it is. */
  atMs: number;
  untilMs: number;
  /** Of the newest place in a heap; older ones are skipped. */
  ticket: number;
  /** Changes from this one on happened while it was in flight. */
  fromEvent: number;
}

export interface QueueOptions {
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
  readonly flushAfterMs?: number;
  /** The plugin that does not let the pod be tried. */
  readonly gate: (pod: PodInfo) => string | undefined;
  /** Whether a change could help a pod that these plugins refused. */
  readonly helps: (event: ClusterEvent, pod: PodInfo, refusedBy: ReadonlySet<string>) => boolean;
  /** A pod comes to a place: for metrics. */
  readonly onIncoming?: (place: Place | 'gated', event: string) => void;
}

interface Ticket {
  readonly entry: Entry;
  readonly ticket: number;
  readonly priority: number;
  readonly atMs: number;
}

const isFirst = (a: Ticket, b: Ticket): boolean =>
  a.priority !== b.priority ? a.priority > b.priority : a.atMs !== b.atMs ? a.atMs < b.atMs : a.ticket < b.ticket;
const isSooner = (a: Ticket, b: Ticket): boolean => (a.atMs !== b.atMs ? a.atMs < b.atMs : isFirst(a, b));

export class SchedulingQueue {
  readonly #options: Required<QueueOptions>;
  readonly #pods = new Map<string, Entry>();
  readonly #active = new Heap<Ticket>(isFirst);
  readonly #backoff = new Heap<Ticket>(isSooner);
  readonly #inFlight = new Set<Entry>();
  /** Those that wait for a change; gated ones are not among them. */
  readonly #waiting = new Set<Entry>();
  #events: ClusterEvent[] = [];
  /** Number of the first of #events. */
  #firstEvent = 0;
  #tickets = 0;

  constructor(options: QueueOptions) {
    this.#options = { initialBackoffMs: 1_000, maxBackoffMs: 10_000, flushAfterMs: 300_000, onIncoming: () => undefined, ...options };
  }

  get(key: string): QueuedPod | undefined {
    return this.#pods.get(key);
  }

  pods(): Iterable<QueuedPod> {
    return this.#pods.values();
  }

  count(place: Place | 'gated'): number {
    let count = 0;
    for (const entry of this.#pods.values()) if (place === 'gated' ? entry.isGated : entry.place === place && !entry.isGated) count += 1;
    return count;
  }

  /** A pod without a node that was seen for the first time, or again with changes. */
  set(pod: Pod, nowMs: number): void {
    const info = podInfoOf(pod);
    const known = this.#pods.get(info.key);
    if (known?.info.pod === pod) return;
    if (known === undefined || known.info.uid !== info.uid) return this.#add(info, nowMs);
    const before = known.info;
    known.info = info;
    const event: ClusterEvent = { kind: 'self', label: 'PodUpdate', before: before.pod, after: pod };
    if (known.place === 'inFlight') return void (isChanged(before.pod, pod) && this.#events.push(event));
    if (!known.isGated && this.#options.gate(info) !== undefined) return this.#admit(known, nowMs, event.label);
    if (known.place === 'active' && before.priority !== info.priority) return this.#activate(known, nowMs, event.label);
    if (known.place !== 'unschedulable') return;
    if (known.isGated) return this.#admit(known, nowMs, 'PodUpdate');
    if (isChanged(before.pod, pod) && this.#options.helps(event, info, known.refusedBy)) this.#requeue(known, nowMs, event.label);
  }

  /** It has a node, or is gone. */
  delete(key: string): void {
    const entry = this.#pods.get(key);
    if (entry === undefined) return;
    this.#pods.delete(key);
    this.#waiting.delete(entry);
    this.#land(entry);
    entry.ticket = -1;
  }

  /** The next one to try; it is in flight until failed() or delete(). */
  pop(nowMs: number): QueuedPod | undefined {
    this.flush(nowMs);
    const entry = this.#take(this.#active, 'active') ?? this.#early();
    if (entry === undefined) return undefined;
    entry.place = 'inFlight';
    entry.attempts += 1;
    entry.fromEvent = this.#firstEvent + this.#events.length;
    this.#inFlight.add(entry);
    return entry;
  }

  /** It found no node. refusedBy is empty when something went wrong that the cluster is not to blame for: it is tried again later. */
  failed(key: string, refusedBy: ReadonlySet<string>, nowMs: number): void {
    const entry = this.#pods.get(key);
    if (entry?.place !== 'inFlight') return;
    const missed = this.#events.slice(entry.fromEvent - this.#firstEvent);
    this.#land(entry);
    entry.refusedBy = refusedBy;
    entry.isError = refusedBy.size === 0;
    entry.atMs = nowMs;
    const { helps, onIncoming, gate } = this.#options;
    if (gate(entry.info) !== undefined) return this.#admit(entry, nowMs, 'ScheduleAttemptFailure');
    const helping = missed.find((event) => isAbout(event, entry) && helps(event, entry.info, refusedBy));
    if (helping !== undefined || entry.isError) return this.#requeue(entry, nowMs, helping?.label ?? 'ScheduleAttemptFailure');
    entry.place = 'unschedulable';
    this.#waiting.add(entry);
    onIncoming('unschedulable', 'ScheduleAttemptFailure');
  }

  /** Something changed: whoever it could help is tried again, after its back-off. */
  moved(event: ClusterEvent, nowMs: number): void {
    if (this.#inFlight.size > 0) this.#events.push(event);
    for (const entry of this.#waiting)
      if (this.#options.helps(event, entry.info, entry.refusedBy)) this.#requeue(entry, nowMs, event.label);
  }

  /** What is due: the end of a back-off, and of five minutes without a change that helps. */
  flush(nowMs: number): void {
    for (let next = this.#backoff.peek(); next !== undefined; next = this.#backoff.peek()) {
      if (isCurrent(next) && next.atMs > nowMs) break;
      this.#backoff.pop();
      if (isCurrent(next)) this.#activate(next.entry, nowMs, 'BackoffComplete');
    }
  }

  flushOld(nowMs: number): void {
    for (const entry of this.#waiting)
      if (nowMs - entry.atMs >= this.#options.flushAfterMs) this.#requeue(entry, nowMs, 'UnschedulableTimeout');
  }

  /** When flush() has something to do; undefined: never, as things are. */
  get nextAtMs(): number | undefined {
    for (let next = this.#backoff.peek(); next !== undefined; next = this.#backoff.peek()) {
      if (isCurrent(next)) return next.atMs;
      this.#backoff.pop();
    }
    return undefined;
  }

  #add(info: PodInfo, nowMs: number): void {
    this.delete(info.key);
    const entry: Entry = {
      key: info.key,
      info,
      place: 'unschedulable',
      attempts: 0,
      sinceMs: nowMs,
      refusedBy: new Set(),
      isGated: false,
      isError: false,
      atMs: nowMs,
      untilMs: 0,
      ticket: 0,
      fromEvent: 0,
    };
    this.#pods.set(info.key, entry);
    this.#admit(entry, nowMs, 'PodAdd');
  }

  #admit(entry: Entry, nowMs: number, event: string): void {
    const gate = this.#options.gate(entry.info);
    if (gate === undefined) {
      entry.isGated = false;
      return this.#activate(entry, nowMs, event);
    }
    entry.refusedBy = new Set([gate]);
    if (!entry.isGated) this.#options.onIncoming('gated', event);
    entry.isGated = true;
    entry.place = 'unschedulable';
    this.#waiting.delete(entry);
  }

  #requeue(entry: Entry, nowMs: number, event: string): void {
    this.#waiting.delete(entry);
    const untilMs = entry.atMs + this.#backoffMs(entry.attempts);
    if (untilMs <= nowMs) return this.#activate(entry, nowMs, event);
    entry.place = 'backoff';
    entry.untilMs = untilMs;
    this.#options.onIncoming('backoff', event);
    this.#backoff.push(this.#ticket(entry, untilMs));
  }

  #activate(entry: Entry, nowMs: number, event: string): void {
    this.#waiting.delete(entry);
    entry.place = 'active';
    entry.atMs = nowMs;
    this.#options.onIncoming('active', event);
    this.#active.push(this.#ticket(entry, nowMs));
  }

  #ticket(entry: Entry, atMs: number): Ticket {
    entry.ticket = ++this.#tickets;
    return { entry, ticket: entry.ticket, priority: entry.info.priority, atMs };
  }

  #take(heap: Heap<Ticket>, place: Place): Entry | undefined {
    for (let next = heap.pop(); next !== undefined; next = heap.pop()) if (isCurrent(next) && next.entry.place === place) return next.entry;
    return undefined;
  }

  /** Nobody else waits, so why should this one. */
  #early(): Entry | undefined {
    const kept: Ticket[] = [];
    let found: Entry | undefined;
    for (let next = this.#backoff.pop(); next !== undefined && found === undefined; next = this.#backoff.pop()) {
      if (isCurrent(next) && !next.entry.isError) found = next.entry;
      else if (isCurrent(next)) kept.push(next);
      if (found !== undefined) break;
    }
    for (const ticket of kept) this.#backoff.push(ticket);
    return found;
  }

  /** It is not in flight any more; changes that nobody can have missed are forgotten. */
  #land(entry: Entry): void {
    if (!this.#inFlight.delete(entry)) return;
    const [oldest] = this.#inFlight;
    const keepFrom = oldest === undefined ? this.#firstEvent + this.#events.length : oldest.fromEvent;
    if (keepFrom === this.#firstEvent) return;
    this.#events = this.#events.slice(keepFrom - this.#firstEvent);
    this.#firstEvent = keepFrom;
  }

  #backoffMs(attempts: number): number {
    const { initialBackoffMs, maxBackoffMs } = this.#options;
    return attempts === 0 ? 0 : Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(attempts - 1, 30));
  }
}

const isCurrent = ({ entry, ticket }: Ticket): boolean =>
  entry.ticket === ticket && (entry.place === 'active' || entry.place === 'backoff');

const isAbout = (event: ClusterEvent, { info }: Entry): boolean =>
  event.kind !== 'self' || (event.after.metadata.namespace === info.namespace && event.after.metadata.name === info.name);

/** Whether anything changed that a scheduler looks at: its own notes in the status do not count. */
export function isChanged(before: Pod, after: Pod): boolean {
  const told = ({ metadata: { labels, annotations, deletionTimestamp, ownerReferences, finalizers }, spec }: Pod): string =>
    JSON.stringify([labels, annotations, deletionTimestamp, ownerReferences, finalizers, spec]);
  return told(before) !== told(after);
}
