/**
 * The parts of the DNS server put together, with nothing of a process around them: main.ts runs it as a daemon of its own, others beside
 * their own parts. Resolves when it has stopped: after the signal it goes on for the lame duck time, so that whoever sends questions here
 * learns that it shall not, and then finishes what is under way.
 */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { METRICS_CONTENT_TYPE } from '#base/metrics.ts';
import { count } from '#base/statusTeller.ts';
import { VERSION } from '#base/version.ts';
import type { Client } from '#client/rest.ts';
import type { Settings } from './config/settings.ts';
import { readUpstreams, watchUpstreams, type Watched } from './config/watch.ts';
import type { Exchange } from './forward/exchange.ts';
import { Forwarder } from './forward/forwarder.ts';
import type { Upstream } from './forward/upstreams.ts';
import { ClusterIndex } from './index.ts';
import { loopProbes, probeNames, sendProbes } from './loops.ts';
import { DnsMetrics } from './metrics.ts';
import { Resolver } from './resolver.ts';
import { Responder } from './responder.ts';
import { Routes } from './routes.ts';
import { listenHttp, type Page } from './server/http.ts';
import { listenTcp, type TcpLimits, type TcpListening } from './server/tcp.ts';
import { listenUdp, type ListenAt, type Listening } from './server/udp.ts';
import { clusterSource } from './source.ts';

export interface DnsOptions {
  readonly settings: Settings;
  readonly client: Client;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** 0 to 65535, hard to guess. */
  readonly newId: () => number;
  /** A label that nobody can guess. */
  readonly secret: () => string;
  /** status: what it does now, in a line. */
  readonly onReady?: (ports: Ports, status: () => string) => void;
}

/** What is listened on; those of --listen in its order. */
export interface Ports {
  readonly dns: readonly number[];
  readonly health: number | undefined;
  readonly ready: number | undefined;
  readonly metrics: number | undefined;
}

export async function runDns(options: DnsOptions, signal: AbortSignal): Promise<void> {
  const { settings, client, clock, log } = options;
  const startedMs = clock.monotonicMs();
  const metrics = new DnsMetrics(settings.domain);
  const index = new ClusterIndex();
  const watched = await readUpstreams(settings);
  const routesFor = ({ stubDomains, upstreams }: Watched): Routes => {
    const forwarder = (servers: readonly Upstream[]): Forwarder =>
      new Forwarder({
        ...options,
        upstreams: servers,
        onExchange: ({ to, rcode, tookMs }) => metrics.exchanged(to, rcode, tookMs / 1_000),
        onProbe: ({ to, isWell }) => metrics.probed(to, isWell),
      });
    return new Routes(new Map([...stubDomains].map(([domain, servers]) => [domain, forwarder(servers)])), forwarder(upstreams));
  };
  const firstRoutes = routesFor(watched);
  const resolver = new Resolver({
    index,
    zone: { domain: settings.domain, ttl: settings.ttlSeconds, pods: settings.pods, dnsService: settings.dnsService },
    firstSerial: Math.floor(clock.nowMs() / 1_000),
    clock,
    log,
    routes: firstRoutes,
    keep: { positiveSeconds: settings.cacheSeconds, negativeSeconds: settings.cacheSeconds },
    cacheSize: settings.cacheSize,
    maxForwards: settings.maxForwards,
    onCache: (type) => metrics.cache(type),
    onLimit: () => metrics.limited.inc(),
  });
  const responder = new Responder({ resolver, metrics, clock, log, domain: settings.domain, udpBytes: settings.maxUdpBytes });

  const open: Listening[] = [];
  const closeAll = (): Promise<unknown> => Promise.all(open.map((listening) => listening.close()));
  const opened = async <L extends Listening>(listening: Promise<L>): Promise<L> => {
    const made = await listening;
    open.push(made);
    return made;
  };
  try {
    const tcp: TcpListening[] = [];
    const limits = { connections: settings.maxTcpConnections, idleMs: settings.tcpIdleMs };
    for (const at of settings.listen) {
      const pair = await listenBoth(at, { responder, log, limits });
      open.push(...pair);
      tcp.push(pair[0]);
    }
    metrics.watch({
      cached: () => resolver.cached,
      connections: () => tcp.reduce((sum, { connections }) => sum + connections, 0),
    });
    const page = (path: string, answer: () => Page) => (asked: string) => (asked === path ? answer() : undefined);
    const isReady = (): boolean => resolver.isSynced && !signal.aborted;
    const at = settings;
    const health =
      at.health &&
      (await opened(
        listenHttp(
          at.health,
          page('/health', () => OK),
        ),
      ));
    const ready =
      at.ready &&
      (await opened(
        listenHttp(
          at.ready,
          page('/ready', () => (isReady() ? OK : NOT_READY)),
        ),
      ));
    const text = (): Page => ({ status: 200, body: metrics.registry.text(), type: METRICS_CONTENT_TYPE });
    const shown = at.metrics && (await opened(listenHttp(at.metrics, page('/metrics', text))));

    const testLoops = (routes: Routes): void => {
      const probes = loopProbes(routes, options);
      resolver.watchFor(probeNames(probes, options));
      void sendProbes(probes); // never rejects
    };
    testLoops(firstRoutes);
    const stopping = new AbortController(); // later than the signal: until then the names are kept up to date
    const source = clusterSource({
      client,
      log,
      index,
      pods: settings.pods,
      onProgrammed: (triggeredAt) => {
        const tookSeconds = (clock.nowMs() - Date.parse(triggeredAt)) / 1_000;
        if (resolver.isSynced && tookSeconds >= 0) metrics.programming.observe(['headless_with_selector'], tookSeconds);
      },
    });
    const following = source.run(stopping.signal);
    const onChange = (now: Watched): void => {
      const routes = routesFor(now);
      resolver.setRoutes(routes);
      testLoops(routes);
      log.info('Upstream servers changed', { upstreams: now.upstreams.length, stubDomains: now.stubDomains.size });
    };
    const watching = watchUpstreams({ settings, now: watched, clock, log, onChange, onFailure: () => metrics.reloadsFailed.inc() }, signal);
    const becoming = source.synced(signal).then(
      () => {
        resolver.synced();
        log.info('DNS server is ready', {
          version: VERSION,
          domain: settings.domain,
          ...index.sizes,
          upstreams: watched.upstreams.length,
          tookMs: Math.round(clock.monotonicMs() - startedMs),
        });
        const ports = { dns: tcp.map(({ port }) => port), health: health?.port, ready: ready?.port, metrics: shown?.port };
        options.onReady?.(ports, () => `answers for ${settings.domain}, ${count(index.sizes.services, 'service')}`);
      },
      () => undefined, // stopping
    );
    await Promise.all([becoming, watching, aborted(signal)]);
    await finish(options, responder);
    stopping.abort(signal.reason);
    await following;
  } finally {
    resolver.close();
    await closeAll();
  }
}

/** A free port of TCP (--listen with port 0) may be taken for UDP: then another one is tried. */
const FREE_PORT_TRIES = 10;

async function listenBoth(
  at: ListenAt,
  { responder, log, limits }: { readonly responder: Responder; readonly log: Logger; readonly limits: TcpLimits },
): Promise<readonly [TcpListening, Listening]> {
  for (let tries = 1; ; tries++) {
    const tcp = await listenTcp(at, responder, limits);
    try {
      return [tcp, await listenUdp({ ...at, port: tcp.port }, responder, log)];
    } catch (err) {
      await tcp.close();
      if (at.port !== 0 || tries === FREE_PORT_TRIES) throw err;
    }
  }
}

const OK: Page = { status: 200, body: 'OK' };
const NOT_READY: Page = { status: 503, body: 'kubernetes' }; // as CoreDNS names what it waits for

/** No upstream server is given longer. */
const UNDER_WAY_MS = 5_000;
const LOOK_MS = 20;

/** The lame duck time, and then what is under way. */
async function finish({ settings, clock, log }: DnsOptions, responder: Responder): Promise<void> {
  const never = new AbortController().signal;
  if (settings.lameDuckMs > 0) log.info('DNS server stops soon', { inMs: settings.lameDuckMs });
  await clock.sleep(settings.lameDuckMs, never);
  const untilMs = clock.monotonicMs() + UNDER_WAY_MS;
  while (responder.underWay > 0 && clock.monotonicMs() < untilMs) await clock.sleep(LOOK_MS, never);
}

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted ? Promise.resolve() : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
