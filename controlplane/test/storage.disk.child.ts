/**
 * Fills the file system it is started on, within a mount namespace of its own, and prints what the store did as JSON.
 * Arguments: mount point, minFreeBytes.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, explain } from '#base/errors.ts';
import { EmbeddedStore } from '../apiserver/storage/embedded.ts';

const [mount = '', minFree = '0'] = process.argv.slice(2);
const dir = join(mount, 'store');
const ballast = join(mount, 'ballast');
await writeFile(ballast, Buffer.alloc(4 * 1_024 * 1_024));

const options = { dir, minFreeBytes: Number(minFree) };
let store = await EmbeddedStore.open(options);
const there = new Map<string, number>();
const value = Buffer.alloc(3_000, 'x');
let message = '';
const attempt = async (work: Promise<number>): Promise<string> =>
  work.then(
    () => 'done',
    (err: unknown) => {
      message = explain(err);
      return codeOf(err) ?? message;
    },
  );
const create = async (key: string): Promise<string> =>
  attempt(store.transact([{ kind: 'create', key, value }]).then((revision) => (there.set(key, revision), revision)));

const refusals = new Set<string>();
for (let round = 0; refusals.size === 0 && round < 1_000; round++) {
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, i) => create(`/registry/pods/${round}-${i}`)));
  for (const outcome of outcomes) if (outcome !== 'done') refusals.add(outcome);
}

const readable = async (): Promise<boolean> => {
  const { entries } = await store.list({ prefix: '/registry/pods/' });
  const same = entries.every((entry) => there.get(entry.key) === entry.modRevision && Buffer.compare(entry.value, value) === 0);
  return same && entries.length === there.size;
};
const allReadWhileFull = await readable();
const revisionWhileFull = await store.revision();

const victims = [...there].slice(0, 5);
const [mixedCreate, ...mixedDeletes] = await Promise.all([
  create('/registry/pods/while-full'),
  ...victims.map(([key, ifRevision]) => attempt(store.transact([{ kind: 'delete', key, ifRevision }]).then((r) => (there.delete(key), r)))),
]);

await rm(ballast);
const afterSpace = await Promise.all(Array.from({ length: 50 }, (_, i) => create(`/registry/pods/after-${i}`)));
await store.close();
store = await EmbeddedStore.open(options);
const allReadAfterwards = await readable();
await store.close();

const written = there.size;
console.log(
  JSON.stringify({
    refusals: [...refusals],
    message,
    allReadWhileFull,
    revisionWhileFull,
    mixedCreate,
    mixedDeletes,
    afterSpace: [...new Set(afterSpace)],
    allReadAfterwards,
    written,
  }),
);
