/**
 * What nft prints about the table, as values: the structure from JSON (without elements), the elements from text. Pure.
 *
 * Source: libnftables-json(5); the text form of sets in nft(8). nft 1.0.6 prints sets of named expressions with the types they come
 * down to; newer ones print the expressions, which are then taken for granted.
 */
import { parseIp } from '../ip.ts';
import { formOfSet, setForm, type BaseHook, type ChainDef, type SetDef } from './content.ts';
import { TABLE, type Words } from './names.ts';
import { formOf, ruleForm, ruleText } from './rules.ts';

export interface KernelChain {
  readonly hook?: BaseHook;
  /** ruleForm of each. */
  readonly forms: readonly string[];
  /** What the rules have counted, where they do, in the order of forms. */
  readonly counters: readonly (Counters | undefined)[];
}

export interface KernelSet {
  readonly kind: 'set' | 'map';
  /** setForm, or undefined where nft does not say it in types. */
  readonly form: string | undefined;
}

export interface Structure {
  readonly exists: boolean;
  readonly chains: Map<string, KernelChain>;
  readonly sets: Map<string, KernelSet>;
}

type Json = Readonly<Record<string, unknown>>;

/** What `nft -j -t list ruleset` says of our table in one family. */
export function readStructure(objects: readonly unknown[], words: Words): Structure {
  let exists = false;
  const chains = new Map<string, { hook?: BaseHook; forms: string[]; counters: (Counters | undefined)[] }>();
  const sets = new Map<string, KernelSet>();
  for (const object of objects as readonly Json[]) {
    for (const [kind, value] of Object.entries(object)) {
      const it = value as Json;
      if (it['family'] !== words.ip || (kind === 'table' ? it['name'] : it['table']) !== TABLE) continue;
      const name = String(it['name']);
      if (kind === 'table') exists = true;
      else if (kind === 'chain') chains.set(name, { ...hookOf(it), forms: [], counters: [] });
      else if (kind === 'set' || kind === 'map') sets.set(name, { kind, form: formOfKernelSet(it) });
      else if (kind === 'rule') {
        const chain = chains.get(String(it['chain']));
        chain?.forms.push(formOf(it['expr']));
        chain?.counters.push(countersOf(it['expr']));
      }
    }
  }
  return { exists, chains, sets };
}

function countersOf(expression: unknown): Counters | undefined {
  const found = Array.isArray(expression) ? (expression as readonly Json[]).find((s) => s['counter'] !== undefined) : undefined;
  const { packets, bytes } = (found?.['counter'] ?? {}) as Json;
  return typeof packets === 'number' && typeof bytes === 'number' ? { packets: String(packets), bytes: String(bytes) } : undefined;
}

function hookOf({ type, hook, prio }: Json): { hook?: BaseHook } {
  return hook === undefined ? {} : { hook: { type, hook, priority: prio } as BaseHook };
}

function formOfKernelSet({ type, map, timeout }: Json): string | undefined {
  const types: unknown[] = Array.isArray(type) ? type : [type];
  if (!types.every((t) => typeof t === 'string') || (map !== undefined && typeof map !== 'string')) return undefined;
  return formOfSet({ types, value: map ?? '', seconds: Number(timeout ?? 0) });
}

export function isSameSet(kernel: KernelSet, def: SetDef, words: Words): boolean {
  return kernel.kind === def.kind && (kernel.form === undefined || kernel.form === setForm(def, words));
}

/**
 * How this nft prints what we wrote, where that is not what we expect: learnt from what it prints right after a write, so that
 * another version of nft costs one rewrite and not one every time.
 */
export class Dialect {
  readonly #words: Words;
  readonly #learnt = new Map<string, string>();

  constructor(words: Words) {
    this.#words = words;
  }

  sameRules({ forms }: Pick<KernelChain, 'forms'>, { rules }: ChainDef): boolean {
    return forms.length === rules.length && rules.every((rule, i) => this.says(rule, forms[i] ?? ''));
  }

  says(rule: ChainDef['rules'][number], form: string): boolean {
    return form === ruleForm(rule, this.#words) || form === this.#learnt.get(ruleText(rule, this.#words));
  }

  /** kernel is what was read right after the chain was written. */
  learn({ forms }: Pick<KernelChain, 'forms'>, { rules }: ChainDef): void {
    if (forms.length !== rules.length) return;
    rules.forEach((rule, i) => {
      const form = forms[i] ?? '';
      if (!this.says(rule, form)) this.#learnt.set(ruleText(rule, this.#words), form);
    });
  }
}

export interface Counters {
  readonly packets: string;
  readonly bytes: string;
}

/** What `nft list table` prints of each set and map: its text by its name. */
export function* setsOfListing(text: string): Generator<readonly [name: string, text: string]> {
  const head = /^\t(?:set|map) (\S+) \{$/gm;
  for (let found = head.exec(text); found !== null; found = head.exec(text)) {
    const end = text.indexOf('\n\t}', head.lastIndex);
    yield [found[1] ?? '', text.slice(found.index, end)];
    head.lastIndex = end;
  }
}

/** What nft prints of a set: each element with its value ('' in a set), and the counters where there are any. */
export function readElements(text: string, onElement: (key: string, value: string, counters?: Counters) => void): void {
  const start = text.indexOf('elements = {');
  if (start === -1) return;
  const after = text.indexOf('\n\t}', start);
  const end = text.lastIndexOf('}', after === -1 ? text.length : after);
  for (let at = start + 'elements = {'.length; at < end;) {
    const comma = text.indexOf(',', at);
    const stop = comma === -1 || comma > end ? end : comma;
    readElement(text.slice(at, stop).trim(), onElement);
    at = stop + 1;
  }
}

const STATEFUL = / (?:counter|timeout|expires|comment)\b.*$/;

function readElement(text: string, onElement: (key: string, value: string, counters?: Counters) => void): void {
  const colon = text.indexOf(' : ');
  const head = colon === -1 ? text : text.slice(0, colon);
  const value = colon === -1 ? '' : canonical(text.slice(colon + 3).replace(STATEFUL, ''));
  const [, packets, bytes] = / counter packets (\d+) bytes (\d+)/.exec(head) ?? [];
  const key = canonical(head.includes(' ') ? head.replace(STATEFUL, '') : head);
  if (packets === undefined || bytes === undefined) onElement(key, value);
  else onElement(key, value, { packets, bytes });
}

const PROTOCOLS: Readonly<Record<string, string>> = { '6': 'tcp', '17': 'udp', '132': 'sctp' };

/** libc prints some IPv6 addresses with an IPv4 tail. */
function canonical(text: string): string {
  if (!text.includes(':') || !text.includes('.')) return text;
  return text
    .split(' . ')
    .map((part) => (part.includes(':') && part.includes('.') ? withoutIpv4Tail(part) : part))
    .join(' . ');
}

function withoutIpv4Tail(address: string): string {
  const hex = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  return parseIp(hex)?.text ?? address;
}

/** Protocols are printed as numbers where /etc/protocols is missing. */
export function namedProtocol(key: string, at: number): string {
  const parts = key.split(' . ');
  const name = PROTOCOLS[parts[at] ?? ''];
  if (name === undefined) return key;
  parts[at] = name;
  return parts.join(' . ');
}
