/** kube-controller-manager: what it is made of, in the order it starts. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { MetricsRegistry } from '#base/metrics.ts';
import { QueueMetrics } from '#base/queueMetrics.ts';
import { tellStatus } from '#base/statusTeller.ts';
import type { DaemonContext } from '#base/lifecycle.ts';
import { VERSION } from '#base/version.ts';
import { connect } from '#client/connect.ts';
import { EventMetrics } from '#client/eventMetrics.ts';
import { clientConfigOf } from '../component/clientOf.ts';
import { readPem } from '../component/http/keyPair.ts';
import { serve } from '../component/http/serve.ts';
import { leadership } from '../component/lead.ts';
import { addProcessMetrics } from '../component/processMetrics.ts';
import { runProgram, type Program } from '../component/program.ts';
import { readSigningKey } from '../pki/signingKeys.ts';
import { Authority } from '../pki/issue.ts';
import { PROGRAM } from './config/flagTable.ts';
import { settingsOf, type Settings } from './config/settings.ts';
import type { Parts } from './parts.ts';
import { CONTROLLERS } from './registry.ts';
import { runControllers } from './run.ts';

async function run(settings: Settings, { clock, log, signal, notify }: DaemonContext): Promise<void> {
  const { program } = PROGRAM;
  const { serving, election, qps, burst, isOn, writeAs } = settings;
  const [config, parts] = await Promise.all([clientConfigOf(settings, process.env), partsOf(settings)]);
  const metrics = new MetricsRegistry();
  addProcessMetrics(metrics);
  const queues = new QueueMetrics(metrics, clock);
  const eventMetrics = new EventMetrics(metrics);
  // The lease is renewed whatever else waits for its turn.
  const client = connect({ config, clock, log, userAgent: `${program}/leader-election`, qps: -1 });
  const leading = leadership({ settings: election, identity: `${hostname()}_${randomUUID()}`, client, metrics, clock, log });
  if (serving !== undefined) {
    const checks = [{ name: 'ping', problem: () => undefined }, leading.check];
    await serve({ program, settings: serving, checks, metrics, clock, log }, signal);
  }
  log.info('Controller manager is ready', { version: VERSION, server: config.server, port: serving?.port ?? 0 });
  notify.send({ READY: 1 });
  const line = (): string => `${leading.word}, ${CONTROLLERS.filter(isOn).length} controllers against ${config.server}`;
  const options = { config, parts, isOn, writeAs, qps, burst, queues, eventMetrics, clock, log };
  try {
    await Promise.all([tellStatus({ clock, line, notify }, signal), leading.run((leads) => runControllers(options, leads), signal)]);
  } finally {
    client.close();
  }
}

async function partsOf({ rootCa, tokenKey, signing, figures }: Settings): Promise<Parts> {
  const [ca, tokens, certificate, key] = await Promise.all([
    rootCa === undefined ? undefined : readPem(rootCa, '--root-ca-file'),
    tokenKey === undefined ? undefined : readPem(tokenKey, '--service-account-private-key-file'),
    signing === undefined ? undefined : readPem(signing.certificate, '--cluster-signing-cert-file'),
    signing === undefined ? undefined : readPem(signing.key, '--cluster-signing-key-file'),
  ]);
  return {
    ...figures,
    rootCa: ca,
    tokenKey: tokens === undefined ? undefined : readSigningKey(tokens, '--service-account-private-key-file'),
    signing:
      signing === undefined || certificate === undefined || key === undefined
        ? undefined
        : { authority: await Authority.from({ certificate, key }), validMs: signing.validMs },
  };
}

export const kubeControllerManager: Program<Settings> = {
  flags: PROGRAM,
  settings: settingsOf,
  run,
  later: [() => import('../pki/request.ts')],
};

if (import.meta.main) process.exitCode = await runProgram(kubeControllerManager, process.argv.slice(2));
