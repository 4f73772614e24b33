/** kube-scheduler: what it is made of, in the order it starts. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AppError } from '#base/errors.ts';
import type { DaemonContext } from '#base/lifecycle.ts';
import { MetricsRegistry } from '#base/metrics.ts';
import { tellStatus } from '#base/statusTeller.ts';
import { VERSION } from '#base/version.ts';
import { connect } from '#client/connect.ts';
import { clientConfigOf } from '../component/clientOf.ts';
import { serve } from '../component/http/serve.ts';
import { serveSocket } from '../component/http/socket.ts';
import { leadership } from '../component/lead.ts';
import { addProcessMetrics } from '../component/processMetrics.ts';
import { runProgram, type Program } from '../component/program.ts';
import { PROGRAM } from './config/flagTable.ts';
import { loadConfig } from './config/load.ts';
import { profilesOf } from './config/profiles.ts';
import { settingsOf, withConfig, type FlagSettings } from './config/settings.ts';
import type { PluginHandle } from './core/storage.ts';
import { BUILT_IN, DEFAULT_SCHEDULER, type PluginFactory } from './plugins/profile.ts';
import { openExtenders } from './extenders/client.ts';
import { Decisions } from './explain/decisions.ts';
import { explainRoute } from './explain/route.ts';
import { makeScheduler } from './run.ts';
import { statusLine } from './statusLine.ts';

async function run(flags: FlagSettings, { clock, log, signal, notify }: DaemonContext): Promise<void> {
  const { program } = PROGRAM;
  const config = flags.configFile === undefined ? {} : await readConfig(flags.configFile);
  const factories = await pluginsOf(flags.pluginFiles);
  const profiles = (handle: PluginHandle): ReturnType<typeof profilesOf> => profilesOf(config, { factories, handle });
  const { serving, election, qps, burst, ...where } = withConfig(flags, config);
  const clientConfig = await clientConfigOf(where, process.env);
  const metrics = new MetricsRegistry();
  addProcessMetrics(metrics);
  // The lease is renewed whatever else waits for its turn.
  const electing = connect({ config: clientConfig, clock, log, userAgent: `${program}/leader-election`, qps: -1 });
  const client = connect({ config: clientConfig, clock, log, userAgent: program, qps, burst });
  const eventClient = connect({ config: clientConfig, clock, log, userAgent: program, qps, burst });
  const extenders = await openExtenders(config.extenders ?? []);
  const leading = leadership({
    settings: election,
    identity: `${hostname()}_${randomUUID()}`,
    client: electing,
    metrics,
    clock,
    log,
  });
  const decisions = new Decisions();
  const { parallelism, podInitialBackoffSeconds, podMaxBackoffSeconds } = config;
  const scheduler = makeScheduler({
    client,
    eventClient,
    host: hostname(),
    clock,
    log,
    registry: metrics,
    random: Math.random,
    profiles,
    flushAfterMs: flags.flushAfterMs,
    onOutcome: (outcome) => decisions.take(outcome),
    extenders,
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(podInitialBackoffSeconds === undefined ? {} : { initialBackoffMs: podInitialBackoffSeconds * 1_000 }),
    ...(podMaxBackoffSeconds === undefined ? {} : { maxBackoffMs: podMaxBackoffSeconds * 1_000 }),
  });
  const route = explainRoute(scheduler, decisions);
  if (flags.socket !== undefined) await serveSocket({ socket: flags.socket, route }, signal);
  if (serving !== undefined) {
    const synced = { name: 'informer-sync', problem: () => (scheduler.isSynced ? undefined : 'the cluster has not been read yet') };
    const checks = [{ name: 'ping', problem: () => undefined }, leading.check, synced];
    await serve({ program, settings: serving, checks, metrics, route, clock, log }, signal);
  }
  log.info('Scheduler is ready', {
    version: VERSION,
    server: clientConfig.server,
    port: serving?.port ?? 0,
    profiles: (config.profiles ?? [{}]).map((p) => p.schedulerName ?? DEFAULT_SCHEDULER).join(','),
  });
  notify.send({ READY: 1 });
  const line = (): string => statusLine({ leading: leading.word, server: clientConfig.server, scheduler });
  try {
    await Promise.all([
      scheduler.follow(signal),
      tellStatus({ clock, line, notify }, signal),
      leading.run((leads) => scheduler.lead(leads), signal),
    ]);
  } finally {
    client.close();
    eventClient.close();
    electing.close();
  }
}

async function readConfig(file: string): Promise<ReturnType<typeof loadConfig>> {
  const content = await readFile(file).catch((err: unknown) => {
    throw new AppError(
      'CONFIG_INVALID',
      `Cannot read ${file} (--config): check that it exists and that this user may read it`,
      { file },
      err,
    );
  });
  return loadConfig(file, content);
}

/** Modules that export `plugins`: names and what makes them of their arguments. */
async function pluginsOf(files: readonly string[]): Promise<ReadonlyMap<string, PluginFactory>> {
  const all = new Map(BUILT_IN);
  for (const file of files) {
    const refuse = (why: string, err?: unknown): AppError =>
      new AppError('PLUGIN_INVALID', `Cannot use ${file} (--plugins): ${why}`, { file }, err);
    const module = (await import(pathToFileURL(resolve(file)).href).catch((err: unknown) => {
      throw refuse('it cannot be loaded', err);
    })) as { readonly plugins?: Readonly<Record<string, unknown>> };
    if (typeof module.plugins !== 'object') throw refuse('it has no export named plugins');
    for (const [name, make] of Object.entries(module.plugins)) {
      if (typeof make !== 'function') throw refuse(`plugins.${name} is no function that makes a plugin`);
      if (all.has(name)) throw refuse(`there is a plugin ${name} already`);
      all.set(name, make as PluginFactory);
    }
  }
  return all;
}

export const kubeScheduler: Program<FlagSettings> = { flags: PROGRAM, settings: settingsOf, run };

if (import.meta.main) process.exitCode = await runProgram(kubeScheduler, process.argv.slice(2));
