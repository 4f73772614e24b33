/**
 * Processes as /proc shows them. A process is named by its id and its start time, because ids are used again:
 * nothing here signals a process that only happens to have the id of one we knew.
 *
 * Units: startTicks are clock ticks since boot (field 22 of /proc/PID/stat), compared and never converted.
 * Source: proc_pid_stat(5): the command name is in parentheses and may itself hold spaces and parentheses.
 */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';

export interface ProcessId {
  readonly pid: number;
  readonly startTicks: number;
}

export interface ProcessInfo extends ProcessId {
  readonly command: string;
  readonly parent: number;
  /** Z: ended, its parent has not asked yet. */
  readonly state: string;
}

/** Pure: one line of /proc/PID/stat. */
export function parseStat(text: string): ProcessInfo | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const rest = text.slice(close + 2).split(' ');
  const pid = Number(text.slice(0, open).trim());
  const startTicks = Number(rest[19]);
  if (open < 0 || close < open || !Number.isInteger(pid) || !Number.isInteger(startTicks)) return undefined;
  return { pid, startTicks, command: text.slice(open + 1, close), state: rest[0] ?? '', parent: Number(rest[1]) };
}

/** undefined: there is no such process (any more). */
export function look(pid: number): ProcessInfo | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (err) {
    if (codeOf(err) === 'ENOENT' || codeOf(err) === 'ESRCH') return undefined;
    throw err;
  }
}

/** The identity to write down for a process just started. A zombie still has one. */
export function identify(pid: number): ProcessId {
  const info = look(pid);
  if (info === undefined) throw new AppError('PROCESS_GONE', `Process ${pid} ended before it could be recorded`);
  return { pid, startTicks: info.startTicks };
}

export function isRunning(id: ProcessId): boolean {
  const info = look(id.pid);
  return info !== undefined && info.startTicks === id.startTicks && info.state !== 'Z' && info.state !== 'X';
}

/** Sends the signal only if the process is still the one meant. False: it is gone. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isRunning(id)) return false;
  try {
    return process.kill(id.pid, signal);
  } catch (err) {
    if (codeOf(err) === 'ESRCH') return false;
    throw new AppError('PROCESS_SIGNAL', `Cannot send ${signal} to process ${id.pid}`, { pid: id.pid }, err);
  }
}

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Those of ids that still run when the time is up; empty when all are gone. */
export async function waitGone(ids: readonly ProcessId[], { clock, timeoutMs, signal }: WaitOptions): Promise<ProcessId[]> {
  const untilMs = clock.monotonicMs() + timeoutMs;
  let left = ids.filter(isRunning);
  while (left.length > 0 && clock.monotonicMs() < untilMs) {
    await clock.sleep(10, signal);
    left = left.filter(isRunning);
  }
  return left;
}

export function allProcesses(): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => look(Number(name)) ?? []);
}

/** "net:[4026531840]": equal for two processes in the same namespace. undefined: gone, or not ours to look at. */
export function namespaceOf(pid: number, kind: 'net' | 'mnt'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

/** Changes at every boot: what was recorded before it names no process of today. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** How much the kernel spares this process when memory is short. Lowering it takes CAP_SYS_RESOURCE. */
export function setOwnOomScore(score: number): void {
  writeFileSync('/proc/self/oom_score_adj', String(score));
}
