/**
 * How every daemon of ours starts and stops: one AbortSignal from main down, SIGTERM and SIGINT abort it, a second one
 * ends the process at once; systemd is told about READY, the watchdog and STOPPING; a bug that escapes every loop ends
 * the process with exit code 1, so that systemd starts it again and the loops start from the truth.
 */
import { getHeapStatistics } from 'node:v8';
import { SystemClock, type Clock } from '#base/clock.ts';
import { AppError, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { NOTIFY_VARIABLES, openNotifier, type Notifier } from '#base/sdNotify.ts';

export interface DaemonContext {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly notify: Notifier;
  /** Ends the daemon with exit code 1 because of err. */
  fail(err: unknown): void;
}

export interface DaemonOptions {
  readonly name: string;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Resolves when everything has stopped. */
  readonly run: (ctx: DaemonContext) => Promise<void>;
}

/** Resolves with the exit code; never rejects. */
export async function runDaemon({ name, log, clock = new SystemClock(), run }: DaemonOptions): Promise<number> {
  const stop = new AbortController();
  let failure: unknown;
  const fail = (err: unknown): void => {
    failure ??= err;
    stop.abort(err);
  };
  const onSignal = (signalName: NodeJS.Signals): void => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort(new AppError('STOPPING', `${name} got ${signalName}`));
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process.on('uncaughtException', fail).on('unhandledRejection', fail);
  const notify = await openNotifier(process.env, process.pid, (err) => log.warn('Cannot notify systemd', { err }));
  // What we start is not to speak for us: systemd would refuse it, in a line of the journal each time.
  for (const name of NOTIFY_VARIABLES) delete process.env[name];
  stop.signal.addEventListener('abort', () => notify.send({ STOPPING: 1 }), { once: true });
  void feedWatchdog(notify, clock, stop.signal);
  void returnMemory(clock, stop.signal);
  try {
    await run({ clock, log, signal: stop.signal, notify, fail });
  } catch (err) {
    if (!stop.signal.aborted) fail(err); // what was started already stops too
  }
  if (failure === undefined) return 0;
  log.error(`${name} stopped because of an error`, { err: failure });
  if (failure instanceof Error && !(failure instanceof AppError)) log.debug('Stack', { stack: failure.stack ?? explain(failure) });
  return 1;
}

/** A blocked event loop misses its turn, and systemd starts the daemon again. */
async function feedWatchdog(notify: Notifier, clock: Clock, signal: AbortSignal): Promise<void> {
  const everyMs = notify.watchdogMs;
  if (everyMs === undefined) return;
  while (!signal.aborted) {
    notify.send({ WATCHDOG: 1 });
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}

const MEMORY_LOOK_MS = 10_000;
const HEAP_GROWTH_BYTES = 2 << 20;
/** What an idle daemon allocates between two looks is less. */
const QUIET_BYTES = 8 << 20;

/**
 * Gives back what a burst of work left in the heap: V8 by itself keeps it for as long as nothing happens, which on an idle node is for ever.
 * Costs some 100 ms of CPU, only after growth and when the burst is over; without --expose-gc it does nothing.
 */
async function returnMemory(clock: Clock, signal: AbortSignal): Promise<void> {
  const { gc } = globalThis;
  if (gc === undefined) return;
  const trim = await mallocTrim();
  let keptBytes = 0;
  let allocatedBytes = 0;
  while (!signal.aborted) {
    await clock.sleep(MEMORY_LOOK_MS, signal).catch(() => undefined);
    const heap = getHeapStatistics();
    const isQuiet = heap.total_allocated_bytes - allocatedBytes < QUIET_BYTES;
    allocatedBytes = heap.total_allocated_bytes;
    if (signal.aborted || !isQuiet || heap.total_heap_size < keptBytes + HEAP_GROWTH_BYTES) continue;
    await gc({ type: 'major', execution: 'async', flavor: 'last-resort' });
    keptBytes = getHeapStatistics().total_heap_size;
    trim();
  }
}

/** Gives back what malloc keeps between what is in use; nothing where the C library cannot. */
async function mallocTrim(): Promise<() => void> {
  try {
    const { dlopen } = await import('node:ffi');
    const { functions: libc } = dlopen(null, { malloc_trim: { arguments: ['u64'], return: 'i32' } });
    return () => void libc.malloc_trim(0n);
  } catch {
    return () => undefined;
  }
}
