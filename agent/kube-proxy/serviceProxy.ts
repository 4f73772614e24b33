/**
 * The proxy as one thing: objects come in, rules go out, and questions about them are answered. Everything that touches the world is
 * handed to it, so that it runs on fakes as well.
 *
 * Stale flows are looked for after a sync that may have left some; problems of services are told once, and again when they change.
 */
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Conntrack } from '../linux/conntrack.ts';
import { FlowTargets, cleanStaleFlows, mayLeaveStaleFlows, type PortChangePair } from './conntrack.ts';
import type { PacketExplanation } from './explain/format.ts';
import { driftText, explainService, type ServiceExplanation } from './explain/service.ts';
import { parseIp, type Family } from './ip.ts';
import { ProxyMetrics, type ProcessUsage } from './metrics.ts';
import { ObjectStore } from './objects.ts';
import type { Packet } from './packet.ts';
import type { Mode, Proxier, ProxySettings, SyncInput } from './proxier.ts';
import { ServiceTable } from './serviceTable.ts';
import type { NodeView, ServicePort } from './servicePort.ts';
import { SyncLoop, type SyncEvent, type WrittenPorts } from './sync.ts';
import { SyncedPorts } from './syncedPorts.ts';

export interface ServiceProxyOptions {
  readonly mode: Mode;
  readonly node: NodeView;
  readonly proxiers: readonly Proxier[];
  readonly settings: (family: Family) => ProxySettings;
  readonly conntrack: (family: Family) => Conntrack;
  readonly clock: Clock;
  readonly log: Logger;
  readonly minSyncPeriodMs: number;
  readonly syncPeriodMs: number;
  /** Of the process, asked for at each scrape. */
  readonly usage?: () => ProcessUsage;
  /** After each sync, with the service ports that have a health check node port. */
  readonly onSynced: (healthChecked: Iterable<ServicePort>) => void;
}

/** The first delay of a failed sync. */
const RETRY_MS = 1_000;

export class ServiceProxy {
  readonly store: ObjectStore;
  readonly loop: SyncLoop;
  readonly metrics: ProxyMetrics;
  /** Resolves when every family was synced or failed to, and at least one was. */
  readonly ready: Promise<void>;
  readonly #options: ServiceProxyOptions;
  readonly #table: ServiceTable;
  readonly #told = new Map<string, string>();
  readonly #synced: ReadonlyMap<Family, SyncedPorts>;
  readonly #tried = new Map<Family, boolean>();
  readonly #background = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #becomeReady: () => void = () => undefined;

  constructor(options: ServiceProxyOptions) {
    const { node, proxiers, settings, clock, log, minSyncPeriodMs, syncPeriodMs } = options;
    this.#options = options;
    this.metrics = new ProxyMetrics(options.usage);
    this.ready = new Promise((resolve) => (this.#becomeReady = resolve));
    this.#table = new ServiceTable(node);
    this.#synced = new Map(proxiers.map(({ family }) => [family, new SyncedPorts()]));
    this.store = new ObjectStore(this.#table);
    const backoff = new Backoff(Math.min(RETRY_MS, syncPeriodMs), syncPeriodMs);
    this.loop = new SyncLoop({
      proxiers,
      table: this.#table,
      settings,
      clock,
      log,
      backoff,
      minSyncPeriodMs,
      onEvent: (e) => this.#onEvent(e),
    });
  }

  /** Something in the store changed. */
  changed(): void {
    this.store.flush();
    this.#tellProblems();
    const { endpointChanges, serviceChanges } = this.metrics;
    endpointChanges.inc([], this.store.endpointChanges - endpointChanges.get());
    serviceChanges.inc([], this.store.serviceChanges - serviceChanges.get());
    this.loop.changed();
    this.#countPending();
  }

  /** Which of the two changed is not remembered: a service port waits, whatever moved it. */
  #countPending(): void {
    for (const metric of [this.metrics.endpointChangesPending, this.metrics.serviceChangesPending]) metric.set([], this.loop.pending);
  }

  setNodeAddresses(addresses: Iterable<string>): void {
    this.#table.setNodeAddresses(addresses);
    this.#tellProblems();
  }

  setNode(node: NodeView): void {
    this.#table.setNode(node);
    this.changed();
  }

  /** To be started when the store is complete. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    await this.loop.run(signal);
    await Promise.all(this.#background);
    for (const proxier of this.#options.proxiers) await proxier.close();
  }

  get serviceCount(): number {
    return [...this.#table.services].length;
  }

  /** The service ports with a health check node port. */
  healthChecked(): ServicePort[] {
    return [...this.#synced.values()].flatMap((ports) => [...ports.healthChecked]);
  }

  #tellProblems(): void {
    const { log } = this.#options;
    for (const key of this.#table.takeJudged()) {
      const problems = this.#table.problems(key);
      const text = problems.map((p) => p.message).join('\n');
      if ((this.#told.get(key) ?? '') === text) continue;
      if (text === '') this.#told.delete(key);
      else this.#told.set(key, text);
      for (const { object, code, message } of problems)
        log.warn(code === 'SERVICE_ON_NODE' ? 'Service hides a port of the node' : 'Service is not served as written', {
          service: key,
          object,
          err: message,
          code,
        });
    }
  }

  #onEvent(event: SyncEvent): void {
    const { clock, onSynced, proxiers } = this.#options;
    const { family } = event;
    const label = [family];
    const { metrics } = this;
    if (event.kind === 'queued') return metrics.lastQueued.set(label, clock.nowMs() / 1_000);
    this.#tried.set(family, event.kind === 'synced' || this.#tried.get(family) === true);
    if (this.#tried.size === proxiers.length && [...this.#tried.values()].includes(true)) this.#becomeReady();
    if (event.kind === 'failed') {
      const isNft = this.#options.mode === 'nftables';
      const isCleanup = event.err instanceof AppError && event.err.facts['step'] === 'cleanup';
      (isCleanup ? metrics.nftablesCleanupFailures : isNft ? metrics.nftablesFailures : metrics.restoreFailures).inc(label);
      if (event.attempt === 'partial' && !isNft) metrics.partialRestoreFailures.inc(label);
      return;
    }
    const { report, tookMs, ports } = event;
    const seconds = tookMs / 1_000;
    metrics.syncSeconds.observe(label, seconds);
    (report.kind === 'full' ? metrics.fullSyncSeconds : metrics.partialSyncSeconds).observe(label, seconds);
    metrics.lastSync.set(label, clock.nowMs() / 1_000);
    for (const [table, rules] of Object.entries(report.rulesByTable ?? {})) metrics.iptablesRules.set([family, table], rules);
    for (const [table, lines] of Object.entries(report.linesByTable ?? {})) metrics.iptablesLast.set([family, table], lines);
    this.#observeProgramming(family, ports);
    this.#countPending();
    const synced = this.#synced.get(family);
    if (synced !== undefined) {
      this.#cleanFlows(family, synced, ports.kind === 'all' ? synced.takeAll(ports.ports) : synced.take(ports.ports));
      for (const [policy, n] of Object.entries(synced.noLocal)) metrics.noLocalEndpoints.set([family, policy], n);
    }
    onSynced(this.healthChecked());
  }

  /** How long endpoints took from their controller into the rules. Told for one family, the one that is synced last. */
  #observeProgramming(family: Family, { kind, ports }: WrittenPorts): void {
    if (family !== this.#options.proxiers.at(-1)?.family) return;
    const keys = kind === 'all' ? this.#table.services : new Set([...ports.keys()].map((id) => id.replace(/(:[^/]*)?\/[a-z]+$/, '')));
    for (const key of keys) {
      for (const atMs of this.store.takeTriggers(key)) {
        this.metrics.programmingSeconds.observe([family], Math.max(0, this.#options.clock.nowMs() - atMs) / 1_000);
      }
    }
  }

  #cleanFlows(family: Family, synced: SyncedPorts, pairs: readonly PortChangePair[]): void {
    if (!pairs.some(mayLeaveStaleFlows)) return;
    const gone = pairs.flatMap(({ from, to }) => (from === undefined || to === from ? [] : [from]));
    const task = this.#clean(family, new FlowTargets(synced.connectionless, gone)).finally(() => this.#background.delete(task));
    this.#background.add(task);
  }

  async #clean(family: Family, targets: FlowTargets): Promise<void> {
    const { conntrack, clock, log } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      const removed = await cleanStaleFlows(conntrack(family), targets, this.#stop.signal);
      this.metrics.conntrackDeleted.inc([family], removed);
      if (removed > 0) log.debug('Removed stale flows', { family, flows: removed });
    } catch (err) {
      if (this.#stop.signal.aborted) return;
      log.warn('Cannot remove flows to endpoints that are gone, their clients lose packets until they pause', { family, err });
    } finally {
      this.metrics.conntrackSeconds.observe([family], (clock.monotonicMs() - startMs) / 1_000);
    }
  }

  #input(family: Family): SyncInput {
    return { services: this.#table.ports(family), changed: undefined, settings: this.#options.settings(family) };
  }

  async explain(key: string, signal: AbortSignal): Promise<ServiceExplanation> {
    const { mode, node, proxiers } = this.#options;
    const reading = this.#table.reading(key);
    if (reading === undefined) {
      const known = [...this.#table.services].sort().slice(0, 20).join(', ');
      throw new AppError('NOT_FOUND', `services "${key}" not found${known === '' ? ': there are none' : `: there are ${known}`}`);
    }
    const ports: { port: ServicePort; frontends: Awaited<ReturnType<Proxier['explain']>> }[] = [];
    for (const proxier of proxiers) {
      const input = this.#input(proxier.family);
      for (const { id, family } of reading.ports) {
        const port = family === proxier.family ? input.services.get(id) : undefined;
        if (port !== undefined) ports.push({ port, frontends: await proxier.explain(port, input, signal) });
      }
    }
    const time = (ms: number): string => new Date(ms).toISOString();
    return explainService({
      service: key,
      mode,
      node,
      ...(reading.nothingBecause === undefined ? {} : { nothingBecause: reading.nothingBecause }),
      ...(reading.noEndpointsBecause === undefined ? {} : { noEndpointsBecause: reading.noEndpointsBecause }),
      problems: this.#table.problems(key),
      ports,
      lastWritten: this.loop.states().map(({ family, lastReport, lastSyncAtMs, lastTookMs, pendingSinceMs, lastError }) => ({
        family,
        ...(lastSyncAtMs === undefined ? {} : { at: time(lastSyncAtMs) }),
        ...(lastTookMs === undefined ? {} : { tookMs: lastTookMs }),
        ...(lastReport === undefined ? {} : { linesWritten: lastReport.linesWritten }),
        ...(pendingSinceMs === undefined ? {} : { pendingSince: time(pendingSinceMs) }),
        ...(lastError === undefined ? {} : { error: explain(lastError) }),
      })),
    });
  }

  async tracePacket(packet: Omit<Packet, 'family'>, signal: AbortSignal): Promise<PacketExplanation> {
    const family = parseIp(packet.dst)?.family;
    const proxier = this.#options.proxiers.find((p) => p.family === family);
    if (family === undefined || parseIp(packet.src)?.family !== family)
      throw new AppError('BAD_REQUEST', 'from and to: want two IP addresses of one family');
    if (proxier === undefined) throw new AppError('BAD_REQUEST', `this proxy does not serve ${family}`);
    const { outcomes, steps } = await proxier.trace({ ...packet, family }, this.#input(family), signal);
    return {
      from: packet.src,
      to: `${packet.dst} port ${packet.dport}`,
      protocol: packet.protocol,
      outcomes: Object.fromEntries(outcomes),
      steps,
    };
  }

  /** Prometheus' text, with what is asked of the kernel. Where the kernel does not answer, its last answer counts. */
  async metricsText(signal: AbortSignal): Promise<string> {
    const { invalidDropped, registry } = this.metrics;
    try {
      let dropped: number | undefined;
      for (const proxier of this.#options.proxiers) {
        const count = await proxier.countInvalidDropped?.(signal);
        if (count !== undefined) dropped = (dropped ?? 0) + count;
      }
      // A rule that is written anew counts from zero.
      if (dropped !== undefined) invalidDropped.inc([], dropped - invalidDropped.get());
    } catch (err) {
      if (codeOf(err) === 'STOPPING') throw err;
    }
    return registry.text();
  }

  /** Every difference between what should be and what is in the kernel. */
  async drift(signal: AbortSignal): Promise<string[]> {
    const found: string[] = [];
    for (const proxier of this.#options.proxiers) {
      try {
        found.push(...driftText(await proxier.readDrift(this.#input(proxier.family), signal)).map((line) => `${proxier.family} ${line}`));
      } catch (err) {
        if (codeOf(err) === 'STOPPING') throw err;
        found.push(`${proxier.family} cannot be read: ${explain(err)}`);
      }
    }
    return found;
  }
}
