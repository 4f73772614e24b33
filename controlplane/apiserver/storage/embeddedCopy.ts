/** A snapshot of an embedded store whose process may be running: LMDB lets a second process read one state while the first writes. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LmdbFile } from './embedded/database.ts';
import { DATA_FILE } from './embedded/files.ts';
import { readState } from './embedded/reads.ts';
import { StoreError } from './errors.ts';
import { sealSnapshot } from './snapshot.ts';

export async function copyOfEmbedded(dir: string, file: string, signal: AbortSignal): Promise<void> {
  const data = join(dir, DATA_FILE);
  const there = await stat(data).catch(() => undefined);
  // LMDB would make an empty one.
  if (there === undefined || there.size === 0) {
    throw new StoreError('STORE_UNAVAILABLE', `Cannot find an embedded store in ${dir}: name the --data-dir of the API server`, {
      facts: { dir },
    });
  }
  const db = new LmdbFile({ file: data, readOnly: true });
  try {
    // Says now what is wrong with it, not when it is restored.
    db.read(() => readState(db));
    await sealSnapshot(file, (copy) => db.copyTo(copy), signal);
  } finally {
    await db.close();
  }
}
