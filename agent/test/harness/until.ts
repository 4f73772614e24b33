/** Waits on a condition. The limit is for tests that would never end; it is no statement about speed. */
const LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 10;
/** How many times longer than usual everything may take: in an emulated machine. */
export const PATIENCE = Number(process.env['KIJABI_TEST_PATIENCE'] ?? 1);

export async function until(what: string, condition: () => boolean | Promise<boolean>, limitMs = LIMIT_MS): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    if (await condition()) return;
    if (performance.now() - startedMs > limitMs * PATIENCE) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
