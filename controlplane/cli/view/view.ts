/**
 * Shows the progress of a node: as plain lines, or on a terminal with the steps under way rewritten in place.
 *
 * What is finished is printed once and stays; below it, on a terminal only, stands what goes on, and is drawn anew at each change.
 */
import type { TimelineStep } from '#agent/host/kubeletClient.ts';
import { CACHE_DIR } from '#agent/host/paths.ts';
import type { PodView, Progress, StepName } from '#agent/host/progress.ts';
import type { Clock } from '#base/clock.ts';
import { podStepKey, podStepLine, servingText, stepLine } from './format.ts';

export interface ViewOptions {
  readonly write: (text: string) => void;
  readonly clock: Clock;
  /** Width of the terminal; undefined: it is none. */
  readonly columns: number | undefined;
}

interface Going {
  readonly startedMs: number;
  text: string;
}

/** Without a terminal a long step says this often how far it is. */
const PLAIN_EVERY_MS = 3_000;
const CLEAR_BELOW = '\u001B[J';

export class View {
  readonly #write: (text: string) => void;
  readonly #clock: Clock;
  readonly #columns: number | undefined;
  readonly #going = new Map<StepName, Going>();
  readonly #printedSteps = new Set<string>();
  #views: readonly PodView[] = [];
  #drawnLines = 0;
  #saidAtMs: number;

  constructor({ write, clock, columns }: ViewOptions) {
    this.#write = write;
    this.#clock = clock;
    this.#columns = columns;
    this.#saidAtMs = clock.monotonicMs();
  }

  show(progress: Progress): void {
    const lines = this.#take(progress);
    this.#print(lines);
  }

  /** Draws what goes on again, for the running times. */
  tick(): void {
    this.#print([]);
  }

  /** Takes progress in; returns the lines that are final. */
  #take(progress: Progress): string[] {
    const nowMs = this.#clock.monotonicMs();
    switch (progress.kind) {
      case 'begun':
        this.#going.set(progress.step, { startedMs: nowMs, text: progress.text });
        return [];
      case 'going':
        return this.#goOn(progress.step, progress.text, nowMs);
      case 'done': {
        this.#going.delete(progress.step);
        const inside = progress.step === 'pod' ? this.#finishedSteps() : [];
        return [...inside, stepLine(progress.step, '✓', progress.text, progress.tookMs)];
      }
      case 'pods':
        this.#views = progress.views;
        // On a terminal they are shown below while they go on, and printed when the pod is there.
        return this.#columns === undefined ? this.#finishedSteps() : [];
      case 'note':
        return [`      ${progress.text}`];
      case 'warning':
        return [`    ! ${progress.text}`];
      case 'change':
        return [`${this.#time()} ${progress.pod}: ${progress.text}`];
      case 'serving':
        this.#going.clear();
        return ['', ...servingText(progress.serving, this.#clock.nowMs()).split('\n')];
      case 'failed': {
        const [unfinished] = this.#going.keys();
        this.#going.clear();
        return [...(unfinished === undefined ? [] : [...this.#finishedSteps(), stepLine(unfinished, '✗', 'failed')]), ''];
      }
      case 'stopped':
        this.#going.clear();
        return ['Stopped; nothing is left behind'];
      case 'ended':
        this.#going.clear();
        return [`Removed every trace of the node in ${Math.round(progress.tookMs)} ms; packages and images stay (${CACHE_DIR})`];
      default:
        return progress satisfies never;
    }
  }

  #goOn(step: StepName, text: string, nowMs: number): string[] {
    const going = this.#going.get(step);
    if (going === undefined) return [];
    going.text = text;
    if (this.#columns !== undefined || nowMs - this.#saidAtMs < PLAIN_EVERY_MS) return [];
    this.#saidAtMs = nowMs;
    return [stepLine(step, '…', text, nowMs - going.startedMs)];
  }

  /** Lines of the pods' steps that have ended and were not printed yet. */
  #finishedSteps(): string[] {
    return this.#podSteps()
      .filter(([key, step]) => step.tookMs !== undefined && !this.#printedSteps.has(key))
      .map(([key, step, pod]) => {
        this.#printedSteps.add(key);
        return podStepLine(step, pod);
      });
  }

  #podSteps(): [key: string, step: TimelineStep, pod: string | undefined][] {
    return this.#views.flatMap((view) => {
      const pod = this.#views.length > 1 ? view.pod.metadata.name : undefined;
      return view.steps.map((step): [string, TimelineStep, string | undefined] => [podStepKey(view, step), step, pod]);
    });
  }

  #time(): string {
    return new Date(this.#clock.nowMs()).toTimeString().slice(0, 8);
  }

  #print(lines: readonly string[]): void {
    const below = this.#columns === undefined ? [] : this.#below(this.#columns);
    if (lines.length === 0 && below.length === 0 && this.#drawnLines === 0) return;
    const up = this.#drawnLines === 0 ? '' : `\u001B[${this.#drawnLines}A\r${CLEAR_BELOW}`;
    this.#drawnLines = below.length;
    this.#write(`${up}${[...lines, ...below].map((line) => `${line}\n`).join('')}`);
  }

  /** Never wider than the terminal: a wrapped line could not be taken back. */
  #below(columns: number): string[] {
    const nowMs = this.#clock.monotonicMs();
    const steps = [...this.#going].flatMap(([step, { startedMs, text }]) => [
      ...(step === 'pod' ? this.#podSteps().map(([, podStep, pod]) => podStepLine(podStep, pod)) : []),
      stepLine(step, '…', text, nowMs - startedMs),
    ]);
    return steps.map((line) => line.slice(0, columns - 1));
  }
}

/** Redraws until the signal aborts. */
export async function keepDrawing(view: View, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    view.tick();
    await clock.sleep(80, signal).catch(() => undefined);
  }
}
