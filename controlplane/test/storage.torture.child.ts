/**
 * One life of the torture test: opens the store and writes until it is killed. Each writer owns two keys and goes through a fixed
 * sequence of states, so that what must be there after any number of steps is known without asking it. Before a step it says
 * nothing; after the store has acknowledged it, it says "<writer> <step> <revision>".
 * Arguments: directory, writers, value bytes.
 */
import { writeSync } from 'node:fs';
import { SystemClock } from '#base/clock.ts';
import { EmbeddedStore } from '../apiserver/storage/embedded.ts';
import { runWriter, stepsDone } from './storage.torture.steps.ts';

const [dir = '', writers = '8'] = process.argv.slice(2);
const clock = new SystemClock();
const store = await EmbeddedStore.open({ dir, history: { keepMs: 0 } });
writeSync(1, 'open\n');
const compacting = async (): Promise<never> => {
  for (;;) {
    await store.compact(await store.revision());
    await clock.sleep(10, new AbortController().signal);
  }
};
await Promise.all([
  ...Array.from({ length: Number(writers) }, async (_, writer) => {
    const from = await stepsDone(store, writer);
    await runWriter(store, writer, from, (step, revision) => writeSync(1, `${writer} ${step} ${revision}\n`));
  }),
  compacting(),
]);
