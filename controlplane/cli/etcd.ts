/** `kijabi etcd`: saves, inspects and restores the state of an API server, and moves it between the embedded store and etcd. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AppError } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi etcd snapshot save FILE [--data-dir DIR | --etcd-servers URL[,URL]]
       kijabi etcd snapshot status FILE
       kijabi etcd snapshot restore FILE --data-dir DIR
       kijabi etcd move --from WHERE --to WHERE

The state of an API server: the embedded store in a directory, or an etcd cluster.

  snapshot save      copies it into FILE while the API server runs; of etcd, as etcdctl snapshot save does
  snapshot status    checks a snapshot of an embedded store, every record of it
  snapshot restore   makes a new store directory of it; etcd's are for etcdctl snapshot restore
  move               copies everything to an empty store and compares it byte by byte; stop the API servers before.
                     WHERE is a directory, or the URLs of an etcd cluster

      --data-dir DIR         the embedded store (default: /var/lib/kube-apiserver)
      --etcd-servers URLS    an etcd cluster instead
      --etcd-cafile FILE     CA of the etcd servers
      --etcd-certfile FILE   certificate for etcd
      --etcd-keyfile FILE    key for etcd
      --json                 print one JSON object
  -h, --help                 print this
`;

const OPTIONS = {
  'data-dir': { type: 'string' },
  'etcd-servers': { type: 'string' },
  'etcd-cafile': { type: 'string' },
  'etcd-certfile': { type: 'string' },
  'etcd-keyfile': { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** As kube-apiserver keeps history without --history-retention; nothing is given up while a store is moved. */
const DAY_MS = 86_400_000;
const DATA_DIR = '/var/lib/kube-apiserver';

type Values = ReturnType<typeof parse>['values'];

const parse = (argv: readonly string[]) => parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });

export const etcdCommand: Command = async (argv, io) => {
  const { values, positionals } = parse(argv);
  if (values.help === true) return (io.out(USAGE), 0);
  const [what, verb, ...rest] = positionals;
  if (what === 'move' && verb === undefined) return move(values, io);
  if (what !== 'snapshot' || verb === undefined)
    throw new AppError('USAGE', 'want snapshot save, snapshot status, snapshot restore or move');
  const [file, ...more] = rest;
  if (file === undefined || more.length > 0) throw new AppError('USAGE', `snapshot ${verb}: want one file`);
  const run = SNAPSHOTS[verb];
  if (run === undefined) throw new AppError('USAGE', `unknown command snapshot ${verb}: want save, status or restore`);
  return run(resolve(file), values, io);
};

type SnapshotCommand = (file: string, values: Values, io: Io) => Promise<number>;

const SNAPSHOTS: Readonly<Record<string, SnapshotCommand>> = {
  async save(file, values, io) {
    const { saveSnapshot } = await import('../apiserver/backup.ts');
    const url = values['etcd-servers'];
    if (url !== undefined && values['data-dir'] !== undefined) throw new AppError('USAGE', 'want --data-dir or --etcd-servers, not both');
    await saveSnapshot(storeAt(url ?? values['data-dir'] ?? DATA_DIR, values), file, context(io));
    return say(io, values, { file }, `Saved a snapshot in ${file}`);
  },
  async status(file, values, io) {
    const { snapshotStatus } = await import('../apiserver/backup.ts');
    const found = await snapshotStatus(file);
    const { revision, compactedRevision, entries, sizeBytes, sha256 } = found;
    const lines = [
      `revision    ${revision}`,
      `compacted   ${compactedRevision}`,
      `entries     ${entries}`,
      `size        ${(sizeBytes / 1e6).toFixed(1)} MB`,
      `sha256      ${sha256}`,
    ];
    return say(io, values, found, lines.join('\n'));
  },
  async restore(file, values, io) {
    const dir = values['data-dir'];
    if (dir === undefined) throw new AppError('USAGE', 'want --data-dir, a new directory for the store');
    const { restoreSnapshot } = await import('../apiserver/backup.ts');
    const { revision } = await restoreSnapshot({ file, dir: resolve(dir) });
    return say(
      io,
      values,
      { dir: resolve(dir), revision },
      `Restored into ${dir} at revision ${revision}: start kube-apiserver with --data-dir=${dir}`,
    );
  },
};

async function move(values: Values, io: Io): Promise<number> {
  const { from, to } = values;
  if (from === undefined || to === undefined)
    throw new AppError('USAGE', 'move: want --from and --to, each a directory or the URLs of an etcd cluster');
  const { moveStore } = await import('../apiserver/backup.ts');
  const result = await moveStore({
    ...context(io),
    from: storeAt(from, values),
    to: storeAt(to, values),
    ...(io.columns.err === undefined ? {} : { onProgress: (entries: number) => io.err(`\r${entries} entries copied`) }),
  });
  if (io.columns.err !== undefined) io.err('\n');
  const { entries, fromRevision, toRevision, missed } = result;
  say(io, values, { ...result }, `Moved ${entries} entries from ${from} at revision ${fromRevision} to ${to} at revision ${toRevision}`);
  if (missed === 0) return 0;
  io.err(`kijabi etcd: ${missed} revisions were written to ${from} meanwhile and were not copied: stop the API servers and move again\n`);
  return 1;
}

function say(io: Io, { json }: Values, facts: object, text: string): number {
  io.out(json === true ? `${JSON.stringify(facts)}\n` : `${text}\n`);
  return 0;
}

const context = (io: Io) => ({
  clock: io.clock,
  signal: io.signal,
  log: makeLogger({ clock: io.clock, level: 'warn', write: (line: string) => io.err(`${line.replace(/^<\d>/, '')}\n`) }),
});

/** Pure. */
export function storeAt(where: string, values: Values) {
  if (!/^(https?|unix):\/\//.test(where)) return { kind: 'embedded', dir: resolve(where), historyMs: DAY_MS } as const;
  const [certificate, key] = [values['etcd-certfile'], values['etcd-keyfile']];
  if ((certificate === undefined) !== (key === undefined))
    throw new AppError('USAGE', 'want --etcd-certfile and --etcd-keyfile, or neither');
  return { kind: 'etcd', endpoints: where.split(','), ca: values['etcd-cafile'], certificate, key } as const;
}
