/** kube-dns: what it is made of, in the order it starts. */
import { SystemClock } from '#base/clock.ts';
import { explain } from '#base/errors.ts';
import { runDaemon, type DaemonContext } from '#base/lifecycle.ts';
import { makeDaemonLogger } from '#base/log.ts';
import { RELEASE } from '#base/version.ts';
import { startWarm } from '#base/warmStart.ts';
import { connect } from '#client/connect.ts';
import { inClusterConfig, loadKubeconfig } from '#client/kubeconfig.ts';
import { parseFlags, USAGE, type CommandLine, type Settings } from './config/flags.ts';
import { runDns } from './run.ts';
import { surroundings } from './server/surroundings.ts';

async function run(settings: Settings, { clock, log, signal, notify }: DaemonContext): Promise<void> {
  const config =
    settings.kubeconfig === undefined ? await inClusterConfig({ env: process.env }) : await loadKubeconfig(settings.kubeconfig);
  const client = connect({ config, clock, log, userAgent: 'kube-dns' });
  try {
    const onReady = (): void => notify.send({ READY: 1, STATUS: `answers for ${settings.domain}` });
    await runDns({ ...surroundings(clock), settings, client, clock, log, onReady }, signal);
    log.info('DNS server has stopped');
  } finally {
    client.close();
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const clock = new SystemClock();
  let line: CommandLine;
  try {
    line = parseFlags(argv);
  } catch (err) {
    process.stderr.write(`kube-dns: ${explain(err)}\n`);
    return 1;
  }
  if (line.kind === 'help') return (process.stdout.write(USAGE), 0);
  if (line.kind === 'version') return (process.stdout.write(`Kubernetes ${RELEASE}\n`), 0);
  const { settings } = line;
  await startWarm();
  const log = makeDaemonLogger(clock, settings.verbosity >= 4 ? 'debug' : 'info', 'kube-dns');
  return runDaemon({ name: 'kube-dns', log, clock, run: (ctx) => run(settings, ctx) });
}

process.exitCode = await main(process.argv.slice(2));
