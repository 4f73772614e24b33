/** Tells systemd the line that `systemctl status` shows, when it is another than before. */
import type { Clock } from '#base/clock.ts';
import type { Notifier } from '#base/sdNotify.ts';

interface Telling {
  readonly clock: Clock;
  readonly line: () => string;
}

const LOOK_EVERY_MS = 5_000;
const AT_MOST_EVERY_MS = 1_000;

/** Looks at the line by itself, until the signal aborts. */
export async function tellStatus({ clock, line, notify }: Telling & { readonly notify: Pick<Notifier, 'send'> }, signal: AbortSignal) {
  let told = '';
  while (!signal.aborted) {
    const STATUS = line();
    if (STATUS !== told) notify.send({ STATUS });
    told = STATUS;
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}

/** Looks at the line when changed() says so, at most once a second. */
export class StatusTeller {
  readonly #options: Telling & { readonly tell: (line: string) => void };
  #changed = Promise.withResolvers<void>();

  constructor(options: Telling & { readonly tell: (line: string) => void }) {
    this.#options = options;
  }

  /** Something it tells of may be different now. */
  changed(): void {
    this.#changed.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, line, tell } = this.#options;
    signal.addEventListener('abort', () => this.changed(), { once: true });
    let told = '';
    while (!signal.aborted) {
      const now = line();
      if (now !== told) tell((told = now));
      await clock.sleep(AT_MOST_EVERY_MS, signal).catch(() => undefined);
      await this.#changed.promise;
      this.#changed = Promise.withResolvers();
    }
  }
}

/** "1 pod", "2 pods": for such lines. */
export const count = (n: number, noun: string, plural = `${noun}s`): string => `${n} ${n === 1 ? noun : plural}`;
