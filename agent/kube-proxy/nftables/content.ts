/**
 * What is, or should be, in the table of one family. Pure values.
 *
 * Elements are text as nft prints it: "10.96.0.1 . tcp . 80" -> "goto pick/tcp/3"; the value of an element of a set is ''.
 */
import type { Protocol } from '../servicePort.ts';
import { CHAINS, SETS, type Words } from './names.ts';
import type { Rule } from './rules.ts';

export type KeyPart = 'address' | 'protocol' | 'port' | 'slot';

export interface SetDef {
  readonly kind: 'set' | 'map';
  readonly key: readonly KeyPart[];
  readonly value?: 'verdict' | 'endpoint';
  /** Named by its expressions, because nft has no type for slots: which protocol the ports are of. */
  readonly portsOf?: Protocol;
  /** Filled by the kernel, for that long. What is in it is none of ours. */
  readonly remembersSeconds?: number;
}

export interface BaseHook {
  readonly type: 'filter' | 'nat';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  readonly priority: number;
}

export interface ChainDef {
  readonly hook?: BaseHook;
  readonly rules: readonly Rule[];
}

export interface Content<Chain = ChainDef> {
  readonly sets: Map<string, SetDef>;
  readonly chains: Map<string, Chain>;
  readonly elements: Map<string, Map<string, string>>;
}

export function emptyContent<Chain = ChainDef>(): Content<Chain> {
  return { sets: new Map(), chains: new Map(), elements: new Map() };
}

export function elementsOf(content: Content<unknown>, set: string): Map<string, string> {
  let elements = content.elements.get(set);
  if (elements === undefined) content.elements.set(set, (elements = new Map<string, string>()));
  return elements;
}

const PART: Readonly<Record<KeyPart, (words: Words) => string>> = {
  address: ({ address }) => address,
  protocol: () => 'inet_proto',
  port: () => 'inet_service',
  slot: () => 'integer',
};

/** What stands between the braces of "add set". */
export function setText(def: SetDef, words: Words): string {
  const { portsOf } = def;
  const counted = def.value === 'endpoint' ? ' counter;' : '';
  if (portsOf !== undefined) {
    const part = { address: `${words.ip} daddr`, port: `${portsOf} dport`, slot: 'numgen random mod 65536', protocol: 'meta l4proto' };
    return `typeof ${def.key.map((k) => part[k]).join(' . ')} : ${words.ip} daddr . ${portsOf} dport;${counted}`;
  }
  const type = def.key.map((k) => PART[k](words)).join(' . ');
  const dynamic = def.remembersSeconds === undefined ? '' : ` flags dynamic,timeout; timeout ${def.remembersSeconds}s;`;
  return `type ${type}${def.value === undefined ? '' : ` : ${def.value}`};${dynamic}`;
}

/** The form in which a set of the kernel is compared with one of ours. */
export function setForm(def: SetDef, words: Words): string {
  const value = def.value === 'endpoint' ? `${words.address} . inet_service` : (def.value ?? '');
  return formOfSet({ types: def.key.map((k) => PART[k](words)), value, seconds: def.remembersSeconds ?? 0 });
}

export function formOfSet({ types, value, seconds }: { types: readonly string[]; value: string; seconds: number }): string {
  return `${types.join(' . ')} : ${value} ${seconds}`;
}

/** What is in the table whatever the services are. */
export const BASE_CHAINS: readonly (readonly [name: string, hook: BaseHook])[] = [
  // Before address translation, so that these see where the client wanted to go.
  ['filter-prerouting', { type: 'filter', hook: 'prerouting', priority: -110 }],
  ['filter-input', { type: 'filter', hook: 'input', priority: -110 }],
  ['filter-forward', { type: 'filter', hook: 'forward', priority: -110 }],
  ['filter-output', { type: 'filter', hook: 'output', priority: -110 }],
  ['filter-output-post-dnat', { type: 'filter', hook: 'output', priority: -90 }],
  ['nat-prerouting', { type: 'nat', hook: 'prerouting', priority: -100 }],
  ['nat-output', { type: 'nat', hook: 'output', priority: -100 }],
  ['nat-postrouting', { type: 'nat', hook: 'postrouting', priority: 100 }],
];

const NEW = { kind: 'new' } as const;
const jump = (chain: string): { readonly kind: 'jump'; readonly chain: string } => ({ kind: 'jump', chain });

/** What hangs in each base chain. */
export const HOOK_RULES: Readonly<Record<string, readonly Rule[]>> = {
  'filter-prerouting': [[NEW, jump(CHAINS.firewallCheck)]],
  // Refusing is possible in these hooks only.
  'filter-input': [
    [NEW, jump(CHAINS.nodePortEndpointsCheck)],
    [NEW, jump(CHAINS.serviceEndpointsCheck)],
  ],
  'filter-forward': [
    [NEW, jump(CHAINS.serviceEndpointsCheck)],
    [NEW, jump(CHAINS.clusterIpsCheck)],
  ],
  'filter-output': [[NEW, jump(CHAINS.firewallCheck)]],
  // Differs: upstream refuses before translation here, which also drops what the node itself may send to a service of
  // externalTrafficPolicy Local that has endpoints on other nodes only.
  'filter-output-post-dnat': [
    [NEW, jump(CHAINS.serviceEndpointsCheck)],
    [NEW, jump(CHAINS.clusterIpsCheck)],
  ],
  'nat-prerouting': [[jump(CHAINS.services)]],
  'nat-output': [[jump(CHAINS.services)]],
  'nat-postrouting': [[jump(CHAINS.masquerading)]],
};

const DISPATCH: SetDef = { kind: 'map', key: ['address', 'protocol', 'port'], value: 'verdict' };
const NODE_PORT_DISPATCH: SetDef = { kind: 'map', key: ['protocol', 'port'], value: 'verdict' };

export const FIXED_SETS: readonly (readonly [name: string, def: SetDef])[] = [
  [SETS.clusterIps, { kind: 'set', key: ['address'] }],
  [SETS.serviceIps, DISPATCH],
  [SETS.serviceNodePorts, NODE_PORT_DISPATCH],
  [SETS.noEndpointServices, DISPATCH],
  [SETS.noEndpointNodePorts, NODE_PORT_DISPATCH],
  [SETS.firewallIps, DISPATCH],
  [SETS.hairpin, { kind: 'set', key: ['address', 'address'] }],
];
