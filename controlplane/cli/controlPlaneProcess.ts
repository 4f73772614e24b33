/**
 * The control plane in one process: the programs named on the command line, each with its own flags, separated by "--":
 *   kijabi-control-plane kube-apiserver --secure-port=6443 -- kube-controller-manager --kubeconfig=...
 * They talk to the API server as they do elsewhere, over TLS with credentials of their own. When one fails the process ends, and is started
 * again as a whole; with the signal the others end before the API server does.
 */
import { AppError, explain } from '#base/errors.ts';
import { SystemClock } from '#base/clock.ts';
import { runDaemon, type DaemonContext } from '#base/lifecycle.ts';
import { makeDaemonLogger } from '#base/log.ts';
import { startWarm } from '#base/warmStart.ts';
import { begin, type Begun } from '../component/program.ts';

/** In the order in which they start; the first ends last. */
const PROGRAMS: Readonly<Record<string, (argv: readonly string[]) => Promise<Begun>>> = {
  'kube-apiserver': async (argv) => begin((await import('../apiserver/main.ts')).kubeApiserver, argv),
  'kube-dns': async (argv) => begin((await import('../dns/main.ts')).kubeDns, argv),
  'kube-controller-manager': async (argv) => begin((await import('../controllers/main.ts')).kubeControllerManager, argv),
  'kube-scheduler': async (argv) => begin((await import('../scheduler/main.ts')).kubeScheduler, argv),
};

type Running = Extract<Begun, { readonly kind: 'run' }> & { readonly name: string };

async function main(argv: readonly string[]): Promise<number> {
  const programs: Running[] = [];
  try {
    for (const [name = '', ...flags] of sections(argv)) {
      const load = PROGRAMS[name];
      if (load === undefined)
        throw new AppError(
          'USAGE',
          `want ${Object.keys(PROGRAMS).join(', ')} with their flags, separated by --, got ${JSON.stringify(name)}`,
        );
      const begun = await load(flags);
      if (begun.kind === 'end') return begun.code;
      programs.push({ ...begun, name });
    }
  } catch (err) {
    process.stderr.write(`kijabi-control-plane: ${explain(err)}\n`);
    return 2;
  }
  await startWarm([() => import('../pki/request.ts')]);
  const clock = new SystemClock();
  const level = programs.some(({ verbosity }) => verbosity >= 4) ? 'debug' : 'info';
  const log = makeDaemonLogger(clock, level, 'kijabi-control-plane');
  return runDaemon({ name: 'kijabi-control-plane', log, clock, run: (ctx) => runAll(programs, ctx) });
}

function sections(argv: readonly string[]): string[][] {
  const all: string[][] = [[]];
  for (const arg of argv) {
    if (arg === '--') all.push([]);
    else all.at(-1)?.push(arg);
  }
  return all;
}

/** The others begin when the first is ready, and the first goes on until nobody writes any more: a leader gives its lease back. */
async function runAll([first, ...rest]: readonly Running[], ctx: DaemonContext): Promise<void> {
  if (first === undefined) return;
  const ready = Promise.withResolvers<void>();
  const last = new AbortController();
  const end = (): void => last.abort(ctx.signal.reason);
  if (rest.length === 0) ctx.signal.addEventListener('abort', end, { once: true });
  ctx.signal.addEventListener('abort', () => ready.resolve(), { once: true });
  const notify: DaemonContext['notify'] = {
    watchdogMs: ctx.notify.watchdogMs,
    send: (fields) => {
      if ('READY' in fields) ready.resolve();
      ctx.notify.send(fields);
    },
  };
  const server = first.run({ ...ctx, notify, signal: last.signal });
  await Promise.race([ready.promise, server]);
  const quiet = { ...notify, send: () => undefined };
  const others = Promise.all(rest.map(async ({ run }) => (ctx.signal.aborted ? undefined : run({ ...ctx, notify: quiet })))).finally(() => {
    if (rest.length > 0) end();
  });
  await Promise.all([server, others]);
}

process.exitCode = await main(process.argv.slice(2));
