/**
 * Walks a packet that opens a connection through iptables rules, as iptables-save prints them, and says where it may end and
 * how likely. Pure. It is the oracle of the tests and the core of "explain packet", where it walks the rules of the kernel,
 * those of other software included.
 *
 * Knows the tables nat and filter and the matches listed in test(); a rule with another match is passed by and named in unknown.
 * sessionAffinity: a client that was never seen before.
 */
import { cidrContains } from './ip.ts';
import type { SavedTable, SavedTables } from './iptables/tables.ts';
import { outcomeText, type Outcome, type Packet } from './packet.ts';
import { joinHostPort } from './ip.ts';

export interface Walk {
  readonly outcomes: ReadonlyMap<string, number>;
  /** "nat KUBE-SERVICES -d …": every rule that matched on some way, in the order met. */
  readonly steps: readonly string[];
  /** Rules that could not be judged. */
  readonly unknown: readonly string[];
}

/** One of the ways the packet may go. */
interface Way {
  readonly share: number;
  readonly mark: number;
  readonly dst: string;
  readonly dport: number;
  readonly isTranslated: boolean;
  readonly isMasqueraded: boolean;
}

/** How a way left a chain. */
type Verdict = 'accept' | 'drop' | 'reject' | 'return';

export function walkPacket(tables: SavedTables, packet: Packet): Walk {
  const walker = new Walker(tables, packet);
  return walker.walk();
}

class Walker {
  readonly #tables: SavedTables;
  readonly #packet: Packet;
  readonly #steps = new Set<string>();
  readonly #unknown = new Set<string>();
  readonly #outcomes = new Map<string, number>();

  constructor(tables: SavedTables, packet: Packet) {
    this.#tables = tables;
    this.#packet = packet;
  }

  walk(): Walk {
    const { dst, dport, inInterface } = this.#packet;
    const fromHere = inInterface === undefined;
    const start: Way = { share: 1, mark: 0, dst, dport, isTranslated: false, isMasqueraded: false };
    for (const way of this.#base('nat', fromHere ? 'OUTPUT' : 'PREROUTING', [start])) {
      const toHere = this.#packet.nodeAddresses.includes(way.dst);
      const hooks = fromHere ? (toHere ? ['OUTPUT', 'INPUT'] : ['OUTPUT']) : toHere ? ['INPUT'] : ['FORWARD'];
      let ways = [way];
      for (const hook of hooks) ways = this.#base('filter', hook, ways);
      if (!toHere || fromHere) ways = this.#base('nat', 'POSTROUTING', ways);
      for (const { isTranslated, isMasqueraded, ...end } of ways) {
        const outcome: Outcome = isTranslated
          ? { kind: 'endpoint', endpoint: joinHostPort(end.dst, end.dport), masquerade: isMasqueraded }
          : { kind: 'pass' };
        this.#end(outcome, end.share);
      }
    }
    return { outcomes: this.#outcomes, steps: [...this.#steps], unknown: [...this.#unknown] };
  }

  #end(outcome: Outcome, share: number): void {
    const text = outcomeText(outcome);
    this.#outcomes.set(text, (this.#outcomes.get(text) ?? 0) + share);
  }

  /** A built-in chain: what comes to its end goes on. */
  #base(table: 'nat' | 'filter', chain: string, ways: readonly Way[]): Way[] {
    const on: Way[] = [];
    for (const [verdict, way] of this.#chain(table, chain, ways)) {
      if (verdict === 'drop' || verdict === 'reject') this.#end({ kind: verdict }, way.share);
      else on.push(way);
    }
    return on;
  }

  #chain(table: 'nat' | 'filter', chain: string, ways: readonly Way[], depth = 0): [Verdict, Way][] {
    const ended: [Verdict, Way][] = [];
    let here = [...ways];
    if (depth > 64) return here.map((w) => ['drop', w]);
    const rules: SavedTable = this.#tables[table];
    for (const text of rules.get(chain) ?? []) {
      if (here.length === 0) break;
      const rule = parseRule(text);
      const next: Way[] = [];
      for (const way of here) {
        const chance = this.#matches(rule, way, `${table} ${chain} ${text}`);
        if (chance < 1) next.push({ ...way, share: way.share * (1 - chance) });
        if (chance === 0) continue;
        this.#steps.add(`${table} ${chain} ${text}`);
        for (const [verdict, after] of this.#target(table, rule, { ...way, share: way.share * chance }, depth)) {
          if (verdict === 'return') next.push(after);
          else if (verdict === 'leave') ended.push(['return', after]);
          else ended.push([verdict, after]);
        }
      }
      here = next;
    }
    return [...ended, ...here.map((w): [Verdict, Way] => ['return', w])];
  }

  /** 'return' goes on with the next rule, 'leave' with the chain above. */
  #target(table: 'nat' | 'filter', rule: Rule, way: Way, depth: number): [Verdict | 'leave', Way][] {
    switch (rule.target) {
      case '':
        return [['return', way]];
      case 'ACCEPT':
        return [['accept', way]];
      case 'DROP':
        return [['drop', way]];
      case 'REJECT':
        return [['reject', way]];
      case 'RETURN':
        return [['leave', way]];
      case 'MARK': {
        const [value = 0, mask = 0] = (rule.option('--set-xmark') ?? '').split('/').map(Number);
        return [['return', { ...way, mark: (way.mark & ~mask) ^ value }]];
      }
      case 'MASQUERADE':
        return [['accept', { ...way, isMasqueraded: true }]];
      case 'DNAT': {
        const [, ip = '', port = ''] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(rule.option('--to-destination') ?? '') ?? [];
        return [['accept', { ...way, dst: ip, dport: Number(port), isTranslated: true }]];
      }
      default:
        return this.#chain(table, rule.target, [way], depth + 1);
    }
  }

  /** How likely the rule matches: 0, 1, or in between for a random one. */
  #matches(rule: Rule, way: Way, shown: string): number {
    let chance = 1;
    for (const { option, value, isNegated } of rule.matches) {
      if (option === '--probability') {
        chance *= Number(value);
        continue;
      }
      const holds = this.#test(option, value, way);
      if (holds === undefined) {
        this.#unknown.add(shown);
        return 0;
      }
      if (holds === isNegated) return 0;
    }
    return chance;
  }

  #test(option: string, value: string, way: Way): boolean | undefined {
    const { src, protocol, inInterface, nodeAddresses } = this.#packet;
    switch (option) {
      case '-s':
        return cidrContains(value, src);
      case '-d':
        return cidrContains(value, way.dst);
      case '-p':
        return value === protocol;
      case '--dport':
        return value.split(':').length === 2 ? inRange(value, way.dport) : Number(value) === way.dport;
      case '-i':
        return value.endsWith('+') ? (inInterface?.startsWith(value.slice(0, -1)) ?? false) : inInterface === value;
      case '--mark': {
        const [wanted = 0, mask = 0xffffffff] = value.split('/').map(Number);
        return (way.mark & mask) === wanted;
      }
      case '--ctstate':
        return value.split(',').some((s) => s === 'NEW' || (s === 'DNAT' && way.isTranslated));
      case '--dst-type':
        return value === 'LOCAL' ? nodeAddresses.includes(way.dst) : undefined;
      case '--src-type':
        return value === 'LOCAL' ? nodeAddresses.includes(src) : undefined;
      case '--rcheck':
        return false;
      case '--set':
        return true;
      default:
        return undefined;
    }
  }
}

function inRange(range: string, n: number): boolean {
  const [from = 0, to = 0] = range.split(':').map(Number);
  return n >= from && n <= to;
}

interface Match {
  readonly option: string;
  readonly value: string;
  readonly isNegated: boolean;
}

interface Rule {
  readonly matches: readonly Match[];
  /** '' for a rule that only counts. */
  readonly target: string;
  option(name: string): string | undefined;
}

/** Options of matches that say nothing about the packet, with the number of values they take. */
const SILENT: Readonly<Record<string, number>> = {
  '-m': 1,
  '--comment': 1,
  '--mode': 1,
  '--name': 1,
  '--mask': 1,
  '--seconds': 1,
  '--reap': 0,
  '--rsource': 0,
  '--nfacct-name': 1,
};
const WITHOUT_VALUE = new Set(['--rcheck', '--set']);

function parseRule(text: string): Rule {
  const words = wordsOf(text);
  const matches: Match[] = [];
  let isNegated = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '-j' || word === '-g') {
      const rest = words.slice(i + 2);
      return {
        matches,
        target: words[i + 1] ?? '',
        option: (name) => (rest.includes(name) ? (rest[rest.indexOf(name) + 1] ?? '') : undefined),
      };
    }
    if (word === '!') {
      isNegated = true;
      continue;
    }
    const silent = SILENT[word];
    if (silent !== undefined) i += silent;
    else if (WITHOUT_VALUE.has(word)) matches.push({ option: word, value: '', isNegated });
    else matches.push({ option: word, value: words[++i] ?? '', isNegated });
    isNegated = false;
  }
  return { matches, target: '', option: () => undefined };
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? '');
}
