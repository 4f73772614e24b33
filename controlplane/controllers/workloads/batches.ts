/**
 * Does many things of one kind in batches of 1, 2, 4, 8 ...: what fails for all is tried once and not a hundred times.
 * Throws the first failure, after its batch is over; no further batch begins.
 * Source: upstream's controllers, which make pods so.
 */
export async function slowStart<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  let size = 1;
  for (let done = 0; done < items.length; size *= 2) {
    const batch = items.slice(done, done + size);
    done += batch.length;
    await allOf(batch.map(run));
  }
}

/** All at once; throws the first failure after the last is over. */
export async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
