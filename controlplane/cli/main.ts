/** The kijabi command: finds the sub-command, gives it its surroundings, turns what it throws into one line and an exit code. */
import { SystemClock } from '#base/clock.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { VERSION } from '#base/version.ts';
import { COMMANDS, nearest, usage } from './commands.ts';
import type { Io } from './io.ts';

const MISTYPED = 2;
/** npm passes the terminal's Ctrl-C on, so that one keypress arrives twice. */
const SAME_KEYPRESS_MS = 500;

export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    (name === undefined ? io.err : io.out)(usage());
    return name === undefined ? MISTYPED : 0;
  }
  if (name === '--version' || name === 'version') return (io.out(`kijabi ${VERSION}\n`), 0);
  const entry = COMMANDS.find((command) => command.name === name);
  if (entry === undefined) {
    const names = COMMANDS.map((command) => command.name);
    const meant = nearest(name, names);
    io.err(
      `kijabi: unknown command ${JSON.stringify(name)}: ${meant === undefined ? 'kijabi --help lists them' : `did you mean ${meant}?`}\n`,
    );
    return MISTYPED;
  }
  try {
    return await (
      await entry.load()
    )(rest, io);
  } catch (err) {
    return complain(name, err, io);
  }
}

function complain(name: string, err: unknown, io: Io): number {
  const code = codeOf(err);
  if (code === 'USAGE' || code?.startsWith('ERR_PARSE_ARGS') === true) {
    const [text] = explain(err).split('. To specify a positional');
    io.err(`kijabi ${name}: ${text}${code === 'USAGE' ? '' : `; kijabi ${name} --help lists the flags`}\n`);
    return MISTYPED;
  }
  // Ctrl-C is an answer, not a failure to explain.
  if (io.signal.aborted && (err === io.signal.reason || code === 'ABORT_ERR')) return 130;
  io.err(`kijabi ${name}: ${explain(err)}${code === undefined ? '' : ` (${code})`}\n`);
  if (!(err instanceof AppError) && err instanceof Error && io.env['KIJABI_DEBUG'] !== undefined) io.err(`${err.stack}\n`);
  return 1;
}

function surroundings(): Io {
  const clock = new SystemClock();
  const [stop, hurry] = [new AbortController(), new AbortController()];
  let firstMs = 0;
  const onSignal = (name: NodeJS.Signals): void => {
    if (!stop.signal.aborted) {
      firstMs = clock.monotonicMs();
      stop.abort(new AppError('INTERRUPTED', `Stopped by ${name}`));
    } else if (clock.monotonicMs() - firstMs > SAME_KEYPRESS_MS) {
      hurry.abort(new AppError('INTERRUPTED', `Stopped by a second ${name}`));
    }
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  // `kijabi get pods | head` ends us by closing the pipe: that is no error.
  process.stdout.on('error', (err) => {
    if (codeOf(err) === 'EPIPE') process.exit(0);
  });
  process.stderr.on('error', () => undefined);
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    env: process.env,
    clock,
    signal: stop.signal,
    hurry: hurry.signal,
    columns: { out: widthOf(process.stdout), err: widthOf(process.stderr) },
  };
}

/** A terminal that does not know its width has 80 columns. */
function widthOf(stream: NodeJS.WriteStream): number | undefined {
  return stream.isTTY ? stream.columns || 80 : undefined;
}

if (import.meta.main) process.exitCode = await runCli(process.argv.slice(2), surroundings());
