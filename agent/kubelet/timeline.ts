/**
 * What happened to a pod, step by step with durations: the material of `explain`, `describe` and the live view of a start.
 * Kept in memory for the pods of this node; bounded per pod and in the number of pods.
 */
import type { Clock } from '#base/clock.ts';

export interface Step {
  readonly step: string;
  readonly container?: string;
  readonly startedAtMs: number;
  /** undefined: still under way. */
  tookMs?: number;
  detail?: string;
  failed?: boolean;
}

const STEPS_PER_POD = 100;
const PODS = 500;

export class Timeline {
  readonly #clock: Clock;
  readonly #onDone: (pod: string, step: Step) => void;
  readonly #pods = new Map<string, Step[]>();

  /** onDone: told of each step that ended, for metrics. */
  constructor(clock: Clock, onDone: (pod: string, step: Step) => void = () => undefined) {
    this.#clock = clock;
    this.#onDone = onDone;
  }

  /** Runs work and records it. The detail may be added from its result. */
  async step<T>(
    pod: string,
    what: { readonly step: string; readonly container?: string },
    work: () => Promise<T>,
    detail?: (result: T) => string,
  ): Promise<T> {
    const startedMs = this.#clock.monotonicMs();
    const step: Step = { ...what, startedAtMs: this.#clock.nowMs() };
    this.#add(pod, step);
    try {
      const result = await work();
      if (detail !== undefined) step.detail = detail(result);
      return result;
    } catch (err) {
      step.failed = true;
      step.detail = err instanceof Error ? err.message : String(err);
      throw err;
    } finally {
      step.tookMs = Math.round((this.#clock.monotonicMs() - startedMs) * 10) / 10;
      this.#onDone(pod, step);
    }
  }

  of(pod: string): readonly Step[] {
    return this.#pods.get(pod) ?? [];
  }

  forget(pod: string): void {
    this.#pods.delete(pod);
  }

  #add(pod: string, step: Step): void {
    const steps = this.#pods.get(pod) ?? [];
    if (steps.length === 0) {
      this.#pods.set(pod, steps);
      for (const oldest of this.#pods.keys()) {
        if (this.#pods.size <= PODS) break;
        this.#pods.delete(oldest);
      }
    }
    steps.push(step);
    if (steps.length > STEPS_PER_POD) steps.splice(0, steps.length - STEPS_PER_POD);
  }
}
