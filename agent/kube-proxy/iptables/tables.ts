/**
 * What is in the kernel (the text of iptables-save) against what should be there, and the writes that lead from one to the other. Pure.
 *
 * Only chains that are ours by name are rewritten or removed; in chains of others only our hooks are added, and rules that jump to our
 * chains without being one of our hooks (left by another version) are taken out.
 * Source: iptables-save(8) and iptables-restore(8): ":CHAIN" makes or empties a chain, a table is one transaction.
 */
import type { Drift } from '../proxier.ts';
import { isOurs, type TableName } from './names.ts';
import type { Plan, TableRules } from './ruleset.ts';
import { emptyWrites, type TableWrites } from './writes.ts';

/** Chains by name, each with its rules as iptables-save prints them after "-A CHAIN ". */
export type SavedTable = Map<string, string[]>;
export type SavedTables = Readonly<Record<TableName, SavedTable>>;

/**
 * Takes iptables-save output line by line, so that a table of 60 MB needs not be held as one text.
 * Chains of other software are kept too when keepForeign says so: a trace needs them, a difference does not.
 */
export class SaveReader {
  readonly tables: SavedTables = { nat: new Map(), filter: new Map(), mangle: new Map() };
  #table: TableName | undefined;
  readonly #keeps: (table: TableName, chain: string) => boolean;

  constructor(keeps: (table: TableName, chain: string) => boolean = () => true) {
    this.#keeps = keeps;
  }

  line(line: string): void {
    const first = line.charCodeAt(0);
    if (first === ASTERISK) {
      const name = line.slice(1);
      this.#table = name === 'nat' || name === 'filter' || name === 'mangle' ? name : undefined;
    } else if (this.#table === undefined) return;
    else if (first === COLON) {
      const chain = line.slice(1, line.indexOf(' '));
      if (this.#keeps(this.#table, chain)) this.tables[this.#table].set(chain, []);
    } else if (first === DASH || first === BRACKET) {
      // "[packets:bytes] -A CHAIN rule" when counters were asked for.
      const start = first === BRACKET ? line.indexOf('-A ') + 3 : 3;
      const end = line.indexOf(' ', start);
      const chain = end === -1 ? line.slice(start) : line.slice(start, end);
      const counters = first === BRACKET ? `${line.slice(0, start - 4)} ` : '';
      this.tables[this.#table].get(chain)?.push(counters + (end === -1 ? '' : line.slice(end + 1)));
    }
  }
}

const ASTERISK = 42;
const COLON = 58;
const DASH = 45;
const BRACKET = 91;

export function readSave(text: string): SavedTables {
  const reader = new SaveReader();
  for (const line of text.split('\n')) reader.line(line);
  return reader.tables;
}

/** What the difference needs: our chains, and the built-in ones that hold our hooks. */
export function concernsUs(table: TableName, chain: string): boolean {
  return isOurs(table, chain) || chain === 'KUBE-FIREWALL' || /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/.test(chain);
}

/** Rewriting a chain costs its length; taking out and putting in single rules costs a look at the whole chain for each. */
const FEW_LINES = 50;

export type Writes = Readonly<Record<TableName, TableWrites>>;

export interface Difference {
  readonly writes: Writes;
  /** How many rules should be there. */
  readonly rules: { readonly nat: number; readonly filter: number };
}

export function diffTables(actual: SavedTables, { fixed, services }: Plan): Difference {
  const writes: Writes = { nat: emptyWrites(), filter: emptyWrites(), mangle: emptyWrites() };
  const rules = { nat: 0, filter: 0, mangle: 0 };
  const unclaimed = { nat: oursIn(actual, 'nat'), filter: oursIn(actual, 'filter'), mangle: oursIn(actual, 'mangle') };
  const want = (table: TableName, chain: string, wanted: readonly string[]): void => {
    if (!sameList(actual[table].get(chain), wanted)) writes[table].rewrite.put(chain, wanted);
    unclaimed[table].delete(chain);
    rules[table] += wanted.length;
  };
  for (const table of TABLES) for (const [chain, wanted] of fixed[table].chains) want(table, chain, wanted);
  // What is jumped to comes before what jumps to it, because large writes are cut.
  for (const { own, dispatch } of services) {
    for (const [chain, wanted] of own) want('nat', chain, wanted);
    for (const { table, chain, rule } of dispatch) fixed[table].dispatch.get(chain)?.rules.push(rule);
  }
  for (const table of TABLES) {
    for (const [chain, { rules: wanted, tail }] of fixed[table].dispatch) {
      diffDispatch({ chain, have: actual[table].get(chain), rules: wanted, tail }, writes[table]);
      unclaimed[table].delete(chain);
      rules[table] += wanted.length + tail.length;
    }
    writes[table].drop.push(...unclaimed[table]);
    diffHooks({ table, actual: actual[table], desired: fixed[table] }, writes[table]);
  }
  return { writes, rules };
}

const TABLES = ['nat', 'filter', 'mangle'] as const;

function oursIn(actual: SavedTables, table: TableName): Set<string> {
  return new Set([...actual[table].keys()].filter((chain) => isOurs(table, chain)));
}

interface DispatchDiff {
  readonly chain: string;
  readonly have: readonly string[] | undefined;
  readonly rules: readonly string[];
  readonly tail: readonly string[];
}

function diffDispatch({ chain, have, rules, tail }: DispatchDiff, writes: TableWrites): void {
  const whole = (): void => writes.rewrite.put(chain, [...rules, ...tail]);
  if (have === undefined) return whole();
  const body = have.length - tail.length;
  if (body < 0 || !sameList(have.slice(body), tail)) return whole();
  const { missing, foreign } = compare(have.slice(0, body), rules);
  if (missing.length + foreign.length > FEW_LINES) return whole();
  for (const rule of missing) writes.insert.push({ chain, rule });
  for (const rule of foreign) writes.remove.push({ chain, rule });
}

/** The writes that a difference needs, in words: which rules are not there, which should not be. */
export function driftOf(actual: SavedTables, writes: Writes): Drift {
  const missing: string[] = [];
  const foreign: string[] = [];
  for (const table of TABLES) {
    const { make, rewrite, insert, remove, drop } = writes[table];
    for (const [chain, rules] of rewrite.chains()) {
      const have = actual[table].get(chain);
      const different = compare(have ?? [], rules);
      if (have === undefined) missing.push(`${table} ${chain}: the chain`);
      else if (different.missing.length + different.foreign.length === 0) missing.push(`${table} ${chain}: the order of its rules`);
      for (const rule of different.missing) missing.push(`${table} ${chain} ${rule}`);
      for (const rule of different.foreign) foreign.push(`${table} ${chain} ${rule}`);
    }
    for (const chain of make) missing.push(`${table} ${chain}: the chain`);
    for (const { chain, rule } of insert) missing.push(`${table} ${chain} ${rule}`);
    for (const { chain, rule } of remove) foreign.push(`${table} ${chain} ${rule}`);
    for (const chain of drop) foreign.push(`${table} ${chain}: nobody needs this chain`);
  }
  return { missing, foreign };
}

/** As multisets: what is wanted and not there, what is there and not wanted. */
export function compare(have: readonly string[], want: readonly string[]): { missing: string[]; foreign: string[] } {
  const left = new Map<string, number>();
  for (const rule of have) left.set(rule, (left.get(rule) ?? 0) + 1);
  const missing: string[] = [];
  for (const rule of want) {
    const n = left.get(rule) ?? 0;
    if (n === 0) missing.push(rule);
    else if (n === 1) left.delete(rule);
    else left.set(rule, n - 1);
  }
  return { missing, foreign: [...left].flatMap(([rule, n]) => Array.from({ length: n }, () => rule)) };
}

function diffHooks({ table, actual, desired }: { table: TableName; actual: SavedTable; desired: TableRules }, writes: TableWrites): void {
  const wanted = new Map<string, string[]>();
  for (const { chain, rule, makeChain } of desired.hooks) {
    wanted.set(chain, [...(wanted.get(chain) ?? []), rule]);
    if (makeChain && !actual.has(chain)) writes.make.push(chain);
  }
  for (const [chain, rules] of wanted) {
    const { missing } = compare(actual.get(chain) ?? [], rules);
    // Each goes to the head, so the last one comes first.
    for (const rule of missing.toReversed()) writes.insert.push({ chain, rule });
  }
  for (const [chain, rules] of actual) {
    if (isOurs(table, chain)) continue;
    const { foreign } = compare(
      rules.filter((rule) => jumpsToOurs(table, rule)),
      wanted.get(chain) ?? [],
    );
    for (const rule of foreign) writes.remove.push({ chain, rule });
  }
}

/** KUBE-MARK-MASQ is a service of ours to others (the portmap plugin uses it): jumps to it are theirs. */
function jumpsToOurs(table: TableName, rule: string): boolean {
  const to = /(?:^| )-[jg] (\S+)/.exec(rule)?.[1];
  return to !== undefined && to !== 'KUBE-MARK-MASQ' && isOurs(table, to);
}

function sameList(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a !== undefined && a.length === b.length && b.every((rule, i) => rule === a[i]);
}
