/**
 * The nftables mode of one address family: plans with ledger.ts and diff.ts, writes through one nft session, reads back on evidence.
 *
 * Between two full syncs it believes that the kernel holds what it wrote. Of the services it keeps only the service ports: their
 * elements follow from them.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#base/clock.ts';
import type { Nft } from '../../linux/nft.ts';
import type { RuleWatch } from '../../linux/ruleGeneration.ts';
import type { Family } from '../ip.ts';
import type { Packet } from '../packet.ts';
import type { Drift, ExplainedFrontend, Intactness, Proxier, ProxySettings, SyncInput, SyncReport, TraceResult } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { FIXED_SETS, type ChainDef, type Content, type SetDef } from './content.ts';
import { diffContent, renderChanges, type Changes } from './diff.ts';
import { explainFrontends } from './explain.ts';
import { Ledger, type PortChange } from './ledger.ts';
import { TABLE, namesOf, wordsOf, type Words } from './names.ts';
import { Dialect, isSameSet, type Counters, type KernelChain } from './readback.ts';
import { TableReader, proxyErrors, type Reading } from './reader.ts';
import { staticContent } from './ruleset.ts';
import { walkTable, type WalkedChain } from './walk.ts';

interface Believed {
  readonly ports: Map<string, ServicePort>;
  readonly settings: ProxySettings;
  readonly ledger: Ledger;
  /** All chains, by name. */
  readonly chains: Map<string, ChainDef>;
  readonly sets: Map<string, SetDef>;
}

export interface NftablesProxierDeps {
  readonly family: Family;
  readonly nft: Nft;
  readonly clock: Clock;
  readonly watch: RuleWatch;
}

const FIXED_KINDS = new Map(FIXED_SETS.map(([name, { kind }]) => [name, kind]));
const kindOf = (set: string): SetDef['kind'] => FIXED_KINDS.get(set) ?? 'map';

export class NftablesProxier implements Proxier {
  readonly mode = 'nftables';
  readonly family: Family;
  readonly #words: Words;
  readonly #nft: Nft;
  readonly #clock: Clock;
  readonly #watch: RuleWatch;
  readonly #dialect: Dialect;
  readonly #reader: TableReader;
  #believed: Believed | undefined;
  /** Foreign writes up to the last look. */
  #seenForeign: number | undefined;
  /** Chains that were written, and not seen yet as nft prints them. */
  #unread = new Map<string, ChainDef>();

  constructor({ family, nft, clock, watch }: NftablesProxierDeps) {
    this.family = family;
    this.#words = wordsOf(family);
    this.#nft = nft;
    this.#clock = clock;
    this.#watch = watch;
    this.#dialect = new Dialect(this.#words);
    this.#reader = new TableReader(nft, this.#words);
  }

  /** The kernel counts the transactions, whoever makes them. */
  get seesAllWrites(): boolean {
    return this.#watch.foreignWrites() !== undefined;
  }

  async sync(input: SyncInput, signal: AbortSignal): Promise<SyncReport> {
    const believed = this.#believed;
    if (input.changed === undefined || believed === undefined || !isDeepStrictEqual(believed.settings, input.settings)) {
      return this.#full(input, signal);
    }
    return this.#partial(believed, input, signal);
  }

  async #partial(believed: Believed, { services, changed }: SyncInput, signal: AbortSignal): Promise<SyncReport> {
    const startMs = this.#clock.monotonicMs();
    const changes = new Map<string, PortChange>();
    for (const id of changed ?? []) changes.set(id, { from: believed.ports.get(id), to: services.get(id) });
    // From here on until the kernel has it, nothing is believed.
    this.#believed = undefined;
    const { before, after } = believed.ledger.change(changes.values());
    const difference = diffContent<ChainDef>({
      before,
      after,
      words: this.#words,
      sameRules: (a, b) => isDeepStrictEqual(a.rules, b.rules),
      hookOf: ({ hook }) => hook,
      kindOf,
    });
    const written = await this.#write(difference, startMs, signal);
    for (const name of difference.writeChains.keys()) this.#unread.delete(name);
    for (const [id, { to }] of changes) {
      if (to === undefined) believed.ports.delete(id);
      else believed.ports.set(id, to);
    }
    replaceAll(believed.chains, before.chains, after.chains);
    replaceAll(believed.sets, before.sets, after.sets);
    this.#believed = believed;
    return { kind: 'partial', ...written };
  }

  async #full({ services, settings }: SyncInput, signal: AbortSignal): Promise<SyncReport> {
    const startMs = this.#clock.monotonicMs();
    this.#believed = undefined;
    const ports = new Map(services);
    // Before reading: what comes later is not in what was read.
    const foreign = this.#watch.foreignWrites();
    // nft reads while we plan.
    const reading = this.#reader.structure(signal);
    reading.catch(() => undefined); // heard of below
    const { content, ledger } = desiredContent(ports.values(), settings);
    const plannedMs = this.#clock.monotonicMs() - startMs;
    const { structure, elements } = await this.#reader.elementsOf(await reading, content, signal);
    const readMs = this.#clock.monotonicMs() - startMs - plannedMs;
    const difference = this.#difference({ structure, elements }, content);
    const written = await this.#write(difference, startMs + plannedMs + readMs, signal);
    this.#unread = new Map(difference.writeChains);
    // Where nobody tells who writes, there is no later moment at which it is still ours for certain.
    if (foreign === undefined) await this.#learn(foreign, signal);
    this.#seenForeign = foreign;
    this.#believed = { ports, settings, ledger, chains: content.chains, sets: content.sets };
    return { kind: 'full', ...written, planMs: written.planMs + plannedMs, kernelMs: written.kernelMs + readMs };
  }

  #difference({ structure, elements }: Reading, after: Content): Changes {
    const before: Content<KernelChain> = { chains: structure.chains, sets: new Map(), elements };
    for (const [name, kernel] of structure.sets) {
      const def = after.sets.get(name);
      if (def !== undefined && isSameSet(kernel, def, this.#words)) before.sets.set(name, def);
      // Of another type, or nobody's.
      else before.sets.set(name, { kind: kernel.kind, key: [] });
    }
    return diffContent({
      before,
      after,
      words: this.#words,
      sameRules: (kernel, def) => this.#dialect.sameRules(kernel, def),
      hookOf: ({ hook }) => hook,
    });
  }

  /** Sees how this nft prints what was written last. foreign: what others had written until now. */
  async #learn(foreign: number | undefined, signal: AbortSignal): Promise<void> {
    const unread = this.#unread;
    if (unread.size === 0) return;
    this.#unread = new Map();
    const { chains } = await this.#reader.structure(signal);
    // Somebody may have written while nft read: that is not ours to learn from.
    if (this.#watch.foreignWrites() !== foreign) return;
    for (const [name, def] of unread) {
      const kernel = chains.get(name);
      if (kernel !== undefined) this.#dialect.learn(kernel, def);
    }
  }

  async #write(difference: Changes, startMs: number, signal: AbortSignal): Promise<Omit<SyncReport, 'kind'>> {
    const { main, cleanup, lines } = renderChanges(difference, this.#words);
    const planMs = this.#clock.monotonicMs() - startMs;
    for (const [step, commands] of [
      ['write', main],
      ['cleanup', cleanup],
    ] as const) {
      if (commands.length === 0) continue;
      await proxyErrors(() => this.#nft.write(commands, signal), { step });
      this.#watch.wrote(1);
    }
    return {
      linesWritten: lines,
      bytesWritten: [...main, ...cleanup].reduce((sum, command) => sum + command.length + 1, 0),
      planMs,
      kernelMs: this.#clock.monotonicMs() - startMs - planMs,
    };
  }

  /** Where nobody wrote since we looked last, the kernel need not be read. */
  async checkIntact(signal: AbortSignal): Promise<Intactness> {
    const believed = this.#believed;
    if (believed === undefined) return 'broken';
    const foreign = this.#watch.foreignWrites();
    if (foreign !== undefined && foreign === this.#seenForeign) {
      // Nobody else wrote, and nobody waits for rules.
      await this.#learn(foreign, signal);
      return 'intact';
    }
    this.#unread = new Map();
    const { chains, sets } = await this.#reader.structure(signal);
    this.#seenForeign = foreign;
    for (const [name, def] of believed.sets) {
      const kernel = sets.get(name);
      if (kernel === undefined || !isSameSet(kernel, def, this.#words)) return 'broken';
    }
    for (const [name, def] of believed.chains) {
      const kernel = chains.get(name);
      if (kernel === undefined || !isDeepStrictEqual(kernel.hook, def.hook) || !this.#dialect.sameRules(kernel, def)) return 'broken';
    }
    if (chains.size > believed.chains.size || sets.size > believed.sets.size) return 'broken';
    return foreign === undefined ? 'intact' : 'touched';
  }

  async readDrift({ services, settings }: SyncInput, signal: AbortSignal): Promise<Drift> {
    const { content } = desiredContent(services.values(), settings);
    const changes = this.#difference(await this.#reader.all(content, signal), content);
    const missing: string[] = [];
    const foreign: string[] = [];
    if (changes.rebuild) missing.push(`table ${this.#words.ip} ${TABLE}: of another make`);
    for (const [name, { kind }] of changes.addSets) missing.push(`${kind} ${name}`);
    for (const [name, { kind }] of changes.replaceSets) missing.push(`${kind} ${name}: not as it should be`);
    for (const name of changes.writeChains.keys()) missing.push(`chain ${name}: not as it should be`);
    for (const [set, { add, remove }] of changes.elements) {
      for (const [key, value] of add) missing.push(`${kindOf(set)} ${set}: ${key}${value === '' ? '' : ` : ${value}`}`);
      for (const key of remove) if (!add.has(key)) foreign.push(`${kindOf(set)} ${set}: ${key}`);
    }
    for (const name of changes.removeChains) foreign.push(`chain ${name}: nobody needs this chain`);
    for (const [name, { kind }] of changes.removeSets) foreign.push(`${kind} ${name}: nobody needs this ${kind}`);
    return { missing, foreign };
  }

  async explain(port: ServicePort, { settings }: SyncInput, signal: AbortSignal): Promise<readonly ExplainedFrontend[]> {
    const structure = await this.#reader.structure(signal);
    const counters = new Map<string, Counters>();
    const elements = new Map<string, Map<string, string>>();
    const known = staticContent(settings).sets;
    return explainFrontends({
      port,
      settings,
      words: this.#words,
      rule: (chain, rule) => {
        const { forms = [], counters = [] } = structure.chains.get(chain) ?? {};
        const at = forms.findIndex((form) => this.#dialect.says(rule, form));
        return at === -1 ? undefined : { ...counters[at] };
      },
      element: async (set, key) => {
        let found = elements.get(set);
        const def = known.get(set);
        if (found === undefined) {
          const onCounters = (k: string, c: Counters): void => void counters.set(`${set} ${k}`, c);
          found =
            def === undefined || !structure.sets.has(set)
              ? new Map<string, string>()
              : await this.#reader.set(set, def, signal, onCounters);
          elements.set(set, found);
        }
        const value = found.get(key);
        const counted = counters.get(`${set} ${key}`);
        return value === undefined ? undefined : { value, ...counted };
      },
    });
  }

  async trace(packet: Packet, { services, settings }: SyncInput, signal: AbortSignal): Promise<TraceResult> {
    const { content } = desiredContent(services.values(), settings);
    const { structure, elements } = await this.#reader.all(content, signal);
    // Who was here before goes where it went before.
    for (const name of affinitySets(services.values(), packet)) {
      const def = content.sets.get(name);
      if (def !== undefined && structure.sets.has(name)) elements.set(name, await this.#reader.set(name, def, signal));
    }
    const chains = new Map<string, WalkedChain>();
    for (const [name, { hook, forms }] of structure.chains) {
      const known = content.chains.get(name)?.rules ?? [];
      const rules = forms.map((form) => known.find((rule) => this.#dialect.says(rule, form)) ?? { foreign: form });
      chains.set(name, { hook, rules });
    }
    return walkTable({ chains, elements, words: this.#words }, packet);
  }

  async close(): Promise<void> {
    this.#believed = undefined;
    await this.#nft.close();
  }
}

/** The whole table as it should be. */
export function desiredContent(ports: Iterable<ServicePort>, settings: ProxySettings): { content: Content; ledger: Ledger } {
  const content = staticContent(settings);
  const ledger = new Ledger(settings);
  ledger.addAll(ports, content);
  return { content, ledger };
}

function replaceAll<T>(all: Map<string, T>, gone: ReadonlyMap<string, T>, here: ReadonlyMap<string, T>): void {
  for (const name of gone.keys()) all.delete(name);
  for (const [name, value] of here) all.set(name, value);
}

function* affinitySets(ports: Iterable<ServicePort>, { dst, dport, protocol }: Packet): Generator<string> {
  for (const port of ports) {
    if (port.affinitySeconds === undefined || port.protocol !== protocol) continue;
    const isAddress = port.port === dport && [port.clusterIp, ...port.externalIps, ...port.loadBalancerIps].includes(dst);
    if (!isAddress && port.nodePort !== dport) continue;
    const names = namesOf(port);
    for (const endpoint of port.choice.reachable) yield names.affinity(endpoint);
  }
}
