/**
 * Tells systemd the line that `systemctl status` shows, when it is another than before, at most once a second. It is looked at when changed()
 * says so, or every lookMs.
 */
import type { Clock } from '#base/clock.ts';

export interface StatusTellerOptions {
  readonly clock: Clock;
  readonly line: () => string;
  readonly tell: (line: string) => void;
  /** Default: only when changed() says so. */
  readonly lookMs?: number;
}

const AT_MOST_EVERY_MS = 1_000;

export class StatusTeller {
  readonly #options: StatusTellerOptions;
  #changed = Promise.withResolvers<void>();

  constructor(options: StatusTellerOptions) {
    this.#options = options;
  }

  /** Something it tells of may be different now. */
  changed(): void {
    this.#changed.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, line, tell, lookMs = AT_MOST_EVERY_MS } = this.#options;
    const looks = this.#options.lookMs !== undefined;
    signal.addEventListener('abort', () => this.changed(), { once: true });
    let told = '';
    while (!signal.aborted) {
      const now = line();
      if (now !== told) tell((told = now));
      await clock.sleep(lookMs, signal).catch(() => undefined);
      if (!looks) await this.#changed.promise;
      this.#changed = Promise.withResolvers();
    }
  }
}

/** "1 pod", "2 pods": for such lines. */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;
