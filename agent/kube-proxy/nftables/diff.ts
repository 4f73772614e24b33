/**
 * The difference between two contents of the table, and its text for nft. Pure.
 *
 * Two transactions: the first brings everything that a packet can meet from the old to the new state at once; the second takes away
 * chains and sets that nothing refers to any more. Older kernels hold on to a chain until the transaction that lets go of it has ended.
 */
import { TABLE, type Words } from './names.ts';
import { emptyContent, setForm, setText, type ChainDef, type Content, type SetDef } from './content.ts';
import { ruleText } from './rules.ts';

export interface Changes {
  /** The table is made anew: something in it is of another type than it has to be. */
  readonly rebuild: boolean;
  readonly addSets: Map<string, SetDef>;
  readonly removeSets: Map<string, SetDef>;
  /** Another timeout: made anew, and the chains that use it with it. */
  readonly replaceSets: Map<string, SetDef>;
  /** Made when missing, emptied, filled. */
  readonly writeChains: Map<string, ChainDef>;
  /** Those of writeChains that are there with another hook. */
  readonly rehookChains: readonly string[];
  readonly removeChains: readonly string[];
  readonly elements: Map<string, ElementChanges>;
}

export interface ElementChanges {
  readonly kind: SetDef['kind'];
  readonly remove: string[];
  readonly add: ReadonlyMap<string, string>;
}

export interface DiffInput<Chain> {
  readonly before: Content<Chain>;
  readonly after: Content;
  readonly words: Words;
  readonly sameRules: (before: Chain, after: ChainDef) => boolean;
  readonly hookOf: (before: Chain) => ChainDef['hook'];
  /** The sets whose elements are not told, by name: those of chains, for instance. */
  readonly kindOf?: (set: string) => SetDef['kind'];
}

export function diffContent<Chain>(input: DiffInput<Chain>): Changes {
  const { before, after, words } = input;
  const others = [...after.sets].filter(([name, def]) => {
    const was = before.sets.get(name);
    return was !== undefined && (was.kind !== def.kind || setForm(was, words) !== setForm(def, words));
  });
  if (others.some(([, def]) => def.remembersSeconds === undefined)) {
    return { ...diffContent({ ...input, before: emptyContent<Chain>() }), rebuild: true };
  }
  const replaceSets = new Map(others);
  const rehookChains: string[] = [];
  const writeChains = new Map<string, ChainDef>();
  for (const [name, def] of after.chains) {
    const was = before.chains.get(name);
    if (was !== undefined && !sameHook(input.hookOf(was), def.hook)) rehookChains.push(name);
    else if (was !== undefined && input.sameRules(was, def) && !uses(def, replaceSets)) continue;
    writeChains.set(name, def);
  }
  return {
    rebuild: false,
    addSets: new Map([...after.sets].filter(([name]) => !before.sets.has(name))),
    removeSets: new Map([...before.sets].filter(([name]) => !after.sets.has(name))),
    replaceSets,
    writeChains,
    rehookChains,
    removeChains: [...before.chains.keys()].filter((name) => !after.chains.has(name)),
    elements: diffElements(input),
  };
}

function uses({ rules }: ChainDef, sets: ReadonlyMap<string, SetDef>): boolean {
  return sets.size > 0 && rules.some((rule) => rule.some((s) => 'set' in s && sets.has(s.set)));
}

function sameHook(a: ChainDef['hook'], b: ChainDef['hook']): boolean {
  return a?.type === b?.type && a?.hook === b?.hook && a?.priority === b?.priority;
}

const NONE: ReadonlyMap<string, string> = new Map();

function diffElements<Chain>({ before, after, kindOf }: DiffInput<Chain>): Map<string, ElementChanges> {
  const all = new Map<string, ElementChanges>();
  for (const set of new Set([...before.elements.keys(), ...after.elements.keys()])) {
    const kind = (after.sets.get(set) ?? before.sets.get(set))?.kind ?? kindOf?.(set);
    // A set that goes takes its elements along.
    if (kind === undefined || (before.sets.has(set) && !after.sets.has(set))) continue;
    const was = before.elements.get(set) ?? NONE;
    const is = after.elements.get(set) ?? NONE;
    // Ten thousands of elements are the same: no lists of them are made.
    const remove: string[] = [];
    for (const [key, value] of was) if (is.get(key) !== value) remove.push(key);
    const add = was.size === 0 ? is : notIn(was, is);
    if (remove.length + add.size > 0) all.set(set, { kind, remove, add });
  }
  return all;
}

function notIn(was: ReadonlyMap<string, string>, is: ReadonlyMap<string, string>): Map<string, string> {
  const add = new Map<string, string>();
  for (const [key, value] of is) if (was.get(key) !== value) add.set(key, value);
  return add;
}

export interface Transactions {
  readonly main: readonly string[];
  readonly cleanup: readonly string[];
  /** Rules, elements, chains and sets that are written or removed. */
  readonly lines: number;
}

/** Few enough that the error message about one of them can be read. */
const ELEMENTS_PER_COMMAND = 500;

export function renderChanges(changes: Changes, words: Words): Transactions {
  const { rebuild, addSets, removeSets, replaceSets, writeChains, rehookChains, removeChains, elements } = changes;
  const at = `${words.ip} ${TABLE}`;
  const main: string[] = [];
  let lines = addSets.size + removeSets.size + replaceSets.size + writeChains.size + removeChains.length;
  const isNew = rebuild || addSets.size + writeChains.size > 0;
  if (isNew) main.push(`add table ${at}`);
  if (rebuild) main.push(`delete table ${at}`, `add table ${at}`);
  for (const [name, def] of addSets) main.push(`add ${def.kind} ${at} ${name} { ${setText(def, words)} }`);
  for (const name of rehookChains) main.push(`flush chain ${at} ${name}`, `delete chain ${at} ${name}`);
  for (const [name, { hook }] of writeChains) main.push(`add chain ${at} ${name}${hook === undefined ? '' : hookText(hook)}`);
  for (const name of [...writeChains.keys(), ...removeChains]) main.push(`flush chain ${at} ${name}`);
  for (const [name, def] of replaceSets) {
    main.push(`delete ${def.kind} ${at} ${name}`, `add ${def.kind} ${at} ${name} { ${setText(def, words)} }`);
  }
  for (const [name, { rules }] of writeChains) {
    for (const rule of rules) main.push(`add rule ${at} ${name} ${ruleText(rule, words)}`);
    lines += rules.length;
  }
  for (const [set, { remove }] of elements) {
    lines += remove.length;
    for (const some of pieces(remove, (key) => key)) main.push(`delete element ${at} ${set} { ${some} }`);
  }
  for (const [set, { kind, add }] of elements) {
    lines += add.size;
    const text = ([key, value]: readonly [string, string]): string => (kind === 'map' ? `${key} : ${value}` : key);
    for (const some of pieces(add, text)) main.push(`add element ${at} ${set} { ${some} }`);
  }
  const cleanup = [
    ...removeChains.map((name) => `delete chain ${at} ${name}`),
    ...[...removeSets].map(([name, { kind }]) => `delete ${kind} ${at} ${name}`),
  ];
  return { main, cleanup, lines };
}

function hookText({ type, hook, priority }: NonNullable<ChainDef['hook']>): string {
  return ` { type ${type} hook ${hook} priority ${priority}; policy accept; }`;
}

function pieces<T>(all: Iterable<T>, text: (element: T) => string): string[] {
  const found: string[] = [];
  let some = '';
  let count = 0;
  for (const element of all) {
    some = count === 0 ? text(element) : `${some}, ${text(element)}`;
    count += 1;
    if (count < ELEMENTS_PER_COMMAND) continue;
    found.push(some);
    count = 0;
  }
  if (count > 0) found.push(some);
  return found;
}
