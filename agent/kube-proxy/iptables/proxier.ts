/**
 * The iptables mode of one address family: plans with ruleset.ts and patch.ts, writes with iptables-restore, reads back with iptables-save.
 *
 * Between two full syncs it believes that the kernel holds what it wrote. Nothing but the service ports themselves is kept for that:
 * their rules follow from them.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';
import type { Iptables } from '../../linux/iptables.ts';
import type { RuleWatch } from '../../linux/ruleGeneration.ts';
import type { Family } from '../ip.ts';
import type { Packet } from '../packet.ts';
import type { Drift, ExplainedFrontend, Intactness, Proxier, ProxySettings, SyncInput, SyncReport, TraceResult } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { walkPacket } from '../trace.ts';
import { explainFrontends } from './explain.ts';
import { CANARY, type TableName } from './names.ts';
import { patchOf, type PortChange } from './patch.ts';
import type { Style } from './portRules.ts';
import { LARGE_ENDPOINTS, planRuleset, staticRuleset, type Plan } from './ruleset.ts';
import { SaveReader, concernsUs, diffTables, driftOf, type SavedTables, type Writes } from './tables.ts';
import { NFT_LINES_PER_BATCH, linesOf, renderBatches } from './writes.ts';

/** Taking single rules out of a long chain costs a look at the whole chain for each: above this many changes a full sync is cheaper. */
const MANY_CHANGES = 200;
/** Comments come back only well below the limit, so that a count around it does not rewrite everything again and again. */
const SMALL_ENDPOINTS = 900;

interface Believed {
  readonly ports: Map<string, ServicePort>;
  readonly settings: ProxySettings;
  readonly style: Style;
  endpoints: number;
  readonly rules: { nat: number; filter: number };
}

export interface IptablesProxierDeps {
  readonly family: Family;
  readonly iptables: Iptables;
  readonly clock: Clock;
  readonly watch: RuleWatch;
}

export class IptablesProxier implements Proxier {
  readonly mode = 'iptables';
  readonly family: Family;
  readonly #iptables: Iptables;
  readonly #clock: Clock;
  readonly #watch: RuleWatch;
  #believed: Believed | undefined;
  /** The foreign writes we have seen the effect of. */
  #seenWrites: number | undefined;

  constructor({ family, iptables, clock, watch }: IptablesProxierDeps) {
    this.family = family;
    this.#iptables = iptables;
    this.#clock = clock;
    this.#watch = watch;
  }

  async sync(input: SyncInput, signal: AbortSignal): Promise<SyncReport> {
    const believed = this.#believed;
    if (input.changed === undefined || believed === undefined || !isDeepStrictEqual(believed.settings, input.settings)) {
      return this.#full(input, signal);
    }
    const changes = new Map<string, PortChange>();
    for (const id of input.changed) changes.set(id, { from: believed.ports.get(id), to: input.services.get(id) });
    const endpoints = [...changes.values()].reduce((sum, { from, to }) => sum - countOf(from) + countOf(to), believed.endpoints);
    if (changes.size > MANY_CHANGES || styleFor(endpoints, believed.style) !== believed.style) return this.#full(input, signal);
    return this.#partial({ believed, changes, endpoints }, signal);
  }

  async #partial(
    { believed, changes, endpoints }: { believed: Believed; changes: ReadonlyMap<string, PortChange>; endpoints: number },
    signal: AbortSignal,
  ): Promise<SyncReport> {
    const startMs = this.#clock.monotonicMs();
    const { writes, added } = patchOf(changes.values(), believed.settings, believed.style);
    const written = await this.#write(writes, startMs, signal);
    for (const [id, { to }] of changes) {
      if (to === undefined) believed.ports.delete(id);
      else believed.ports.set(id, to);
    }
    believed.endpoints = endpoints;
    for (const table of ['nat', 'filter'] as const) believed.rules[table] += added[table];
    return { kind: 'partial', ...written, rulesByTable: { ...believed.rules } };
  }

  async #full({ services, settings }: SyncInput, signal: AbortSignal): Promise<SyncReport> {
    const startMs = this.#clock.monotonicMs();
    const ports = new Map(services);
    const endpoints = [...ports.values()].reduce((sum, port) => sum + countOf(port), 0);
    const style = styleFor(endpoints, this.#believed?.style ?? 'commented');
    this.#believed = undefined;
    // Before reading: what is written by others from here on has not been seen.
    this.#seenWrites = this.#watch.foreignWrites();
    const actual = await this.#read(concernsUs, signal);
    const readMs = this.#clock.monotonicMs() - startMs;
    const planStartMs = this.#clock.monotonicMs();
    const { writes, rules } = diffTables(actual, planRuleset(ports.values(), settings, style));
    const written = await this.#write(writes, planStartMs, signal);
    const { nat, filter } = rules;
    this.#believed = { ports, settings, style, endpoints, rules: { nat, filter } };
    return { kind: 'full', ...written, rulesByTable: { nat, filter }, kernelMs: written.kernelMs + readMs };
  }

  async #write(writes: Writes, startMs: number, signal: AbortSignal): Promise<Omit<SyncReport, 'kind'>> {
    const linesPerBatch = this.#iptables.backend === 'nft' ? NFT_LINES_PER_BATCH : Infinity;
    const batches = renderBatches(writes, { linesPerBatch });
    const planMs = this.#clock.monotonicMs() - startMs;
    try {
      for (const { parts, transactions } of batches) {
        await this.#iptables.restore(parts, signal);
        this.#watch.wrote(transactions);
      }
    } catch (err) {
      // Some of the tables may be written: nothing is believed any more.
      this.#believed = undefined;
      throw toProxyError(err);
    }
    return {
      linesWritten: batches.reduce((sum, b) => sum + b.lines, 0),
      linesByTable: { nat: linesOf(writes.nat), filter: linesOf(writes.filter) },
      bytesWritten: batches.reduce((sum, b) => sum + b.bytes, 0),
      planMs,
      kernelMs: this.#clock.monotonicMs() - startMs - planMs,
    };
  }

  async #read(
    keeps: (table: TableName, chain: string) => boolean,
    signal: AbortSignal,
    counters: 'with' | 'without' = 'without',
  ): Promise<SavedTables> {
    const reader = new SaveReader(keeps);
    try {
      await this.#iptables.save({ counters }, (line) => reader.line(line), signal);
    } catch (err) {
      throw toProxyError(err);
    }
    return reader.tables;
  }

  async countInvalidDropped(signal: AbortSignal): Promise<number> {
    let dropped = 0;
    await this.#iptables.save({ table: 'filter', counters: 'with' }, (line) => (dropped += invalidDropped(line)), signal);
    return dropped;
  }

  /** Where nobody wrote since we looked last, the kernel need not be read. */
  async checkIntact(signal: AbortSignal): Promise<Intactness> {
    const now = this.#watch.foreignWrites();
    const believed = this.#believed;
    if (believed === undefined) return 'broken';
    if (now !== undefined && now === this.#seenWrites) return 'intact';
    const tables: SavedTables = { nat: new Map(), filter: new Map(), mangle: new Map() };
    // The rules of services are in nat. The other two are small, and whoever flushes rarely flushes one alone.
    const names: TableName[] = this.#iptables.backend === 'nft' || now !== undefined ? ['mangle', 'filter', 'nat'] : ['mangle', 'filter'];
    for (const table of names) {
      const reader = new SaveReader((t, chain) => concernsUs(t, chain) && !/^KUBE-(SVC|SEP|SVL|EXT|FW)-/.test(chain));
      await this.#iptables.save({ table }, (line) => reader.line(line), signal);
      tables[table].clear();
      for (const [chain, rules] of reader.tables[table]) tables[table].set(chain, rules);
    }
    const wanted = staticRuleset(believed.settings);
    const isWhole = names.every(
      (t) => tables[t].has(CANARY) && wanted[t].hooks.every(({ chain, rule }) => tables[t].get(chain)?.includes(rule) ?? false),
    );
    this.#seenWrites = now;
    if (!isWhole) return 'broken';
    return now === undefined ? 'intact' : 'touched';
  }

  async readDrift(input: SyncInput, signal: AbortSignal): Promise<Drift> {
    const actual = await this.#read(concernsUs, signal);
    return driftOf(actual, diffTables(actual, this.#desired(input)).writes);
  }

  #desired({ services, settings }: SyncInput): Plan {
    const endpoints = [...services.values()].reduce((sum, port) => sum + countOf(port), 0);
    return planRuleset(services.values(), settings, this.#believed?.style ?? styleFor(endpoints, 'commented'));
  }

  async explain(port: ServicePort, { settings, services }: SyncInput, signal: AbortSignal): Promise<readonly ExplainedFrontend[]> {
    const style =
      this.#believed?.style ??
      styleFor(
        [...services.values()].reduce((sum, p) => sum + countOf(p), 0),
        'commented',
      );
    const kernel = await this.#read(concernsUs, signal, 'with');
    return explainFrontends({ port, settings, style, kernel });
  }

  async trace(packet: Packet, _input: SyncInput, signal: AbortSignal): Promise<TraceResult> {
    const { outcomes, steps, unknown } = walkPacket(await this.#read(() => true, signal), packet);
    return { outcomes, steps: [...steps, ...unknown.map((rule) => `not judged: ${rule}`)] };
  }

  async close(): Promise<void> {
    this.#believed = undefined;
  }
}

function invalidDropped(line: string): number {
  const [, packets = '0'] = /^\[(\d+):\d+\] -A KUBE-FORWARD .*--ctstate INVALID -j DROP$/.exec(line) ?? [];
  return Number(packets);
}

function countOf(port: ServicePort | undefined): number {
  return port?.choice.reachable.length ?? 0;
}

function styleFor(endpoints: number, before: Style): Style {
  return endpoints > (before === 'terse' ? SMALL_ENDPOINTS : LARGE_ENDPOINTS) ? 'terse' : 'commented';
}

function toProxyError(err: unknown): unknown {
  const code = codeOf(err);
  if (code === 'IPTABLES_FAILED')
    return new AppError('PROXY_APPLY', 'Cannot write the iptables rules', err instanceof AppError ? err.facts : {}, err);
  if (code === 'IPTABLES_MISSING' || code === 'IPTABLES_TIMEOUT') return new AppError('PROXY_TOOL', 'Cannot work with iptables', {}, err);
  return err;
}
