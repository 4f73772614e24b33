/**
 * The four things server-side apply does with values of a schema: name the fields a value has, tell what changed between two, merge one
 * into another, take fields out. Pure; what is not touched is shared with the values given.
 */
import { equal, isObject, own, setOwn, type JsonObject } from '../json.ts';
import { below, isEmptySet, MemberBuilder, NO_FIELDS, SetBuilder, type FieldSet } from './fieldSet.ts';
import { containerOf, elementName, elementsOf, fieldKey, fieldShape, isVoid, itemShape, type Container, type Shape } from './shape.ts';

/** Every leaf and element a value names. Structs are not members themselves; keys of maps and elements of lists are. */
export function fieldsOf(shape: Shape, value: unknown): FieldSet {
  const builder = new SetBuilder();
  collect(shape, value, [], builder);
  return builder.set;
}

function collect(shape: Shape, value: unknown, path: string[], out: SetBuilder): void {
  const container = containerOf(shape, value);
  if (container === undefined) return add(out, path);
  if (container.kind === 'struct' || container.kind === 'map') return collectFields(container, isObject(value) ? value : {}, path, out);
  for (const [name, items] of elementsOf(container, value)) {
    path.push(name);
    if (items.length === 1 && container.kind === 'keyed') collect(itemShape(container), items[0], path, out);
    add(out, path);
    path.pop();
  }
}

function collectFields(container: Container, value: JsonObject, path: string[], out: SetBuilder): void {
  for (const name of Object.keys(value)) {
    const field = value[name];
    if (field === undefined) continue;
    path.push(fieldKey(name));
    collect(fieldShape(container, name), field, path, out);
    const isNamed = container.kind === 'struct' && container.field(name) !== undefined;
    if (!isNamed || field === null || (isObject(field) && isVoid(field))) add(out, path);
    path.pop();
  }
}

function add(out: SetBuilder, path: readonly string[]): void {
  if (path.length > 0) out.add(path);
}

export interface Changes {
  /** New, or with another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

export function compare(shape: Shape, before: unknown, after: unknown): Changes {
  const out = { changed: new SetBuilder(), removed: new SetBuilder() };
  compareAt(shape, { before, after }, [], out);
  return { changed: out.changed.set, removed: out.removed.set };
}

interface Pair {
  readonly before: unknown;
  readonly after: unknown;
}
interface Found {
  readonly changed: SetBuilder;
  readonly removed: SetBuilder;
}

function compareAt(shape: Shape, pair: Pair, path: string[], out: Found): void {
  const { before, after } = pair;
  if (before === after) return;
  // Most of what is compared is new as a whole: it is built at once, not path by path.
  if (before === undefined && path.length > 0) return out.changed.graft(path, grown(shape, after));
  const container = containerOf(shape, before, after);
  if (container === undefined || (isVoid(before) && isVoid(after))) return compareLeaf(pair, path, out);
  if (container.kind === 'struct' || container.kind === 'map') compareFields(container, pair, path, out);
  else compareElements(container, pair, path, out);
  if (after === undefined) add(out.removed, path);
}

/** The node of a value that was not there before: itself and everything in it. */
function grown(shape: Shape, value: unknown): FieldSet {
  const container = containerOf(shape, value);
  if (container === undefined || isVoid(value)) return NO_FIELDS;
  const out = new MemberBuilder();
  if (container.kind === 'struct' || container.kind === 'map') {
    const object = value as JsonObject;
    for (const name of Object.keys(object)) {
      if (object[name] !== undefined) out.put(fieldKey(name), grown(fieldShape(container, name), object[name]));
    }
  } else {
    const items = itemShape(container);
    for (const [name, found] of elementsOf(container, value)) out.put(name, found.length === 1 ? grown(items, found[0]) : NO_FIELDS);
  }
  return out.node;
}

function compareLeaf({ before, after }: Pair, path: readonly string[], out: Found): void {
  if (after === undefined) add(out.removed, path);
  else if (!equal(before, after)) add(out.changed, path);
}

function compareFields(container: Container, pair: Pair, path: string[], out: Found): void {
  const before = isObject(pair.before) ? pair.before : {};
  const after = isObject(pair.after) ? pair.after : {};
  const step = (name: string, inner: Pair): void => {
    if (inner.before === inner.after) return;
    path.push(fieldKey(name));
    compareAt(fieldShape(container, name), inner, path, out);
    path.pop();
  };
  for (const name of Object.keys(before)) step(name, { before: before[name], after: own(after, name) });
  for (const name of Object.keys(after)) if (!Object.hasOwn(before, name)) step(name, { before: undefined, after: after[name] });
}

function compareElements(container: Container, pair: Pair, path: string[], out: Found): void {
  const before = elementsOf(container, pair.before);
  const after = elementsOf(container, pair.after);
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    path.push(name);
    compareElement(container, { old: before.get(name) ?? [], now: after.get(name) ?? [] }, path, out);
    path.pop();
  }
}

interface Elements {
  readonly old: readonly unknown[];
  readonly now: readonly unknown[];
}

/** Elements that share a name are one leaf. */
function compareElement(container: Container, { old, now }: Elements, path: string[], out: Found): void {
  const shape = itemShape(container);
  if (old.length < 2 && now.length < 2) return compareAt(shape, { before: old[0], after: now[0] }, path, out);
  if (old.length > 1 && now.length > 1) {
    if (!equal(old, now)) out.changed.add(path);
    return;
  }
  if (old.length > 1) {
    if (now.length > 0) compareAt(shape, { before: undefined, after: now[0] }, path, out);
    return out.removed.add(path);
  }
  if (old.length > 0) compareAt(shape, { before: old[0], after: undefined }, path, out);
  out.changed.add(path);
}

/** The config laid over the live value. Nothing is removed; lists keep the order of the config where it names elements. */
export function merge(shape: Shape, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  if (live === undefined) return config;
  const container = containerOf(shape, live, config);
  if (container === undefined || (isVoid(live) && isVoid(config))) return config;
  if (container.kind !== 'struct' && container.kind !== 'map') return mergeLists(container, live, config);
  const base = isObject(live) ? live : {};
  const over = isObject(config) ? config : {};
  const out: Record<string, unknown> = {};
  for (const name of Object.keys(base)) setOwn(out, name, merge(fieldShape(container, name), base[name], own(over, name)));
  for (const name of Object.keys(over)) if (!Object.hasOwn(base, name)) setOwn(out, name, over[name]);
  return out;
}

/**
 * Elements only the live list has stay between their neighbours; those the config names come in its order. The live list is walked; where
 * it reaches the next element that both have, everything of the config up to there is put out.
 */
function mergeLists(container: Container, live: unknown, config: unknown): readonly unknown[] {
  const liveItems = Array.isArray(live) ? live : [];
  const known = elementsOf(container, liveItems);
  const wanted = elementsOf(container, config);
  const queue = [...wanted];
  const shared = queue.map(([name]) => name).filter((name) => known.has(name));
  const out: unknown[] = [];
  let taken = 0;
  let sharedTaken = 0;
  const take = (): string | undefined => {
    const next = queue[taken];
    if (next === undefined) return undefined;
    const [name, [item]] = next;
    const mine = known.get(name) ?? [];
    taken += 1;
    if (mine.length > 0) sharedTaken += 1;
    // Where the live list names the element twice there is no one value to merge into.
    out.push(mine.length === 1 ? merge(itemShape(container), mine[0], item) : item);
    return name;
  };
  for (const item of liveItems) {
    const name = elementName(container, item);
    if (!wanted.has(name)) out.push(item);
    else if (shared[sharedTaken] === name) while (take() !== name);
  }
  while (take() !== undefined);
  return out;
}

/** The value without the members of the set and all below them. A struct, map or list that nothing is left of becomes null. */
export function without(shape: Shape, value: unknown, set: FieldSet): unknown {
  const container = containerOf(shape, value);
  if (container === undefined || isVoid(value) || isEmptySet(set)) return value;
  if (container.kind === 'struct' || container.kind === 'map') {
    const out: Record<string, unknown> = {};
    for (const name of Object.keys(value as object)) {
      const left = stripped(fieldShape(container, name), (value as JsonObject)[name], below(set, fieldKey(name)));
      if (left !== undefined) setOwn(out, name, left);
    }
    return isVoid(out) ? null : out;
  }
  const kept = (value as readonly unknown[])
    .map((item) => stripped(itemShape(container), item, below(set, elementName(container, item))))
    .filter((item) => item !== undefined && item !== null);
  return kept.length === 0 ? null : kept;
}

function stripped(shape: Shape, value: unknown, node: ReturnType<typeof below>): unknown {
  if (node === undefined) return value;
  return node.member ? undefined : without(shape, value, node.children);
}

/** The set, with every struct that has members below it as a member, too. */
export function withStructs(shape: Shape, set: FieldSet): FieldSet {
  const out: Record<string, FieldSet> = {};
  for (const key of Object.keys(set)) {
    const node = below(set, key);
    if (key === '.' || node === undefined) continue;
    const isField = key.startsWith('f:');
    const inner = isField ? memberShape(shape, key.slice(2)) : shape.kind === 'keyed' ? shape.items() : undefined;
    const children = inner === undefined ? node.children : withStructs(inner, node.children);
    const isNamed = isField && shape.kind === 'struct' && shape.field(key.slice(2)) !== undefined;
    const { '.': _, ...rest } = children;
    out[key] = (isNamed || node.member) && !isEmptySet(rest) ? { '.': {}, ...rest } : rest;
  }
  return out;
}

function memberShape(shape: Shape, name: string): Shape | undefined {
  if (shape.kind === 'struct') return shape.field(name) ?? { kind: 'any' };
  if (shape.kind === 'map') return shape.values();
  return shape.kind === 'any' ? shape : undefined;
}
