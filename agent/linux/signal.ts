/** Signals by the names of Kubernetes' stopSignal. Source: signal(7); real-time signals count from 34 to 64 with glibc and musl alike. */
import { constants } from 'node:os';
import { kill as send } from 'node:process';

const RT_MIN = 34;
const RT_MAX = 64;

/** undefined: no such signal on this machine. */
export function signalNumber(name: string): number | undefined {
  const rt = /^SIGRT(MIN|MAX)(?:[+-](\d+))?$/.exec(name);
  if (rt !== null) return rt[1] === 'MIN' ? RT_MIN + Number(rt[2] ?? 0) : RT_MAX - Number(rt[2] ?? 0);
  const alias = { SIGCLD: 'SIGCHLD', SIGIOT: 'SIGABRT' }[name] ?? name;
  return (constants.signals as Readonly<Record<string, number>>)[alias];
}

/** False: there is no such process any more. */
export function kill(pid: number, name: string): boolean {
  const number = signalNumber(name);
  if (number === undefined) return false;
  try {
    return send(pid, number);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw err;
  }
}
