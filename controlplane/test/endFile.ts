/**
 * Loaded before every test file of the gate: a file that does not end (a failed assertion before the line that stops what the test
 * started) says what still holds it and ends as failed. Without it the whole gate waits for that one file until somebody ends the gate.
 *
 * `KIJABI_TEST_FILE_MINUTES` is how long a file may take; it is far more than the slowest needs on a busy machine.
 */
import { getActiveResourcesInfo } from 'node:process';

// The runner itself has the module loaded too, and runs as long as all files together.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  const minutes = Number(process.env['KIJABI_TEST_FILE_MINUTES'] ?? 10);
  setTimeout(() => {
    process.stderr.write(
      `${process.argv[1] ?? ''} has not ended after ${minutes} minutes, held by: ${getActiveResourcesInfo().join(', ')}\n`,
    );
    process.exit(1);
  }, minutes * 60_000).unref();
}
