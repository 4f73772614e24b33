/**
 * Like Promise.all, but a failure is passed on only when all of them have ended: nothing may still be at work on what is then removed.
 * Of several failures it is the first of the list.
 */
export async function allEnded<T extends readonly Promise<unknown>[] | []>(work: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
