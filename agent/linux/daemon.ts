/**
 * Starts programs of the host that write straight into a log file and outlive us on purpose: whoever starts one records its identity.
 *
 * Throws: EXEC_NOT_FOUND (no such program).
 */
import { closeSync, openSync } from 'node:fs';
import { execa } from 'execa';
import { AppError } from '#base/errors.ts';
import type { Argv } from './exec.ts';

export interface ExitStatus {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
}

export interface Daemon {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
}

/**
 * Starts a program that lives on when we die, in a process group of its own (Ctrl-C on the terminal is ours to handle).
 * Its output goes to the file without passing through us, so that our death does not break its pipe.
 */
export function spawnDaemon(argv: Argv, logFile: string, env: Readonly<Record<string, string>> = {}): Daemon {
  const [program, ...args] = argv;
  const log = openSync(logFile, 'a', 0o600);
  const fd = log as 1; // execa takes any descriptor; its type names only the standard ones
  try {
    const child = execa(program, args, { stdio: ['ignore', fd, fd], detached: true, cleanup: false, reject: false, buffer: false, env });
    if (child.pid === undefined) throw new AppError('EXEC_NOT_FOUND', `Cannot start ${program}: it is not installed`);
    return { pid: child.pid, exited: child.then(({ exitCode, signal }) => ({ exitCode, signal })) };
  } finally {
    closeSync(log);
  }
}
