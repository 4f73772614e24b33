/**
 * `kijabi start --detach` and `kijabi up --detach`: the node is run by a process of its own, which reports to us until its pod serves. It is in a session of
 * its own, so that neither Ctrl-C nor the end of the terminal reaches it.
 */
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import type { Progress, Report } from '#agent/host/progress.ts';
import { identify, signalProcess } from '#agent/linux/proc.ts';
import type { Io } from './io.ts';

const REPORT_FD = 3;

/** argv: with the name of the command. */
export async function detach(argv: readonly string[], report: Report, io: Io): Promise<number> {
  const main = new URL('main.ts', import.meta.url).pathname;
  const args = [...process.execArgv, main, ...argv, '--report-fd', String(REPORT_FD)];
  const child = execa(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    cwd: '/',
  });
  const id = identify(child.pid ?? 0);
  const stop = (): void => void signalProcess(id, 'SIGTERM');
  io.signal.addEventListener('abort', stop, { once: true });
  const pipe = child.stdio[REPORT_FD];
  try {
    for await (const line of createInterface({ input: pipe })) {
      const progress = JSON.parse(line) as Progress;
      report(progress);
      if (progress.kind === 'serving') return 0;
    }
  } finally {
    io.signal.removeEventListener('abort', stop);
    pipe.destroy();
    child.nodeChildProcess.unref();
  }
  // The pipe ended without a word of success: it failed and said so, or it was stopped, or it was killed.
  const { exitCode, signal } = await child;
  if (exitCode === undefined) {
    const message = `The process that runs the node was ended by ${signal}: kijabi down removes what it left`;
    report({ kind: 'failed', failure: { code: 'NODE_START', message, next: 'kijabi down' } });
  }
  return exitCode ?? 1;
}
