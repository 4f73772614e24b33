/**
 * Looks at what the node has left, now and then and more often when it gets short, and does what decide.ts says: removes what nobody
 * needs, ends one pod, looks again. Evicted static pods may come back when the condition is over.
 *
 * Differs: upstream leaves an evicted pod to whoever made it; on a node without an API server nobody else would bring it back. And Node
 * cannot wait for the kernel's pressure notifications (they come as POLLPRI), so the distance to the threshold sets the pace instead.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { EventLog } from '../events.ts';
import type { Fates } from '../pods/fates.ts';
import { decide, DISK, NO_MEMORY, RESOURCE, type Candidate, type Condition, type Memory, type Readings } from './decide.ts';
import type { Observed } from './observe.ts';
import { amountOf, type Signal, type Threshold } from './thresholds.ts';

export interface EvictorDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventLog;
  readonly fates: Fates;
  /** May change while it runs. */
  readonly settings: () => { readonly thresholds: readonly Threshold[]; readonly transitionMs: number; readonly maxGraceMs: number };
  readonly read: () => Promise<Observed>;
  /** Pods that run, with what they use; of the disk only if asked. */
  readonly candidates: (signal: AbortSignal, options: { readonly disk: boolean }) => Promise<readonly Candidate[]>;
  readonly podOf: (uid: string) => { readonly key: string; readonly pod: Pod } | undefined;
  /** Removes images nobody uses. */
  readonly reclaim: (signal: AbortSignal) => Promise<void>;
  readonly onPod: (key: string) => void;
  readonly onConditions: () => void;
  readonly onEvicted?: (signal: Signal) => void;
  /** Told at each look at which something has to be reclaimed. */
  readonly onShort?: (resource: string) => void;
}

const EVERY_MS = 10_000;
/** When a signal is within this factor of its threshold. */
const NEAR = 2;
const EVERY_WHEN_NEAR_MS = 1_000;
/** After an eviction: the pod has to end before anybody else is blamed. */
const AFTER_EVICTION_MS = 30_000;

export class Evictor {
  readonly #deps: EvictorDeps;
  #memory: Memory = NO_MEMORY;
  #conditions: ReadonlySet<Condition> = new Set();
  #reclaimed = false;

  constructor(deps: EvictorDeps) {
    this.#deps = deps;
  }

  /** Those that hold now. */
  conditions(): ReadonlySet<Condition> {
    return this.#conditions;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, settings } = this.#deps;
    while (!signal.aborted) {
      let waitMs = EVERY_MS;
      try {
        if (settings().thresholds.length > 0 || this.#conditions.size > 0) waitMs = await this.look(signal);
      } catch (err) {
        if (signal.aborted) return;
        log.warn('Cannot find out what the node has left', { err });
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  /** One look, and at most one pod. Returns when to look again. */
  async look(signal: AbortSignal): Promise<number> {
    const { clock, read, candidates } = this.#deps;
    const { thresholds, transitionMs, maxGraceMs } = this.#deps.settings();
    const { readings, imagesApart } = await read();
    const near = thresholds.filter((t) => isNear(t, readings));
    const verdict = decide({
      thresholds,
      readings,
      // To measure the disk takes long: only when it is about the disk.
      candidates: near.length > 0 ? await candidates(signal, { disk: near.some((t) => DISK.has(t.signal)) }) : [],
      memory: this.#memory,
      nowMs: clock.nowMs(),
      transitionMs,
      maxGraceMs,
      reclaimed: this.#reclaimed,
      imagesApart,
    });
    this.#memory = verdict.memory;
    this.#turn(verdict.conditions, readings);
    if (verdict.short !== undefined) this.#deps.onShort?.(RESOURCE[verdict.short]);
    if (verdict.reclaim) {
      await this.#deps.reclaim(signal);
      this.#reclaimed = true;
      return 0;
    }
    if (!this.#conditions.has('DiskPressure')) this.#reclaimed = false;
    if (verdict.evict === undefined) return near.length > 0 ? EVERY_WHEN_NEAR_MS : EVERY_MS;
    return (await this.#evict(verdict.evict, signal)) ? 0 : EVERY_WHEN_NEAR_MS;
  }

  /** True: the pod ended. */
  async #evict(
    { uid, message, graceMs, signal: low }: { uid: string; message: string; graceMs: number; signal: Signal },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { fates, events, log, podOf, onPod, clock, candidates } = this.#deps;
    const found = podOf(uid);
    if (found === undefined) return false;
    fates.set(uid, { why: 'evicted', reason: 'Evicted', message, graceMs, disruption: 'TerminationByKubelet' });
    events.record(found.pod, 'Warning', 'Evicted', message);
    log.warn('Evicted pod', { pod: found.key, uid, signal: low, graceMs, why: message.trim() });
    onPod(found.key);
    this.#deps.onEvicted?.(low);
    const endMs = clock.monotonicMs() + Math.max(AFTER_EVICTION_MS, graceMs);
    while (clock.monotonicMs() < endMs) {
      await clock.sleep(EVERY_WHEN_NEAR_MS, signal);
      if (!(await candidates(signal, { disk: false })).some((c) => c.uid === uid)) return true;
    }
    return false;
  }

  #turn(now: ReadonlySet<Condition>, readings: Readings): void {
    const { log, fates, podOf, onPod, onConditions } = this.#deps;
    const before = this.#conditions;
    this.#conditions = now;
    const begun = [...now].filter((c) => !before.has(c));
    const over = [...before].filter((c) => !now.has(c));
    const left = Object.fromEntries([...readings].map(([signal, r]) => [signal, Math.floor(r.available)]));
    for (const condition of begun) log.warn('Node is short of something', { condition, ...left });
    for (const condition of over) log.info('Node has enough again', { condition, ...left });
    if (now.size === 0) {
      for (const uid of fates.endedBy('evicted')) {
        fates.clear(uid);
        const found = podOf(uid);
        if (found !== undefined) onPod(found.key);
      }
    }
    if (begun.length + over.length > 0) onConditions();
  }
}

function isNear(t: Threshold, readings: Readings): boolean {
  const reading = readings.get(t.signal);
  return reading !== undefined && reading.available < NEAR * amountOf(t.value, reading.capacity);
}
