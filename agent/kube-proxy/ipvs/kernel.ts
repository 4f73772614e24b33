/** Reads and writes everything of the ipvs mode in one family: virtual servers, addresses of the device, sets, iptables rules. */
import { AppError, codeOf } from '#base/errors.ts';
import type { Iptables } from '../../linux/iptables.ts';
import type { IpSets, KernelSet } from '../../linux/ipset.ts';
import type { Ipvs } from '../../linux/ipvs.ts';
import { isLoopback, parseIp, type Family } from '../ip.ts';
import type { Ruleset } from '../iptables/ruleset.ts';
import { concernsUs, diffTables, SaveReader, type SavedTables, type Writes } from '../iptables/tables.ts';
import { isEmpty, renderBatches, type Batch } from '../iptables/writes.ts';
import type { ProxySettings } from '../proxier.ts';
import { DEVICE, SET_KEYS, isGoodSet, isSetOf, setName, setType } from './names.ts';
import { countWrites, emptyIpvs, isOfFamily, type IpvsContent, type IpvsNode, type IpvsWrites } from './plan.ts';
import { ListReader, readServers, type ListedServer } from './readback.ts';
import { OWN_CHAINS, ipvsRules } from './rules.ts';

export interface IpvsTools {
  readonly ipvs: Ipvs;
  readonly ipsets: IpSets;
  readonly iptables: Iptables;
}

export interface IpvsReading {
  readonly content: IpvsContent;
  readonly sets: ReadonlyMap<string, KernelSet>;
  readonly saved: SavedTables;
  /** What the iptables rules lack. */
  readonly rules: Writes;
}

export interface Written {
  readonly lines: number;
  readonly bytes: number;
}

export class IpvsKernel {
  readonly #tools: IpvsTools;
  readonly #family: Family;

  constructor(tools: IpvsTools, family: Family) {
    this.#tools = tools;
    this.#family = family;
  }

  async node(signal: AbortSignal): Promise<IpvsNode> {
    const all = await this.#addresses(signal);
    return { addresses: [...new Set(all.filter(({ device, ip }) => device !== DEVICE && !isLoopback(ip)).map(({ ip }) => ip))].sort() };
  }

  async #addresses(signal: AbortSignal): Promise<{ device: string; ip: string }[]> {
    const all = await proxyErrors(() => this.#tools.ipvs.addresses(signal));
    return all.flatMap(({ device, ip: text }) => {
      const ip = parseIp(text);
      return ip?.family === this.#family && !ip.text.startsWith('fe80:') ? [{ device, ip: ip.text }] : [];
    });
  }

  async read(settings: ProxySettings, signal: AbortSignal): Promise<IpvsReading> {
    const content = emptyIpvs();
    const lines: string[] = [];
    await proxyErrors(() => this.#tools.ipvs.save((line) => lines.push(line), signal));
    for (const [key, def] of readServers(lines)) if (isOfFamily(def.address, this.#family)) content.servers.set(key, def);
    for (const { device, ip } of await this.#addresses(signal)) if (device === DEVICE) content.addresses.add(ip);
    const sets = await proxyErrors(() => this.#tools.ipsets.read(isSetOf(this.#family), signal));
    for (const key of SET_KEYS) {
      const set = sets.get(setName(key, this.#family));
      if (set !== undefined) content.entries.set(key, set.entries);
    }
    const saved = await this.savedRules('without', signal);
    const fixed = ipvsRules(settings);
    const rules = diffTables(saved, { fixed, services: [] }).writes;
    removeElsewhere(saved, fixed, rules);
    return { content, sets, saved, rules };
  }

  async savedRules(counters: 'with' | 'without', signal: AbortSignal): Promise<SavedTables> {
    const reader = new SaveReader((table, chain) => concernsUs(table, chain) || OWN_CHAINS.has(chain));
    await proxyErrors(() => this.#tools.iptables.save({ counters }, (line) => reader.line(line), signal));
    return reader.tables;
  }

  async list(what: 'connections' | 'counters', signal: AbortSignal): Promise<ReadonlyMap<string, ListedServer>> {
    const reader = new ListReader();
    await proxyErrors(() => this.#tools.ipvs.list(what, (line) => reader.line(line), signal));
    return reader.servers;
  }

  /** Sets that are missing, too small or of another type. A set in use is swapped for a better one. */
  setsToMake(content: IpvsContent, sets: ReadonlyMap<string, KernelSet>): string[] {
    return SET_KEYS.flatMap((key) => {
      const name = setName(key, this.#family);
      const type = setType(key, this.#family, content.entries.get(key)?.size ?? 0);
      const is = sets.get(name);
      if (is === undefined) return [`create ${name} ${type}`];
      if (isGoodSet(is.type, type)) return [];
      const entries = [...is.entries].filter(() => is.type.split(' ')[0] === type.split(' ')[0]);
      const next = 'KUBE-NEXT';
      return [`create ${next} ${type}`, ...entries.map((e) => `add ${next} ${e}`), `swap ${next} ${name}`, `destroy ${next}`];
    });
  }

  async writeRules(rules: Writes, signal: AbortSignal): Promise<Written & { readonly transactions: number }> {
    if (Object.values(rules).every(isEmpty)) return { lines: 0, bytes: 0, transactions: 0 };
    const batches = renderBatches(rules, { linesPerBatch: Infinity });
    for (const { parts } of batches) await proxyErrors(() => this.#tools.iptables.restore(parts, signal));
    const sum = (of: (batch: Batch) => number): number => batches.reduce((all, batch) => all + of(batch), 0);
    return { lines: sum((b) => b.lines), bytes: sum((b) => b.bytes), transactions: sum((b) => b.transactions) };
  }

  /** In an order in which no packet meets half of it: what leads to a server comes after it, and goes before it. */
  async write(writes: IpvsWrites, madeSets: readonly string[], signal: AbortSignal): Promise<Written> {
    const { ipvs, ipsets } = this.#tools;
    const entryCommands = (verb: 'add' | 'del', all: IpvsWrites['addEntries']): string[] =>
      [...all].flatMap(([key, entries]) => entries.map((entry) => `${verb} ${setName(key, this.#family)} ${entry}`));
    const adds = entryCommands('add', writes.addEntries);
    const dels = entryCommands('del', writes.removeEntries);
    await proxyErrors(async () => {
      await ipsets.write(adds, signal);
      await ipvs.restore(writes.servers, signal);
      await ipvs.changeAddresses(DEVICE, { add: writes.addAddresses, remove: writes.removeAddresses }, signal);
      await ipvs.restore(writes.removeServers, signal);
      await ipsets.write(dels, signal);
    });
    const text = [...madeSets, ...adds, ...dels, ...writes.servers, ...writes.removeServers];
    return { lines: madeSets.length + countWrites(writes), bytes: text.reduce((sum, line) => sum + line.length + 1, 0) };
  }

  async makeSets(commands: readonly string[], signal: AbortSignal): Promise<void> {
    await proxyErrors(() => this.#tools.ipsets.write(commands, signal));
  }
}

/** Chains of this mode in tables where we have none: upstream's KUBE-IPVS-OUT-FILTER is in filter. */
function removeElsewhere(saved: SavedTables, fixed: Ruleset, writes: Writes): void {
  for (const table of ['nat', 'filter', 'mangle'] as const) {
    const isElsewhere = (chain: string): boolean => OWN_CHAINS.has(chain) && !fixed[table].chains.has(chain);
    for (const [chain, rules] of saved[table]) {
      if (isElsewhere(chain)) writes[table].drop.push(chain);
      else if (!OWN_CHAINS.has(chain)) {
        for (const rule of rules) if (isElsewhere(/(?:^| )-[jg] (\S+)/.exec(rule)?.[1] ?? '')) writes[table].remove.push({ chain, rule });
      }
    }
  }
}

const MISSING = new Set(['IPVS_MISSING', 'IPVS_UNSUPPORTED', 'IPSET_MISSING', 'IPTABLES_MISSING', 'IPTABLES_TIMEOUT']);
const REFUSED = new Set(['IPVS_FAILED', 'IPSET_FAILED', 'IPTABLES_FAILED']);

/** In the words of the proxy's contract. */
export async function proxyErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    const code = codeOf(err) ?? '';
    const facts = err instanceof AppError ? err.facts : {};
    if (REFUSED.has(code)) throw new AppError('PROXY_APPLY', 'Cannot write the IPVS rules', facts, err);
    if (MISSING.has(code)) throw new AppError('PROXY_TOOL', 'Cannot work with IPVS', facts, err);
    throw err;
  }
}
