/** `kijabi apiserver --dev`: an API server on loopback with a PKI of its own, for as long as the command runs. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AppError } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi apiserver --dev [--port PORT] [--data-dir DIR]

Starts an API server on 127.0.0.1 with certificates of its own, made now and gone afterwards, and writes a kubeconfig file for its
administrator. Its state is in memory unless a directory is named. Ctrl-C ends it and leaves nothing behind.

      --dev            required: the daemon for real clusters is kube-apiserver
      --port PORT      port on 127.0.0.1 (default: any free one)
      --data-dir DIR   keep the state there, in the embedded store
      --json           print one JSON object: url, kubeconfig, token, ca
  -h, --help           print this
`;

const OPTIONS = {
  dev: { type: 'boolean' },
  port: { type: 'string' },
  'data-dir': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const PREFIX = 'kijabi-apiserver-';

export const apiserverCommand: Command = async (argv, io) => {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  if (values.help === true) return (io.out(USAGE), 0);
  if (values.dev !== true) throw new AppError('USAGE', 'want --dev, an API server to try things with; the daemon is kube-apiserver');
  const port = portOf(values.port);
  const startedMs = io.clock.monotonicMs();
  const { startDevServer } = await import('../apiserver/dev/start.ts');
  const store = values['data-dir'] === undefined ? undefined : await openStore(resolve(values['data-dir']), io);
  const server = await startDevServer({
    clock: io.clock,
    log: makeLogger({ clock: io.clock, level: 'warn', write: (line) => io.err(`${line.replace(/^<\d>/, '')}\n`) }),
    port,
    ...(store === undefined ? {} : { store }),
  }).catch(async (err: unknown) => {
    await store?.close();
    throw err;
  });
  try {
    const dir = makeDirectory(tmpdir());
    try {
      const file = join(dir, 'kubeconfig');
      writeFileSync(file, server.kubeconfig, { mode: 0o600 });
      const tookMs = Math.round(io.clock.monotonicMs() - startedMs);
      io.out(
        values.json === true
          ? `${JSON.stringify({ url: server.url, kubeconfig: file, token: server.token, ca: server.pki.ca, tookMs })}\n`
          : howToUse({ url: server.url, file, dataDir: values['data-dir'], tookMs }),
      );
      await aborted(io.signal);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  } finally {
    await server.stop();
  }
  return 0;
};

function portOf(text: string | undefined): number {
  if (text === undefined) return 0;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
    throw new AppError('USAGE', `--port: want a whole number from 1 to 65535, got ${JSON.stringify(text)}`);
  }
  return port;
}

async function openStore(dir: string, { clock }: Io) {
  const { openStore: open } = await import('../apiserver/dev/store.ts');
  return open(dir, clock);
}

/** Ours alone, named after this process; what processes that were killed have left is removed first. */
function makeDirectory(parent: string): string {
  for (const name of readdirSync(parent)) {
    const [, pid, start] = /^kijabi-apiserver-(\d+)-(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && startOf(pid) !== start) rmSync(join(parent, name), { recursive: true, force: true });
  }
  const dir = join(parent, `${PREFIX}${process.pid}-${startOf('self')}`);
  mkdirSync(dir, { mode: 0o700 });
  return dir;
}

/** When a process began, in clock ticks since the boot; with its id it names one process for ever. Source: proc(5), field 22 of stat. */
function startOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined; // it has ended
  }
}

interface Facts {
  readonly url: string;
  readonly file: string;
  readonly dataDir: string | undefined;
  readonly tookMs: number;
}

const howToUse = ({ url, file, dataDir, tookMs }: Facts): string => `API server is ready after ${tookMs} ms: ${url}

  export KUBECONFIG=${file}
  kubectl get namespaces
  kubectl create configmap hello --from-literal=greeting=hi
  kubectl get configmap hello -o yaml

The state is ${dataDir === undefined ? 'in memory and ends with it' : `kept in ${resolve(dataDir)}`}. Nothing runs the pods: there is no scheduler and no kubelet. Ctrl-C ends it.
`;

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted ? Promise.resolve() : new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }));
