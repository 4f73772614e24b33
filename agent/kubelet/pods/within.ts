/** Work that has to be done in a time. Not pure: it waits on the clock. */
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';

export interface Limit {
  readonly ms: number;
  /** What is said when it took too long. */
  readonly late: () => string;
  readonly signal: AbortSignal;
}

/** Throws AppError PROBE_FAILED when it took too long, whatever the work threw, or the reason of signal. */
export async function within<T>(clock: Clock, { ms, late, signal }: Limit, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const done = new AbortController();
  const tooLate = new AbortController();
  const timer = clock.sleep(ms, AbortSignal.any([done.signal, signal])).then(
    () => tooLate.abort(new AppError('PROBE_FAILED', late())),
    () => undefined,
  );
  try {
    return await work(AbortSignal.any([signal, tooLate.signal]));
  } finally {
    done.abort();
    await timer;
  }
}
