/**
 * The loop of the proxy: brings the kernel to the service table, family by family, and keeps it there.
 *
 * Changes are coalesced: the first one is written at once, the next ones not before minSyncPeriod has passed since. A failed sync is
 * tried again later and later, as a full one. A full one also comes when our hooks are gone, when others wrote rules (then at most for a
 * tenth of the time), and every hour where others can write unseen. The families take turns, so that their writes can be told from those of others.
 *
 * Units: milliseconds.
 */
import type { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Family } from './ip.ts';
import type { Proxier, ProxySettings, SyncInput, SyncReport } from './proxier.ts';
import type { ServicePort } from './servicePort.ts';
import type { ServiceTable } from './serviceTable.ts';

/** Between two looks at whether our rules are still there. */
const INTACT_CHECK_MS = 1_000;
/** Upstream's period of full syncs. */
const FULL_SYNC_MS = 3_600_000;
/** Reading all rules because others wrote some may take this share of the time. */
const SHARE_FOR_OTHERS = 10;

export interface SyncLoopOptions {
  readonly proxiers: readonly Proxier[];
  readonly table: ServiceTable;
  readonly settings: (family: Family) => ProxySettings;
  readonly clock: Clock;
  readonly log: Logger;
  /** Delays of a family whose sync failed. */
  readonly backoff: Backoff;
  readonly minSyncPeriodMs: number;
  readonly onEvent?: (event: SyncEvent) => void;
}

export type SyncEvent =
  | { readonly kind: 'queued'; readonly family: Family }
  | {
      readonly kind: 'synced';
      readonly family: Family;
      readonly report: SyncReport;
      readonly tookMs: number;
      /** What was written, as it was then; the table may have gone on since. */
      readonly ports: WrittenPorts;
      /** When the first of the changes came in. */
      readonly queuedAtMs: number | undefined;
    }
  | { readonly kind: 'failed'; readonly family: Family; readonly attempt: 'full' | 'partial'; readonly err: unknown };

export type WrittenPorts =
  | { readonly kind: 'all'; readonly ports: ReadonlyMap<string, ServicePort> }
  /** undefined: gone. */
  | { readonly kind: 'changed'; readonly ports: ReadonlyMap<string, ServicePort | undefined> };

/** What we know of one family. */
export interface LaneState {
  readonly family: Family;
  readonly lastReport: SyncReport | undefined;
  readonly lastSyncAtMs: number | undefined;
  readonly lastTookMs: number | undefined;
  readonly pendingSinceMs: number | undefined;
  readonly lastError: unknown;
}

interface Lane {
  readonly proxier: Proxier;
  /** Ids taken from the table that are not in the kernel yet. */
  readonly changed: Set<string>;
  full: string | undefined;
  pendingSinceMs: number | undefined;
  startedAtMs: number | undefined;
  notBeforeMs: number;
  fullAtMs: number;
  fullTookMs: number;
  touchedSinceMs: number | undefined;
  lastReport: SyncReport | undefined;
  lastSyncAtMs: number | undefined;
  lastTookMs: number | undefined;
  lastError: unknown;
}

export class SyncLoop {
  readonly #options: SyncLoopOptions;
  readonly #lanes: readonly Lane[];
  #wake: (() => void) | undefined;

  constructor(options: SyncLoopOptions) {
    this.#options = options;
    this.#lanes = options.proxiers.map((proxier) => ({
      proxier,
      changed: new Set(),
      full: 'start',
      pendingSinceMs: undefined,
      startedAtMs: undefined,
      notBeforeMs: 0,
      fullAtMs: 0,
      fullTookMs: 0,
      touchedSinceMs: undefined,
      lastReport: undefined,
      lastSyncAtMs: undefined,
      lastTookMs: undefined,
      lastError: undefined,
    }));
  }

  /** The table has changed. Doing it again costs nothing. */
  changed(): void {
    const { table, clock, onEvent } = this.#options;
    for (const lane of this.#lanes) {
      const ids = table.takeChanges(lane.proxier.family);
      if (ids.size === 0) continue;
      for (const id of ids) lane.changed.add(id);
      if (lane.pendingSinceMs === undefined) onEvent?.({ kind: 'queued', family: lane.proxier.family });
      lane.pendingSinceMs ??= clock.nowMs();
    }
    this.#wake?.();
  }

  /** Believes nothing any more, because of why: the settings changed, somebody asked for it. */
  requestFull(why: string): void {
    for (const lane of this.#lanes) lane.full ??= why;
    this.#wake?.();
  }

  /** Service ports that are not in the kernel as they should be. */
  get pending(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.changed.size, 0);
  }

  states(): LaneState[] {
    return this.#lanes.map(({ proxier, lastReport, lastSyncAtMs, lastTookMs, pendingSinceMs, lastError }) => ({
      family: proxier.family,
      lastReport,
      lastSyncAtMs,
      lastTookMs,
      pendingSinceMs,
      lastError,
    }));
  }

  /** To be started when the table holds everything there is. Runs until signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let checkAtMs = clock.nowMs() + INTACT_CHECK_MS;
    while (!signal.aborted) {
      for (const lane of this.#lanes) if (!signal.aborted && clock.nowMs() >= this.#dueMs(lane)) await this.#sync(lane, signal);
      if (clock.nowMs() >= checkAtMs) {
        const startMs = clock.monotonicMs();
        for (const lane of this.#lanes) if (!signal.aborted) await this.#check(lane, signal);
        // Where the kernel cannot be asked whether anybody wrote, a look reads all rules.
        checkAtMs = clock.nowMs() + Math.max(INTACT_CHECK_MS, SHARE_FOR_OTHERS * (clock.monotonicMs() - startMs));
      }
      const dueMs = Math.min(checkAtMs, ...this.#lanes.map((lane) => this.#dueMs(lane)));
      if (dueMs > clock.nowMs()) await this.#wait(dueMs - clock.nowMs(), signal);
    }
  }

  #dueMs(lane: Lane): number {
    const paused = lane.startedAtMs === undefined ? 0 : lane.startedAtMs + this.#options.minSyncPeriodMs;
    const earliest = Math.max(lane.notBeforeMs, paused);
    if (lane.full !== undefined || lane.changed.size > 0) return earliest;
    const hourly = Math.max(overdueMs(lane), earliest);
    return lane.touchedSinceMs === undefined
      ? hourly
      : Math.min(hourly, Math.max(earliest, lane.fullAtMs + lane.fullTookMs * SHARE_FOR_OTHERS));
  }

  async #sync(lane: Lane, signal: AbortSignal): Promise<void> {
    const { table, clock, log, backoff, settings, onEvent } = this.#options;
    const { family } = lane.proxier;
    const startedAtMs = clock.nowMs();
    const startMs = clock.monotonicMs();
    const overdue = startedAtMs >= overdueMs(lane) ? 'an hour has passed' : undefined;
    const why = lane.full ?? (lane.touchedSinceMs === undefined ? overdue : 'others wrote rules');
    const changed = new Set(lane.changed);
    const queuedAtMs = lane.pendingSinceMs;
    const input: SyncInput = {
      services: table.ports(family),
      changed: why === undefined ? changed : undefined,
      settings: settings(family),
    };
    const ports: WrittenPorts =
      why === undefined
        ? { kind: 'changed', ports: new Map([...changed].map((id) => [id, input.services.get(id)])) }
        : { kind: 'all', ports: new Map(input.services) };
    lane.startedAtMs = startedAtMs;
    lane.changed.clear();
    lane.pendingSinceMs = undefined;
    // A request that comes while we write is the next one's.
    lane.full = undefined;
    try {
      const report = await lane.proxier.sync(input, signal);
      const tookMs = clock.monotonicMs() - startMs;
      if (report.kind === 'full') {
        lane.fullAtMs = clock.nowMs();
        lane.fullTookMs = tookMs;
        lane.touchedSinceMs = undefined;
      }
      this.#tell(lane, { why, report, tookMs });
      lane.lastReport = report;
      lane.lastSyncAtMs = clock.nowMs();
      lane.lastTookMs = tookMs;
      lane.lastError = undefined;
      lane.notBeforeMs = 0;
      backoff.reset(family);
      onEvent?.({ kind: 'synced', family, report, tookMs, ports, queuedAtMs });
    } catch (err) {
      if (signal.aborted) return;
      const retryInMs = backoff.nextMs(family);
      lane.full = 'the last sync failed';
      lane.lastError = err;
      lane.notBeforeMs = clock.nowMs() + retryInMs;
      if (queuedAtMs !== undefined) lane.pendingSinceMs = queuedAtMs;
      lane.pendingSinceMs ??= startedAtMs;
      log.error('Cannot write the rules of services, they stay as they are until it works', {
        family,
        mode: lane.proxier.mode,
        retryInMs,
        err,
      });
      onEvent?.({ kind: 'failed', family, attempt: why === undefined ? 'partial' : 'full', err });
    }
  }

  #tell(lane: Lane, { why, report, tookMs }: { why: string | undefined; report: SyncReport; tookMs: number }): void {
    const { log } = this.#options;
    const { family } = lane.proxier;
    const took = Math.round(tookMs);
    if (lane.lastError !== undefined) log.info('Wrote the rules of services again', { family, tookMs: took });
    else if (why === 'they were removed')
      log.warn('Rules of services had been removed, they are back', { family, lines: report.linesWritten, tookMs: took });
    else if (why === 'others wrote rules' && report.linesWritten > 0) {
      log.warn('Others had changed rules of services, they are as they should be again', {
        family,
        lines: report.linesWritten,
        tookMs: took,
      });
    } else log.debug('Synced', { family, kind: report.kind, why, lines: report.linesWritten, tookMs: took });
  }

  async #check(lane: Lane, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    if (lane.full !== undefined || lane.lastReport === undefined) return;
    try {
      const intactness = await lane.proxier.checkIntact(signal);
      if (intactness === 'broken') lane.full = 'they were removed';
      if (intactness === 'touched') lane.touchedSinceMs ??= clock.nowMs();
    } catch (err) {
      if (!signal.aborted) log.warn('Cannot see whether the rules of services are still there', { family: lane.proxier.family, err });
    }
  }

  async #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const rung = new Promise<void>((resolve) => (this.#wake = resolve));
    await Promise.race([rung, this.#options.clock.sleep(delayMs, AbortSignal.any([signal, stop.signal])).catch(() => undefined)]);
    stop.abort();
    this.#wake = undefined;
  }
}

function overdueMs({ fullAtMs, proxier }: Lane): number {
  return proxier.seesAllWrites === true ? Infinity : fullAtMs + FULL_SYNC_MS;
}
