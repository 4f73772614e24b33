/** The steps of a start: run, timed, reported. */
import type { Clock } from '#base/clock.ts';
import type { Report, StepName } from './progress.ts';

/** What a step gives to the next ones, and what it says to people when it is done. */
export interface Told<T> {
  readonly value: T;
  readonly text: string;
}

/** Runs, times and reports the steps. */
export class Steps {
  readonly took: Record<string, number> = {};
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #startedMs: number;

  constructor(clock: Clock, report: Report) {
    this.#clock = clock;
    this.#report = report;
    this.#startedMs = clock.monotonicMs();
  }

  get totalMs(): number {
    return round(this.#clock.monotonicMs() - this.#startedMs);
  }

  async step<T>(step: StepName, text: string, work: (going: (text: string) => void) => Promise<Told<T>>): Promise<T> {
    const startedMs = this.#clock.monotonicMs();
    this.#report({ kind: 'begun', step, text });
    const told = await work((now) => this.#report({ kind: 'going', step, text: now }));
    const tookMs = round(this.#clock.monotonicMs() - startedMs);
    this.took[step] = tookMs;
    this.#report({ kind: 'done', step, text: told.text, tookMs });
    return told.value;
  }
}

export const round = (ms: number): number => Math.round(ms * 10) / 10;
