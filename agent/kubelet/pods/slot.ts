/**
 * A place among those that work at once, for so long as that helps: more at once is slower, but whoever hangs (a network plugin that
 * never answers) gives its place to others after a while and goes on beside them.
 */
import type { Clock } from '#base/clock.ts';
import type { Semaphore } from '#base/semaphore.ts';

/** Ten times what a slow start takes. */
const LONGEST_MS = 10_000;

export async function inSlot<T>(slots: Semaphore, clock: Clock, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const result = Promise.withResolvers<T>();
  await slots.run(async () => {
    const ended = Promise.withResolvers<void>();
    const stopTimer = clock.after(LONGEST_MS, ended.resolve);
    work().finally(ended.resolve).then(result.resolve, result.reject);
    await ended.promise.finally(stopTimer);
  }, signal);
  return result.promise;
}
