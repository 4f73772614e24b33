/**
 * Walks a packet that opens a connection through the rules of the table: where it may end, and how likely. Pure. It is the oracle of
 * the tests, and the core of "explain packet", where the rules are those found in the kernel.
 *
 * Rules that are not of our making cannot be judged: they are passed by and named in steps.
 */
import { joinHostPort } from '../ip.ts';
import { outcomeText, type Outcome, type Packet } from '../packet.ts';
import type { BaseHook } from './content.ts';
import type { Words } from './names.ts';
import { rangeContains } from './ranges.ts';
import { ruleText, type Field, type Rule, type Statement } from './rules.ts';

/** A rule in the kernel that is none of ours, as nft prints it. */
export interface ForeignRule {
  readonly foreign: string;
}

export interface WalkedChain {
  readonly hook?: BaseHook | undefined;
  readonly rules: readonly (Rule | ForeignRule)[];
}

export interface WalkedTable {
  readonly chains: ReadonlyMap<string, WalkedChain>;
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly words: Words;
}

export interface Walk {
  readonly outcomes: ReadonlyMap<string, number>;
  /** Every rule and element that decided something on some way, in the order met. */
  readonly steps: readonly string[];
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

/** How a way leaves: on to the next statement, past the rule, out of the chain, or at its end. */
type Leave = 'on' | 'pass' | 'out' | 'accept' | 'drop' | 'reject';
type Step = readonly [leave: Leave, way: Way];

const DEEPEST = 16; // of jumps, as in the kernel (NFT_JUMP_STACK_SIZE)

export function walkTable(table: WalkedTable, packet: Packet): Walk {
  return new Walker(table, packet).walk();
}

class Walker {
  readonly #table: WalkedTable;
  readonly #packet: Packet;
  readonly #steps = new Set<string>();
  readonly #outcomes = new Map<string, number>();

  constructor(table: WalkedTable, packet: Packet) {
    this.#table = table;
    this.#packet = packet;
  }

  walk(): Walk {
    const { dst, dport, inInterface, nodeAddresses } = this.#packet;
    const fromHere = inInterface === undefined;
    const start: Way = { share: 1, mark: 0, dst, dport, isTranslated: false, isMasqueraded: false };
    for (const way of this.#hook(fromHere ? 'output' : 'prerouting', [start])) {
      const toHere = nodeAddresses.includes(way.dst);
      const rest = toHere
        ? fromHere
          ? (['postrouting', 'input'] as const)
          : (['input'] as const)
        : fromHere
          ? (['postrouting'] as const)
          : (['forward', 'postrouting'] as const);
      let ways = [way];
      for (const hook of rest) ways = this.#hook(hook, ways);
      for (const end of ways) {
        const endpoint = joinHostPort(end.dst, end.dport);
        this.#end(end.isTranslated ? { kind: 'endpoint', endpoint, masquerade: end.isMasqueraded } : { kind: 'pass' }, end.share);
      }
    }
    return { outcomes: this.#outcomes, steps: [...this.#steps] };
  }

  #end(outcome: Outcome, share: number): void {
    const text = outcomeText(outcome);
    this.#outcomes.set(text, (this.#outcomes.get(text) ?? 0) + share);
  }

  /** All base chains of the hook, in their order. */
  #hook(hook: BaseHook['hook'], ways: readonly Way[]): Way[] {
    const chains = [...this.#table.chains].filter(([, chain]) => chain.hook?.hook === hook);
    let on = [...ways];
    for (const [name] of chains.sort(([, a], [, b]) => (a.hook?.priority ?? 0) - (b.hook?.priority ?? 0))) {
      const next: Way[] = [];
      for (const way of on) {
        for (const [leave, end] of this.#chain(name, way, 0)) {
          if (leave === 'drop' || leave === 'reject') this.#end({ kind: leave }, end.share);
          else next.push(end);
        }
      }
      on = next;
    }
    return on;
  }

  *#chain(name: string, way: Way, depth: number): Generator<Step> {
    if (depth > DEEPEST) return void (yield ['drop', way]);
    let ways = [way];
    for (const rule of this.#table.chains.get(name)?.rules ?? []) {
      if ('foreign' in rule) {
        this.#steps.add(`not judged: ${name}: ${rule.foreign}`);
        continue;
      }
      const next: Way[] = [];
      for (const w of ways) {
        for (const [leave, end] of this.#rule(name, rule, w, depth)) {
          if (leave === 'on' || leave === 'pass') next.push(end);
          else yield [leave, end];
        }
      }
      ways = next;
    }
    for (const w of ways) yield ['out', w];
  }

  *#rule(chain: string, rule: Rule, way: Way, depth: number): Generator<Step> {
    let ways = [way];
    for (const [i, statement] of rule.entries()) {
      const next: Way[] = [];
      for (const w of ways) {
        for (const step of this.#statement(statement, w, depth)) {
          if (step[0] === 'on') next.push(step[1]);
          else {
            if (step[0] !== 'pass' && i === rule.length - 1) this.#note(chain, rule);
            yield step;
          }
        }
      }
      ways = next;
      if (i === rule.length - 1 && ways.length > 0) this.#note(chain, rule);
    }
    for (const w of ways) yield ['on', w];
  }

  #note(chain: string, rule: Rule): void {
    this.#steps.add(`${chain}: ${ruleText(rule, this.#table.words)}`);
  }

  *#statement(s: Statement, way: Way, depth: number): Generator<Step> {
    switch (s.kind) {
      case 'jump':
        for (const [leave, end] of this.#chain(s.chain, way, depth + 1)) yield [leave === 'out' ? 'on' : leave, end];
        return;
      case 'goto':
        yield* this.#chain(s.chain, way, depth + 1);
        return;
      case 'dispatch':
        yield* this.#dispatch(this.#lookUp(s.map, this.#tuple(s.fields, way)), way, depth);
        return;
      case 'choose':
        for (const chain of s.chains) yield* this.#chain(chain, { ...way, share: way.share / s.chains.length }, depth + 1);
        return;
      case 'translate':
        yield ['accept', { ...way, dst: s.ip, dport: s.port, isTranslated: true }];
        return;
      case 'translateBy':
        yield* this.#translateBy(s, way);
        return;
      case 'masquerade':
        yield ['accept', { ...way, isMasqueraded: true }];
        return;
      case 'mark':
        yield ['on', { ...way, mark: s.how === 'set' ? way.mark | (1 << s.bit) : way.mark ^ (1 << s.bit) }];
        return;
      case 'remember':
      case 'count':
        yield ['on', way];
        return;
      case 'drop':
      case 'reject':
        yield [s.kind, way];
        return;
      case 'return':
        yield ['out', way];
        return;
      default:
        yield [this.#holds(s, way) ? 'on' : 'pass', way];
    }
  }

  *#dispatch(verdict: string | undefined, way: Way, depth: number): Generator<Step> {
    if (verdict === undefined) yield ['pass', way];
    else if (verdict === 'drop') yield ['drop', way];
    else if (verdict.startsWith('goto ')) yield* this.#chain(verdict.slice(5), way, depth + 1);
    else yield ['accept', way];
  }

  *#translateBy(s: Extract<Statement, { kind: 'translateBy' }>, way: Way): Generator<Step> {
    const share = way.share / s.slots;
    if (this.#packet.protocol !== s.protocol) return void (yield ['pass', way]);
    for (let slot = s.offset; slot < s.offset + s.slots; slot++) {
      const key = `${s.by === 'port' ? '' : `${way.dst} . `}${way.dport} . ${slot}`;
      const [ip, port] = this.#lookUp(s.map, key)?.split(' . ') ?? [];
      if (ip === undefined || port === undefined) yield ['pass', { ...way, share }];
      else yield ['accept', { ...way, share, dst: ip, dport: Number(port), isTranslated: true }];
    }
  }

  #holds(
    s: Extract<Statement, { kind: 'address' | 'lookup' | 'local' | 'new' | 'translated' | 'input' | 'protocol' | 'port' | 'unmarked' }>,
    way: Way,
  ): boolean {
    const { protocol, nodeAddresses, inInterface = '' } = this.#packet;
    switch (s.kind) {
      case 'address':
        return s.ranges.some((r) => rangeContains(r, this.#tuple([s.field], way))) === (s.is === 'in');
      case 'lookup':
        return this.#lookUp(s.set, this.#tuple(s.fields, way)) !== undefined;
      case 'local':
        return nodeAddresses.includes(this.#tuple([s.field], way));
      case 'new':
        return true;
      case 'translated':
        return way.isTranslated;
      case 'input': {
        const fits = s.name.endsWith('*') ? inInterface.startsWith(s.name.slice(0, -1)) : inInterface === s.name;
        return fits === (s.is === 'in');
      }
      case 'protocol':
        return s.protocols.includes(protocol);
      case 'port':
        return s.protocol === protocol && s.port === way.dport;
      case 'unmarked':
        return (way.mark & (1 << s.bit)) === 0;
    }
  }

  #lookUp(set: string, key: string): string | undefined {
    const value = this.#table.elements.get(set)?.get(key);
    if (value !== undefined) this.#steps.add(`@${set}: ${key}${value === '' ? '' : ` : ${value}`}`);
    return value;
  }

  #tuple(fields: readonly Field[], way: Way): string {
    const { src, protocol } = this.#packet;
    return fields.map((f) => ({ saddr: src, daddr: way.dst, l4proto: protocol, dport: String(way.dport) })[f]).join(' . ');
  }
}
