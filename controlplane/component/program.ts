/**
 * A program of the control plane: how it reads its command line and what it does. main.ts of each gives one; it runs alone, or beside others
 * in one process.
 */
import { SystemClock } from '#base/clock.ts';
import { explain } from '#base/errors.ts';
import { runDaemon, type DaemonContext } from '#base/lifecycle.ts';
import { makeDaemonLogger } from '#base/log.ts';
import { RELEASE } from '#base/version.ts';
import { startWarm } from '#base/warmStart.ts';
import { parseFlags, usage, type FlagValues, type ProgramFlags } from './flags.ts';

export interface Program<S extends { readonly verbosity: number } = { readonly verbosity: number }> {
  readonly flags: ProgramFlags;
  /** Throws AppError SETTINGS_INVALID. */
  settings(values: FlagValues): S;
  /** Resolves when the signal aborts and everything has ended. */
  run(settings: S, ctx: DaemonContext): Promise<void>;
  /** Modules that it may load one day. */
  readonly later?: readonly (() => Promise<unknown>)[];
}

export type Begun =
  | { readonly kind: 'end'; readonly code: number }
  | { readonly kind: 'run'; readonly verbosity: number; readonly run: (ctx: DaemonContext) => Promise<void> };

/** Reads the command line; --help, --version and what is wrong with it are answered at once. */
export function begin<S extends { readonly verbosity: number }>(program: Program<S>, argv: readonly string[]): Begun {
  try {
    const { help, version, values } = parseFlags(program.flags, argv);
    if (help) return (process.stdout.write(usage(program.flags)), { kind: 'end', code: 0 });
    if (version) return (process.stdout.write(`Kubernetes ${RELEASE}\n`), { kind: 'end', code: 0 });
    const settings = program.settings(values);
    return { kind: 'run', verbosity: settings.verbosity, run: (ctx) => program.run(settings, ctx) };
  } catch (err) {
    process.stderr.write(`${program.flags.program}: ${explain(err)}\n`);
    return { kind: 'end', code: 1 };
  }
}

/** Resolves with the exit code. */
export async function runProgram<S extends { readonly verbosity: number }>(program: Program<S>, argv: readonly string[]): Promise<number> {
  const begun = begin(program, argv);
  if (begun.kind === 'end') return begun.code;
  await startWarm(program.later);
  const { program: name } = program.flags;
  const clock = new SystemClock();
  return runDaemon({ name, log: makeDaemonLogger(clock, begun.verbosity >= 4 ? 'debug' : 'info', name), clock, run: begun.run });
}
