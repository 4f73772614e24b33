/** kube-proxy: what it is made of, in the order it starts. */
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { stringify } from 'yaml';
import { SystemClock } from '#base/clock.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { runDaemon, type DaemonContext } from '#base/lifecycle.ts';
import { makeDaemonLogger } from '#base/log.ts';
import { tellStatus } from '#base/statusTeller.ts';
import { RELEASE, VERSION } from '#base/version.ts';
import { startWarm } from '#base/warmStart.ts';
import { openConntrack } from '../linux/conntrack.ts';
import { openRuleGeneration } from '../linux/ruleGeneration.ts';
import { ensureSysctl, readSysctl } from '../linux/sysctl.ts';
import { parseFlags, USAGE, type Flags } from './config/flags.ts';
import { loadConfig } from './config/load.ts';
import { defaulted, settingsOf, type Settings } from './config/settings.ts';
import { askProxy, servicePath } from './explain/client.ts';
import { isProxyHealthy, type HealthInput } from './health.ts';
import { FAMILIES, type Family } from './ip.ts';
import { cleanUpOthers, driversOf } from './modes.ts';
import { sysctlWishes } from './node.ts';
import { NodeFollower } from './nodeFollower.ts';
import type { ModeDriver, Proxier, ProxySettings } from './proxier.ts';
import { listen, refuseSecond, type ListenOptions } from './server/listen.ts';
import { localAddresses, processUsage } from './server/process.ts';
import { healthRoute, metricsRoute } from './server/routes.ts';
import { ServiceHealthServers } from './server/serviceHealth.ts';
import { ServiceProxy } from './serviceProxy.ts';
import { openSource } from './sources/watch.ts';
import { statusLine } from './statusLine.ts';

/** A server that cannot listen tries again. */
const LISTEN_AGAIN_MS = 5_000;
async function run(settings: Settings, { clock, log, signal, notify }: DaemonContext): Promise<void> {
  const startedMs = clock.monotonicMs();
  // Before anything is touched: two proxies would take turns at the same rules.
  if (settings.socket !== undefined) await refuseSecond(settings.socket);
  const generation = await openRuleGeneration();
  signal.addEventListener('abort', () => generation.close(), { once: true });
  const drivers = driversOf({ clock, generation, ipvs: settings.ipvs });
  const driver = drivers[settings.mode];
  const { families, facts, lacksSctp } = await probe(driver, signal);
  log.info(`Using ${settings.mode} proxier`, { because: settings.modeBecause, families: families.join(','), ...facts });
  for (const left of await cleanUpOthers(drivers, { mode: settings.mode, families }, signal))
    log.warn('Cannot remove what another mode may have left', { ...left });

  const node = await NodeFollower.open({ settings, families, ...(lacksSctp === undefined ? {} : { lacksSctp }) });
  await setKernel(settings, node.settings('IPv4'), { log });
  await node.look(); // what was just set is part of it

  const proxiers: Proxier[] = [];
  for (const family of families) proxiers.push(await driver.open(family, signal));
  const healthServers: ServiceHealthServers = new ServiceHealthServers({
    log,
    isProxyHealthy: () => isProxyHealthy(health()),
    hosts: () => hostsOf(node.all()),
  });
  const proxy = new ServiceProxy({
    mode: settings.mode,
    node: node.view(),
    proxiers,
    settings: (family) => node.settings(family),
    conntrack: (family) => openConntrack(family),
    clock,
    log,
    minSyncPeriodMs: settings.minSyncPeriodMs,
    syncPeriodMs: settings.syncPeriodMs,
    usage: () => processUsage(clock),
    onSynced: (ports) => void healthServers.update(ports, signal),
  });
  const health = (): HealthInput => ({
    lanes: proxy.loop.states(),
    nowMs: clock.nowMs(),
    timeoutMs: 2 * settings.syncPeriodMs,
    nodeEligible: node.isEligible,
  });

  const serve = (options: ListenOptions): Promise<void> => serveAlways(options, settings, { clock, log, signal });
  if (settings.healthz !== undefined) await serve({ what: 'health', ...settings.healthz, route: healthRoute({ proxy, health }) });
  const route = metricsRoute({
    proxy,
    settings,
    health,
    signal,
    nodeAddresses: () => localAddresses(),
  });
  if (settings.metrics !== undefined) await serve({ what: 'metrics', ...settings.metrics, route });
  if (settings.socket !== undefined) await serve({ what: 'metrics', socket: settings.socket, route });

  const nodeChanged = (): void => proxy.loop.requestFull('the node changed');
  const known = Promise.withResolvers<void>();
  const source = await openSource(
    {
      settings,
      nodeName: node.name,
      store: proxy.store,
      clock,
      log,
      onChange: () => proxy.changed(),
      onNode: (object) => {
        if (node.setObject(object)) nodeChanged();
        proxy.setNode(node.view());
        if (!node.waitsForPodCidr) known.resolve();
      },
    },
    signal,
  );
  await source.complete;
  if (node.waitsForPodCidr) {
    log.warn('Waiting for the pod network of this node', {
      node: node.name,
      because: 'detectLocalMode NodeCIDR, and its Node has no podCIDR',
    });
    await Promise.race([known.promise, source.running]);
  }
  proxy.setNodeAddresses(node.addresses);
  const running = proxy.run(signal);
  void proxy.ready.then(() => {
    log.info('Service proxy is ready', {
      node: node.name,
      version: VERSION,
      services: proxy.serviceCount,
      tookMs: Math.round(clock.monotonicMs() - startedMs),
    });
    notify.send({ READY: 1 });
  });
  const line = (): string =>
    statusLine({ mode: settings.mode, services: proxy.serviceCount, lanes: proxy.loop.states(), nowMs: clock.nowMs() });
  const onLook = (): void => {
    proxy.setNodeAddresses(node.addresses);
    void healthServers.update(proxy.healthChecked(), signal);
  };
  const following = node.run(clock, { onChange: nodeChanged, onLook }, signal);
  await Promise.all([running, source.running, following, tellStatus({ clock, line, notify }, signal)]);
}

interface Probed {
  readonly families: readonly Family[];
  readonly facts: Readonly<Record<string, string>>;
  readonly lacksSctp: string | undefined;
}

/** Which families the kernel and the tools can do. Throws MODE_UNSUPPORTED when it is none. */
async function probe(driver: ModeDriver, signal: AbortSignal): Promise<Probed> {
  const families: Family[] = [];
  const problems = new Map<string, Family[]>();
  let facts = {};
  let lacksSctp: string | undefined;
  for (const family of await familiesHere()) {
    const support = await driver.probe(family, signal);
    if (support.kind === 'supported') {
      families.push(family);
      facts = { ...support.facts, ...facts };
      lacksSctp ??= support.lacksSctp;
    } else {
      const problem = `${support.why} (${support.next})`;
      problems.set(problem, [...(problems.get(problem) ?? []), family]);
    }
  }
  if (families.length === 0) {
    const text = [...problems].map(([problem, of]) => `${of.join(' and ')}: ${problem}`).join('; ');
    throw new AppError('MODE_UNSUPPORTED', `This node cannot do mode ${driver.mode}: ${text}`);
  }
  return { families, facts, lacksSctp };
}

/** Kernel settings are wishes: where they cannot be set (a container, a namespace of its own) the proxy says so and works. */
async function setKernel(settings: Settings, { localhostNodePorts }: ProxySettings, { log }: Pick<DaemonContext, 'log'>): Promise<void> {
  for (const { name, value, why } of sysctlWishes(settings, { cores: availableParallelism(), localhostNodePorts })) {
    try {
      if (await ensureSysctl(name, value)) log.info('Set kernel setting', { name, value, because: why });
    } catch (err) {
      log.warn('Cannot set kernel setting, it stays as it is', { name, value, because: why, err });
    }
  }
  await writeFile('/proc/self/oom_score_adj', String(settings.oomScoreAdj)).catch((err: unknown) =>
    log.warn('Cannot protect the proxy from being killed when memory runs out', { oomScoreAdj: settings.oomScoreAdj, err }),
  );
  for (const [name, effect] of NEEDED) {
    const value = await readSysctl(name).catch(() => undefined);
    if (value === '0') log.warn('Kernel setting keeps services from working', { name, want: 1, effect });
  }
}

const NEEDED: readonly (readonly [name: string, effect: string])[] = [
  ['net/ipv4/ip_forward', 'pods and clients reach no endpoint beyond this node'],
  ['net/bridge/bridge-nf-call-iptables', 'answers between pods on one bridge lose their way'],
];

/** Where health check node ports listen. */
function hostsOf(settings: readonly ProxySettings[]): string[] {
  const limited = settings.flatMap(({ nodePorts }) => (nodePorts.kind === 'only' ? nodePorts.ips : []));
  if (settings.every(({ nodePorts }) => nodePorts.kind === 'only')) return limited;
  return settings.some((s) => s.family === 'IPv6') ? ['::'] : ['0.0.0.0'];
}

async function serveAlways(
  options: ListenOptions,
  { bindAddressHardFail }: Settings,
  { clock, log, signal }: Pick<DaemonContext, 'clock' | 'log' | 'signal'>,
): Promise<void> {
  try {
    await listen(options, signal);
  } catch (err) {
    if (bindAddressHardFail || codeOf(err) === 'PROXY_RUNNING') throw err;
    log.error('Cannot listen, trying again', { what: options.what, retryInMs: LISTEN_AGAIN_MS, err });
    void listenLater(options, { clock, log, signal });
  }
}

async function listenLater(options: ListenOptions, { clock, log, signal }: Pick<DaemonContext, 'clock' | 'log' | 'signal'>): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LISTEN_AGAIN_MS, signal).catch(() => undefined);
    try {
      if (signal.aborted) return;
      await listen(options, signal);
      return log.info('Listens now', { what: options.what });
    } catch (err) {
      log.error('Cannot listen, trying again', { what: options.what, retryInMs: LISTEN_AGAIN_MS, err });
    }
  }
}

async function familiesHere(): Promise<readonly Family[]> {
  const hasIpv6 = (await readSysctl('net/ipv6/conf/all/forwarding')) !== undefined; // the kernel may run without
  return FAMILIES.filter((family) => family === 'IPv4' || hasIpv6);
}

/** Throws CLEANUP_FAILED naming what may still be there. */
async function cleanUp({ ipvs }: Settings, signal: AbortSignal): Promise<void> {
  const generation = await openRuleGeneration();
  try {
    const drivers = driversOf({ clock: new SystemClock(), generation, ipvs });
    const left = await cleanUpOthers(drivers, { mode: 'none', families: await familiesHere() }, signal);
    const what = left.map(({ mode, family, err }) => `${mode} ${family}: ${explain(err)}`);
    if (what.length > 0) throw new AppError('CLEANUP_FAILED', `Cannot remove all rules: ${what.join('; ')}`);
  } finally {
    generation.close();
  }
}

async function explainCommand({ metrics, socket }: Settings, service: string, output: 'text' | 'json'): Promise<void> {
  const at = socket === undefined ? metrics : { socket };
  if (at === undefined)
    throw new AppError('PROXY_UNREACHABLE', 'The configuration has no metricsBindAddress: --explain asks the running proxy there');
  process.stdout.write(await askProxy(at, servicePath(service, output)));
}

async function main(argv: readonly string[]): Promise<number> {
  const clock = new SystemClock();
  const print = (text: string): number => (process.stdout.write(text), 0);
  let flags: Flags;
  let settings: Settings;
  try {
    flags = parseFlags(argv);
    if (flags.command.kind === 'help') return print(USAGE);
    if (flags.command.kind === 'version') return print(`Kubernetes ${RELEASE}\n`);
    const file = flags.config;
    settings = settingsOf(flags, file === undefined ? undefined : loadConfig(file, await readFile(file)), {
      inPod: process.env['KUBERNETES_SERVICE_HOST'] !== undefined,
    });
    if (flags.command.kind === 'writeConfig') return (await writeFile(flags.command.file, stringify(defaulted(settings))), 0);
    if (flags.command.kind === 'explain') return (await explainCommand(settings, flags.command.service, flags.command.output), 0);
    if (flags.command.kind === 'cleanup') return (await cleanUp(settings, new AbortController().signal), 0);
  } catch (err) {
    process.stderr.write(`kube-proxy: ${explain(err)}\n`);
    return 1;
  }
  await startWarm();
  const log = makeDaemonLogger(clock, settings.verbosity >= 4 ? 'debug' : 'info', 'kube-proxy');
  if (flags.inVain.length > 0) log.warn('Flags do not count beside --config', { flags: flags.inVain.join(','), file: flags.config });
  if (flags.command.kind === 'initOnly') {
    await setKernel(settings, (await NodeFollower.open({ settings, families: [] })).settings('IPv4'), { log });
    return 0;
  }
  return runDaemon({ name: 'kube-proxy', log, clock, run: (ctx) => run(settings, ctx) });
}

process.exitCode = await main(process.argv.slice(2));
