/**
 * The rules this mode writes, as values: each can be said in the language of nft, is known in the form nft prints as JSON, and is
 * walked by trace.ts. Pure.
 *
 * Source: nft(8), libnftables-json(5).
 */
import type { Protocol } from '../servicePort.ts';
import type { Words } from './names.ts';

/** What a packet is looked up by. */
export type Field = 'saddr' | 'daddr' | 'l4proto' | 'dport';
type Address = 'saddr' | 'daddr';

export type Statement =
  // Conditions: where one does not hold, the rule ends.
  | { readonly kind: 'address'; readonly field: Address; readonly is: 'in' | 'notIn'; readonly ranges: readonly string[] }
  | { readonly kind: 'lookup'; readonly fields: readonly Field[]; readonly set: string }
  | { readonly kind: 'local'; readonly field: Address }
  | { readonly kind: 'new' }
  | { readonly kind: 'translated' }
  /** An interface; with * at its end all that begin so. */
  | { readonly kind: 'input'; readonly is: 'in' | 'notIn'; readonly name: string }
  | { readonly kind: 'protocol'; readonly protocols: readonly Protocol[] }
  | { readonly kind: 'port'; readonly protocol: Protocol; readonly port: number }
  | { readonly kind: 'unmarked'; readonly bit: number }
  // Effects.
  | { readonly kind: 'mark'; readonly how: 'set' | 'flip'; readonly bit: number }
  | { readonly kind: 'remember'; readonly set: string }
  /** Goes where the map says; goes on when it says nothing. */
  | { readonly kind: 'dispatch'; readonly fields: readonly Field[]; readonly map: string }
  /** One of the chains, each with the same chance. */
  | { readonly kind: 'choose'; readonly chains: readonly string[] }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'translate'; readonly ip: string; readonly port: number }
  /** To what the map holds for (the address and) the port and one of the slots offset..offset+slots-1, each with the same chance. */
  | {
      readonly kind: 'translateBy';
      readonly protocol: Protocol;
      readonly by: 'addressAndPort' | 'port';
      readonly slots: number;
      readonly offset: number;
      readonly map: string;
    }
  /** Packets and bytes that got this far. */
  | { readonly kind: 'count' }
  | { readonly kind: 'masquerade' | 'reject' | 'drop' | 'return' };

export type Rule = readonly Statement[];

export function ruleText(rule: Rule, words: Words): string {
  return rule.map((s) => statementText(s, words)).join(' ');
}

function fieldText(field: Field, { ip }: Words): string {
  if (field === 'l4proto') return 'meta l4proto';
  return field === 'dport' ? 'th dport' : `${ip} ${field}`;
}

function tuple(fields: readonly Field[], words: Words): string {
  return fields.map((f) => fieldText(f, words)).join(' . ');
}

function hex(bit: number): string {
  return `0x${(2 ** bit).toString(16).padStart(8, '0')}`;
}

function list(items: readonly string[]): string {
  return items.length === 1 ? (items[0] ?? '') : `{ ${items.join(', ')} }`;
}

function statementText(s: Statement, words: Words): string {
  switch (s.kind) {
    case 'address':
      return `${words.ip} ${s.field} ${s.is === 'in' ? '' : '!= '}${list(s.ranges)}`;
    case 'lookup':
      return `${tuple(s.fields, words)} @${s.set}`;
    case 'local':
      return `fib ${s.field} type local`;
    case 'new':
      return 'ct state new';
    case 'translated':
      return 'ct status dnat';
    case 'input':
      return `iifname ${s.is === 'in' ? '' : '!= '}"${s.name}"`;
    case 'protocol':
      return `meta l4proto ${list(s.protocols)}`;
    case 'port':
      return `${s.protocol} dport ${s.port}`;
    case 'unmarked':
      return `meta mark & ${hex(s.bit)} == 0x00000000`;
    case 'mark':
      return `meta mark set meta mark ${s.how === 'set' ? '|' : '^'} ${hex(s.bit)}`;
    case 'remember':
      return `update @${s.set} { ${words.ip} saddr }`;
    case 'dispatch':
      return `${tuple(s.fields, words)} vmap @${s.map}`;
    case 'choose':
      return `numgen random mod ${s.chains.length} vmap { ${s.chains.map((c, i) => `${i} : goto ${c}`).join(', ')} }`;
    case 'jump':
    case 'goto':
      return `${s.kind} ${s.chain}`;
    case 'translate':
      return `dnat to ${s.ip.includes(':') ? `[${s.ip}]` : s.ip}:${s.port}`;
    case 'translateBy': {
      const slot = `numgen random mod ${s.slots}${s.offset === 0 ? '' : ` offset ${s.offset}`}`;
      return `dnat ${words.ip} to ${s.by === 'port' ? '' : `${words.ip} daddr . `}${s.protocol} dport . ${slot} map @${s.map}`;
    }
    case 'count':
      return 'counter';
    case 'masquerade':
      return 'masquerade fully-random';
    case 'reject':
    case 'drop':
    case 'return':
      return s.kind;
  }
}

/** As `nft -j` prints it: what ruleForm of the kernel's answer is compared with. */
export function ruleForm(rule: Rule, words: Words): string {
  return formOf(rule.map((s) => statementJson(s, words)));
}

const NOT_COUNTED = { bytes: 0, packets: 0 };

/** JSON with the keys in order and counters at zero, so that equal means equal text. */
export function formOf(expression: unknown): string {
  return JSON.stringify(expression, (key, value: unknown) => {
    if (key === 'counter') return NOT_COUNTED;
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  });
}

type Json = Readonly<Record<string, unknown>>;

function fieldJson(field: Field, { ip }: Words): Json {
  if (field === 'l4proto') return { meta: { key: 'l4proto' } };
  return { payload: { protocol: field === 'dport' ? 'th' : ip, field } };
}

function tupleJson(fields: readonly Field[], words: Words): Json {
  const all = fields.map((f) => fieldJson(f, words));
  return all.length === 1 ? (all[0] ?? {}) : { concat: all };
}

function rangeJson(range: string): unknown {
  if (range.includes('-')) return { range: range.split('-') };
  const [addr = '', len] = range.split('/');
  return len === undefined ? addr : { prefix: { addr, len: Number(len) } };
}

function match(op: '==' | '!=' | 'in', left: unknown, right: unknown): Json {
  return { match: { op, left, right } };
}

function statementJson(s: Statement, words: Words): Json {
  const mark = { meta: { key: 'mark' } };
  const numgen = (mod: number, offset = 0): Json => ({ numgen: { mode: 'random', mod, offset } });
  switch (s.kind) {
    case 'address': {
      const right = s.ranges.map(rangeJson);
      return match(s.is === 'in' ? '==' : '!=', fieldJson(s.field, words), right.length === 1 ? right[0] : { set: right });
    }
    case 'lookup':
      return match('==', tupleJson(s.fields, words), `@${s.set}`);
    case 'local':
      return match('==', { fib: { result: 'type', flags: [s.field] } }, 'local');
    case 'new':
      return match('in', { ct: { key: 'state' } }, 'new');
    case 'translated':
      return match('in', { ct: { key: 'status' } }, 'dnat');
    case 'input':
      return match(s.is === 'in' ? '==' : '!=', { meta: { key: 'iifname' } }, s.name);
    case 'protocol':
      return match('==', { meta: { key: 'l4proto' } }, s.protocols.length === 1 ? s.protocols[0] : { set: s.protocols });
    case 'port':
      return match('==', { payload: { protocol: s.protocol, field: 'dport' } }, s.port);
    case 'unmarked':
      return match('==', { '&': [mark, 2 ** s.bit] }, 0);
    case 'mark':
      return { mangle: { key: mark, value: { [s.how === 'set' ? '|' : '^']: [mark, 2 ** s.bit] } } };
    case 'remember':
      return { set: { op: 'update', elem: fieldJson('saddr', words), set: `@${s.set}` } };
    case 'dispatch':
      return { vmap: { key: tupleJson(s.fields, words), data: `@${s.map}` } };
    case 'choose':
      return { vmap: { key: numgen(s.chains.length), data: { set: s.chains.map((target, i) => [i, { goto: { target } }]) } } };
    case 'jump':
    case 'goto':
      return { [s.kind]: { target: s.chain } };
    case 'translate':
      return { dnat: { addr: s.ip, port: s.port } };
    case 'translateBy': {
      const concat = [
        ...(s.by === 'port' ? [] : [fieldJson('daddr', words)]),
        { payload: { protocol: s.protocol, field: 'dport' } },
        numgen(s.slots, s.offset),
      ];
      return { dnat: { family: words.ip, addr: { map: { key: { concat }, data: `@${s.map}` } } } };
    }
    case 'count':
      return { counter: NOT_COUNTED };
    case 'masquerade':
      return { masquerade: { flags: 'fully-random' } };
    case 'reject':
      return { reject: { type: words.ip === 'ip' ? 'icmp' : 'icmpv6', expr: 'port-unreachable' } };
    case 'drop':
    case 'return':
      return { [s.kind]: null };
  }
}
