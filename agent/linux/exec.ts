/**
 * Runs commands of the host to their end. What outlives us is started by daemon.ts.
 *
 * Units: timeoutMs milliseconds.
 * Throws: EXEC_NOT_FOUND (no such program), EXEC_FAILED (exit code, with the last lines it wrote), EXEC_TIMEOUT, the signal's reason.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { AppError } from '#base/errors.ts';

export interface RunOptions {
  /** Absent only in clean-up, which has to finish. */
  readonly signal?: AbortSignal;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Exit codes that are answers, not failures. */
  readonly okCodes?: readonly number[];
  readonly timeoutMs?: number;
  /** Given each line the program writes to descriptor 3. */
  readonly onStatus?: (line: string) => void;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export type Argv = readonly [program: string, ...args: string[]];

/** Nothing we run to its end takes this long unless it hangs; package installation passes its own limit. */
const DEFAULT_TIMEOUT_MS = 60_000;
const TAIL_LINES = 4;

export async function run(argv: Argv, options: RunOptions = {}): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const [program, ...args] = argv;
  const { execa } = await import('execa'); // 4 MB of memory that a daemon which runs nothing can do without
  const child = execa(program, args, {
    reject: false,
    stdio: [
      options.input === undefined ? 'ignore' : 'pipe',
      'pipe',
      'pipe',
      ...(options.onStatus === undefined ? [] : (['pipe'] as const)),
    ],
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    maxBuffer: 64 << 20,
  });
  if (options.onStatus !== undefined) void eachLine(child.stdio[3], options.onStatus); // ends with the program, whose fate is told below
  const result = await child;
  const { stdout, stderr, exitCode } = result;
  if (exitCode !== undefined && (exitCode === 0 || (options.okCodes ?? []).includes(exitCode))) return { stdout, stderr, exitCode };
  if (result.isCanceled && options.signal?.aborted === true) throw options.signal.reason;
  throw failure(program, args, result);
}

async function eachLine(stream: unknown, onLine: (line: string) => void): Promise<void> {
  try {
    for await (const line of createInterface({ input: stream as Readable })) onLine(line);
  } catch {
    // progress only: a broken pipe here says nothing about the work
  }
}

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly code?: string | undefined;
  readonly timedOut: boolean;
  readonly isCanceled: boolean;
}

function failure(program: string, args: readonly string[], outcome: Outcome): AppError {
  const command = [program, ...args].join(' ').slice(0, 200);
  if (outcome.timedOut) return new AppError('EXEC_TIMEOUT', `${program} did not end in time`, { command });
  if (outcome.code === 'ENOENT') return new AppError('EXEC_NOT_FOUND', `Cannot run ${program}: it is not installed`, { command });
  const tail = lastLines(outcome.stderr) || lastLines(outcome.stdout) || 'it said nothing';
  const how =
    outcome.exitCode === undefined
      ? `was ended by ${outcome.signal ?? outcome.code ?? 'an unknown signal'}`
      : `failed (exit code ${outcome.exitCode})`;
  return new AppError('EXEC_FAILED', `${program} ${how}: ${tail}`, { command, exitCode: outcome.exitCode ?? -1 });
}

function lastLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-TAIL_LINES)
    .join(' | ');
}
