/**
 * iptables in memory: the part of iptables-restore --noflush and iptables-save that the proxy uses, with the errors of the real one.
 * iptablesContract.ts holds it against the real tools.
 *
 * Differs from the real tools: it does not read rules, so a malformed rule is taken as it is; rules must be in the form iptables-save prints.
 */
import { AppError } from '#base/errors.ts';
import { textOf, type Input } from '../memoryFile.ts';
import type { Iptables, IptablesBackend, SaveOptions } from '../iptables.ts';
import type { RuleWatch } from '../ruleGeneration.ts';

const BUILT_IN = {
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
} as const;
const TABLES = ['mangle', 'filter', 'nat'] as const;
const TARGETS = /^(ACCEPT|DROP|REJECT|RETURN|MARK|MASQUERADE|DNAT|SNAT)$/;

type Table = Map<string, string[]>;
type TableName = (typeof TABLES)[number];

export class FakeIptables implements Iptables {
  readonly backend: IptablesBackend;
  readonly version = '1.8.9';
  /** How many tables were written, as the generation of the nft rules counts them. */
  generation = 0;
  /** What restore was given. */
  readonly restored: string[] = [];
  /** A match that the kernel does not have: "-m sctp". */
  lacks: string | undefined;
  /** The next restores throw this. */
  failWith: Error | undefined;
  readonly #tables = new Map<TableName, Table>();

  constructor(backend: IptablesBackend = 'nft') {
    this.backend = backend;
    for (const name of TABLES) this.#tables.set(name, new Map(BUILT_IN[name].map((chain) => [chain, []])));
  }

  async save({ table, counters }: SaveOptions, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (const [name, chains] of this.#tables) {
      if (table !== undefined && table !== name) continue;
      onLine(`*${name}`);
      for (const chain of chains.keys()) onLine(`:${chain} ${isBuiltIn(name, chain) ? 'ACCEPT' : '-'} [0:0]`);
      for (const [chain, rules] of chains) for (const rule of rules) onLine(`${counters === 'with' ? '[0:0] ' : ''}-A ${chain} ${rule}`);
      onLine('COMMIT');
    }
  }

  async restore(given: Input, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const text = textOf(given);
    if (this.failWith !== undefined) throw this.failWith;
    this.restored.push(text);
    let name: TableName | undefined;
    let draft: Table = new Map();
    text.split('\n').forEach((line, i) => {
      const fail = (why: string): never => {
        throw new AppError('IPTABLES_FAILED', `iptables-restore refused: ${why}, at: ${line}`, { rule: line, line: i + 1 });
      };
      if (line === '' || line.startsWith('#')) return;
      if (line.startsWith('*')) {
        name = TABLES.find((t) => t === line.slice(1)) ?? fail('no such table');
        draft = new Map([...(this.#tables.get(name) ?? [])].map(([chain, rules]) => [chain, [...rules]]));
      } else if (name === undefined) fail('no table');
      else if (line === 'COMMIT') {
        this.#tables.set(name, draft);
        this.generation += 1;
        name = undefined;
      } else if (this.lacks !== undefined && line.includes(this.lacks)) fail('No chain/target/match by that name');
      else command(name, draft, line, fail);
    });
  }

  /** As agent/linux/ruleGeneration.ts gives for nf_tables. */
  watch(): RuleWatch {
    let own = 0;
    return { foreignWrites: () => this.generation - own, wrote: (n) => void (own += n) };
  }

  /** As somebody else would: flushes and deletes everything in a table. */
  flush(table: TableName): void {
    this.generation += 1;
    this.#tables.set(table, new Map(BUILT_IN[table].map((chain) => [chain, []])));
  }
}

function isBuiltIn(table: TableName, chain: string): boolean {
  return (BUILT_IN[table] as readonly string[]).includes(chain);
}

function command(table: TableName, draft: Table, line: string, fail: (why: string) => never): void {
  if (line.startsWith(':')) {
    draft.set(line.slice(1, line.indexOf(' ')), []);
    return;
  }
  const [, verb = '', chain = '', rule = ''] = /^-([AIDX]) (\S+) ?(.*)$/.exec(line) ?? fail('unknown command');
  const rules = draft.get(chain) ?? fail(`chain ${chain} does not exist`);
  const target = /(?:^| )-j (\S+)/.exec(rule)?.[1];
  if (verb !== 'D' && target !== undefined && !TARGETS.test(target) && !draft.has(target)) fail(`chain ${target} does not exist`);
  if (verb === 'A') rules.push(rule);
  if (verb === 'I') rules.unshift(rule);
  if (verb === 'D') {
    const at = rules.indexOf(rule);
    if (at === -1) fail('does a matching rule exist in that chain?');
    rules.splice(at, 1);
  }
  if (verb === 'X') {
    if (rules.length > 0) fail(`chain ${chain} is not empty`);
    const jump = new RegExp(`(^| )-j ${chain}( |$)`);
    for (const [other, theirs] of draft)
      if (theirs.some((r) => jump.test(r))) fail(`chain ${chain} is used by ${other} (Device or resource busy)`);
    if (isBuiltIn(table, chain)) fail(`chain ${chain} is built in`);
    draft.delete(chain);
  }
}
