/**
 * Keeps one long-running program of a node alive: recorded the moment it runs, started again when it ends, later each time.
 * Stopping the supervision leaves the program running; who removes the node ends it.
 */
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { spawnDaemon, type Daemon, type ExitStatus } from '../linux/daemon.ts';
import type { Argv } from '../linux/exec.ts';
import { identify, type ProcessId } from '../linux/proc.ts';
import type { Role, StateFile } from './state.ts';

const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;
/** Having run this long, a program is taken to be well, and its next end is the first one again. */
const WELL_AFTER_MS = 60_000;

export interface SuperviseOptions {
  readonly role: Role;
  /** Asked again at each start, because what it names may have changed. */
  readonly argv: () => Argv;
  readonly logFile: string;
  readonly state: StateFile;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** After each start but the first: brings back what ended with the old process. The signal aborts when the new one ends too. */
  readonly onRestart?: (signal: AbortSignal) => Promise<void>;
}

export class Supervised {
  readonly #options: SuperviseOptions;
  readonly #backoff = new Backoff(FIRST_RESTART_MS, LONGEST_RESTART_MS);
  #id: ProcessId;
  #exited: Promise<ExitStatus>;

  private constructor(options: SuperviseOptions, { id, exited }: Started) {
    this.#options = options;
    this.#id = id;
    this.#exited = exited;
  }

  static start(options: SuperviseOptions): Supervised {
    const supervised = new Supervised(options, launch(options));
    void supervised.#watch(); // its failures are logged inside; it ends with the signal
    return supervised;
  }

  get id(): ProcessId {
    return this.#id;
  }

  /** How the process that runs now ends. While starting up, wait for it beside waiting for readiness. */
  get exited(): Promise<ExitStatus> {
    return this.#exited;
  }

  async #watch(): Promise<void> {
    const { clock, log, role, signal } = this.#options;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      const { exitCode, signal: killedBy } = await this.#exited;
      if (signal.aborted) return;
      if (clock.monotonicMs() - startedMs >= WELL_AFTER_MS) this.#backoff.reset(role);
      const retryInMs = this.#backoff.nextMs(role);
      log.warn('Process ended and is started again', { process: role, exitCode, killedBy, retryInMs, logFile: this.#options.logFile });
      await this.#restart(retryInMs);
    }
  }

  async #restart(firstDelayMs: number): Promise<void> {
    const { clock, log, role, signal } = this.#options;
    let delayMs = firstDelayMs;
    while (!signal.aborted) {
      try {
        await clock.sleep(delayMs, signal);
        const started = launch(this.#options);
        this.#id = started.id;
        this.#exited = started.exited;
        break;
      } catch (err) {
        if (signal.aborted) return;
        delayMs = this.#backoff.nextMs(role);
        log.warn('Process cannot be started again', { process: role, retryInMs: delayMs, err });
      }
    }
    await this.#bringBack();
  }

  async #bringBack(): Promise<void> {
    const { log, role, signal, onRestart } = this.#options;
    const ended = new AbortController();
    void this.#exited.then(() => ended.abort());
    try {
      await onRestart?.(AbortSignal.any([signal, ended.signal]));
      log.info('Process runs again', { process: role, pid: this.#id.pid });
    } catch (err) {
      if (!signal.aborted && !ended.signal.aborted) log.warn('Process runs again, but not as before', { process: role, err });
    }
  }
}

interface Started extends Pick<Daemon, 'exited'> {
  readonly id: ProcessId;
}

function launch({ argv, logFile, role, state }: SuperviseOptions): Started {
  const daemon = spawnDaemon(argv(), logFile);
  const id = identify(daemon.pid);
  state.record(role, id);
  return { id, exited: daemon.exited };
}
