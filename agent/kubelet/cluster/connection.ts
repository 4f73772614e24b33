/**
 * What is said about the API server: that it cannot be worked with is one line for the whole kubelet, however many parts of it notice, and
 * another one when it can. What concerns one resource alone (Forbidden) is told by who noticed.
 */
import { codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';

/** Trouble of the connection or of who we are: it is the same for everybody. */
const OF_ALL = new Set(['API_UNREACHABLE', 'API_TLS', 'API_DEADLINE', 'API_IDLE', 'Unauthorized', 'CREDENTIALS_UNREADABLE']);

export class Connection {
  readonly #log: Logger;
  readonly #server: string;
  /** What may be wrong with our own credentials. */
  readonly #hint: () => string | undefined;
  #told: string | undefined;

  constructor({ log, server, hint }: { readonly log: Logger; readonly server: string; readonly hint: () => string | undefined }) {
    this.#log = log;
    this.#server = server;
    this.#hint = hint;
  }

  /** Whether it was trouble of all, which is told now if it is another one than before. */
  failed(err: unknown): boolean {
    const code = codeOf(err);
    if (code === undefined || !OF_ALL.has(code)) return false;
    const hint = this.#hint();
    const told = hint ?? code;
    if (this.#told === told) return true;
    this.#told = told;
    this.#log.warn('Cannot work with the API server, pods go on as they are', {
      server: this.#server,
      ...(hint === undefined ? {} : { because: hint }),
      err,
    });
    return true;
  }

  reached(): void {
    if (this.#told === undefined) return;
    this.#told = undefined;
    this.#log.info('Works with the API server again', { server: this.#server });
  }

  /** A log for parts that tell of trouble by themselves. */
  logFor(log: Logger = this.#log): Logger {
    return {
      error: (text, facts) => log.error(text, facts),
      warn: (text, facts) => {
        if (!this.failed(facts?.['err'])) log.warn(text, facts);
      },
      info: (text, facts) => (text === 'Following the API server again' ? this.reached() : log.info(text, facts)),
      debug: (text, facts) => log.debug(text, facts),
      with: (facts) => this.logFor(log.with(facts)),
    };
  }
}
