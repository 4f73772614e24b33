/** The kubelet: in which order it starts, and what runs then. */
import { SystemClock } from '#base/clock.ts';
import { runDaemon, type DaemonContext } from '#base/lifecycle.ts';
import { startWarm } from '#base/warmStart.ts';
import { makeDaemonLogger, type Logger } from '#base/log.ts';
import { VERSION } from '#base/version.ts';
import { setOwnOomScore } from '../linux/proc.ts';
import { checkRuntime, checkStart } from './check/act.ts';
import { following } from './config/live.ts';
import { watchConfiguration } from './config/watch.ts';
import type { Configuration } from './config/observe.ts';
import { answerCommandLine } from './commandLine.ts';
import { removeOrphans } from './disk/orphans.ts';
import { keepEvents } from './events.ts';
import { rotateLogs, runningLogs } from './logs/act.ts';
import { serveHealthz } from './server/healthz.ts';
import { serveLocal } from './server/local.ts';
import { startServer } from './server/start.ts';
import { followStaticPods } from './sources/follow.ts';
import { assemble } from './assemble.ts';

async function run(configuration: Configuration, ctx: DaemonContext): Promise<void> {
  const { clock, log, signal, notify } = ctx;
  const startedMs = clock.monotonicMs();
  let inEffect = configuration.settings;
  const settings = following(() => inEffect);
  spareUs(settings.oomScoreAdj, log);
  const {
    admission,
    api,
    chosen,
    client,
    collector,
    disk,
    events,
    evictor,
    feed,
    history,
    imageFs,
    images,
    joined,
    machine,
    manifests,
    memory,
    node,
    nodeName,
    paths,
    prober,
    ranBefore,
    runtime,
    runtimeWatch,
    shutdown,
    statusTeller,
    storage,
    timeline,
    workers,
  } = await assemble(settings, { ...ctx, random: Math.random });
  await serveLocal(
    {
      api,
      feed,
      events,
      timeline,
      manifests: () => manifests.view(),
      nextTries: (key) => workers.nextTries(key),
      probes: (key) => prober.found(key),
      terminations: (key) => history.of(workers.pod(key)?.pod.metadata.uid),
      node: (s) => node.show(s),
    },
    signal,
  );
  await checkStart(configuration, { nodeName, clock, log }, signal);
  if (settings.healthz.port > 0) await serveHealthz(settings.healthz, api.health, signal);
  const server = startServer({ api, settings, nodeName, addresses: machine.addresses, joined, clock, log }, signal);

  await Promise.race([client.waitReady(signal), failing(server)]);
  const found = await runtime.identify(signal);
  checkRuntime(found, settings.cgroupNames.driver, log);
  if (settings.podCidr !== undefined) await runtime.tellPodCidr(settings.podCidr, signal);
  const left = await disk.scan();
  for (const uid of await runtime.sandboxUids(signal)) ranBefore.add(uid);
  await imageFs.learn(signal);
  await shutdown.prepare(signal);
  const watching = followStaticPods({ manifests, settings, paths, clock, log }, signal);
  await Promise.race([Promise.all([manifests.complete, server]), watching]);
  joined?.manifestsKnown();
  for (const key of left.keys) workers.look(key);
  log.info('Chose the address of the node', { address: chosen.ips.join(','), interface: chosen.interface, why: chosen.why });
  log.info('Kubelet is ready', {
    node: nodeName,
    version: VERSION,
    runtime: `${found.name}/${found.version}`,
    pods: manifests.view().pods.length,
    tookMs: Math.round(clock.monotonicMs() - startedMs),
  });
  notify.send({ READY: 1 });
  // What a kubelet does not know yet, its API server may.
  const orphans = (joined?.complete(signal) ?? Promise.resolve()).then(() =>
    removeOrphans(
      left.nameless,
      {
        remove: (uid) => disk.removeNameless(uid),
        isKnown: async (uid, signal) => workers.pods().some(({ pod }) => pod.metadata.uid === uid) || runtime.hasPod(uid, signal),
        clock,
        log,
      },
      signal,
    ),
  );
  const rotation = rotateLogs(
    {
      options: following(() => settings.logRotation),
      clock,
      log,
      running: () => runningLogs(workers, paths),
      reopen: async (id, s) => void (await client.runtime.reopenContainerLog({ container_id: id }, { signal: s })),
    },
    signal,
  );
  await Promise.all([
    watching,
    statusTeller.run(signal),
    runtimeWatch.run(signal),
    workers.run(signal),
    evictor.run(signal),
    storage.run(signal),
    shutdown.run(signal),
    collector.run(signal),
    orphans,
    rotation,
    joined?.run(signal),
    keepEvents(events, { clock, save: (all) => memory.events.save(all) }, signal),
    watchConfiguration(
      {
        configuration,
        clock,
        log,
        onSettings: (next) => {
          inEffect = next;
          images.setParallel(next.maxParallelImagePulls);
          admission.lookAgain();
        },
      },
      signal,
    ),
  ]);
}

/** Never resolves: only a failure of work is news. */
function failing(work: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => void work.catch(reject));
}

/** Every module that is loaded when it is needed. */
const LATER = [
  () => import('./cluster/join.ts'),
  () => import('./server/auth.ts'),
  () => import('./server/pki.ts'),
  () => import('./server/secure.ts'),
  () => import('./server/stats/views.ts'),
  () => import('#client/kubeconfig.ts'),
  () => import('#client/reviews.ts'),
];

/** Where the machine does not let root do it (in a container) the daemon works all the same. */
function spareUs(score: number, log: Logger): void {
  try {
    setOwnOomScore(score);
  } catch (err) {
    log.debug('Cannot set the own OOM score', { score, err });
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const clock = new SystemClock();
  const asked = await answerCommandLine(argv, clock);
  if (typeof asked === 'number') return asked;
  await startWarm(LATER);
  const log = makeDaemonLogger(clock, asked.settings.verbosity >= 4 ? 'debug' : 'info', 'kubelet');
  return runDaemon({ name: 'kubelet', log, clock, run: (ctx) => run(asked, ctx) });
}

process.exitCode = await main(process.argv.slice(2));
