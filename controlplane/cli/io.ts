/** What a command may touch of its surroundings; main.ts passes the real ones, tests their own. */
import type { Clock } from '#base/clock.ts';

export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Aborted by the second Ctrl-C: stop waiting for anybody while cleaning up. */
  readonly hurry: AbortSignal;
  /** Widths of the terminals that stdout and stderr are; undefined: it is none. */
  readonly columns: { readonly out: number | undefined; readonly err: number | undefined };
}

/** Runs a command and answers with its exit code: 0 done, 1 it failed, 2 it was called wrongly. */
export type Command = (argv: readonly string[], io: Io) => Promise<number>;
