/**
 * Sets of fields in the form they are stored in (FieldsV1): a tree whose keys name fields ("f:spec"), elements of lists by key
 * ('k:{"name":"web"}') or by value ('v:"x"'). An empty node is a member of the set; a node with children is one only if it holds ".".
 * Working on that form directly means that the fields of managers who have nothing to do with a request are never decoded. Pure: sets
 * are never changed, results share what they can.
 * Source: metadata.managedFields, FieldsV1, as Kubernetes 1.36 writes it.
 */
import { isEmpty, isObject, own } from '../json.ts';

export interface FieldSet {
  readonly [key: string]: FieldSet;
}

type Draft = Record<string, FieldSet>;

export const NO_FIELDS: FieldSet = Object.freeze({});
const SELF = '.';
const LEAF: FieldSet = NO_FIELDS;

/** The root itself is never a member: nobody owns a whole object. */
export function isEmptySet(set: FieldSet): boolean {
  return isEmpty(set);
}

const isMember = (node: FieldSet): boolean => node[SELF] !== undefined || isEmpty(node);

function keysOf(node: FieldSet): readonly string[] {
  const keys = Object.keys(node);
  return node[SELF] === undefined ? keys : keys.filter((key) => key !== SELF);
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b;
  if (isEmpty(b) || a === b) return a;
  return join(a, b);
}

function join(a: FieldSet, b: FieldSet): Draft {
  const out: Draft = { ...a };
  for (const key of keysOf(b)) {
    const mine = a[key];
    const other = b[key] ?? LEAF;
    out[key] = mine === undefined ? other : joinNodes(mine, other);
  }
  return out;
}

function joinNodes(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  const out = join(a, b);
  const has = isMember(a) || isMember(b);
  if (has && out[SELF] === undefined && !isEmpty(out)) out[SELF] = LEAF;
  return out;
}

/** What is in a and not in b. A member whose child is in b stays, and so does a child whose parent is in b. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(b) || isEmpty(a) ? a : subtract(a, b, differNodes);
}

/** Like difference, but takes everything below the members of b away, too. */
export function differenceBelow(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(b) || isEmpty(a) ? a : subtract(a, b, differBelow);
}

function differBelow(a: FieldSet, b: FieldSet): Node {
  if (isMember(b)) return undefined;
  const children = subtract(a, b, differBelow);
  return isMember(a) ? asMember(children) : inner(children);
}

type Node = FieldSet | undefined;

function subtract(a: FieldSet, b: FieldSet, nodes: (a: FieldSet, b: FieldSet) => Node): Draft {
  const out: Draft = {};
  for (const key of keysOf(a)) {
    const mine = a[key] ?? LEAF;
    const other = b[key];
    const left = other === undefined ? mine : nodes(mine, other);
    if (left !== undefined) out[key] = left;
  }
  return out;
}

function differNodes(a: FieldSet, b: FieldSet): Node {
  const children = subtract(a, b, differNodes);
  return isMember(a) && !isMember(b) ? asMember(children) : inner(children);
}

/** The node that is a member itself and has these children. */
function asMember(children: FieldSet): FieldSet {
  if (isEmpty(children)) return LEAF;
  return { [SELF]: LEAF, ...children };
}

const inner = (children: Draft): Node => (isEmpty(children) ? undefined : children);

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return meet(a, b);
}

function meet(a: FieldSet, b: FieldSet): Draft {
  const out: Draft = {};
  for (const key of keysOf(a)) {
    const other = b[key];
    if (other === undefined) continue;
    const mine = a[key] ?? LEAF;
    const children = meet(mine, other);
    const node = isMember(mine) && isMember(other) ? asMember(children) : inner(children);
    if (node !== undefined) out[key] = node;
  }
  return out;
}

export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  let node: FieldSet | undefined = set;
  for (const key of path) node = node?.[key];
  return node !== undefined && path.length > 0 && isMember(node);
}

/** The part of the set below one key, and whether the key itself is a member. */
export function below(set: FieldSet, key: string): { readonly member: boolean; readonly children: FieldSet } | undefined {
  const node = set[key];
  return node === undefined ? undefined : { member: isMember(node), children: node };
}

/** A node that is a member itself, child by child: what asMember makes, without a copy. */
export class MemberBuilder {
  #node: Draft | undefined;

  put(key: string, child: FieldSet): void {
    this.#node ??= { [SELF]: LEAF };
    this.#node[key] = child;
  }

  get node(): FieldSet {
    return this.#node ?? LEAF;
  }
}

/** Adds members one by one, in the order of a walk. */
export class SetBuilder {
  readonly #root: Draft = {};

  add(path: readonly string[]): void {
    const [parent, last] = this.#parentOf(path);
    const known: Draft | undefined = parent[last];
    if (known === undefined) parent[last] = {};
    // A node with children that is the goal becomes a member.
    else if (!isEmpty(known)) known[SELF] = LEAF;
  }

  /** Puts a node with everything below it at a path where nothing is yet. */
  graft(path: readonly string[], node: FieldSet): void {
    const [parent, last] = this.#parentOf(path);
    const known = parent[last];
    // Leaves are shared and frozen, and what is put in here may be added to.
    parent[last] = known !== undefined ? joinNodes(known, node) : isEmpty(node) ? {} : node;
  }

  #parentOf(path: readonly string[]): readonly [parent: Draft, last: string] {
    let node = this.#root;
    const end = path.length - 1;
    for (let i = 0; i < end; i++) {
      const key = path[i] ?? '';
      let next: Draft | undefined = node[key];
      if (next === undefined) node[key] = next = {};
      // An empty node that gets children is a member.
      else if (isEmpty(next)) next[SELF] = LEAF;
      node = next;
    }
    return [node, path[end] ?? ''];
  }

  get set(): FieldSet {
    return this.#root;
  }
}

export function setOf(...paths: readonly (readonly string[])[]): FieldSet {
  const builder = new SetBuilder();
  for (const path of paths) builder.add(path);
  return builder.set;
}

/** Every member, shallow ones first, in the order of their texts. */
export function pathsOf(set: FieldSet): readonly (readonly string[])[] {
  const out: (readonly string[])[] = [];
  collect(set, [], out);
  return out;
}

function collect(set: FieldSet, path: readonly string[], out: (readonly string[])[]): void {
  const keys = keysOf(set).toSorted();
  for (const key of keys) if (isMember(set[key] ?? LEAF)) out.push([...path, key]);
  for (const key of keys) collect(set[key] ?? LEAF, [...path, key], out);
}

/** How a message names a field: .spec.containers[name="web"].image */
export function pathText(path: readonly string[]): string {
  return path.map(elementText).join('');
}

export function elementText(key: string): string {
  const rest = key.slice(2);
  if (key.startsWith('f:')) return `.${rest}`;
  if (key.startsWith('v:')) return `[=${rest}]`;
  if (key.startsWith('i:')) return `[${rest}]`;
  const fields = parsed(rest);
  if (!isObject(fields)) return `[${rest}]`;
  return `[${Object.keys(fields)
    .map((name) => `${name}=${JSON.stringify(fields[name])}`)
    .join(',')}]`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const DEEPEST = 100;

/** Reads what a client sent. undefined: not a set of fields. Keys are brought into the one form we write. */
export function decodeFieldSet(value: unknown): FieldSet | undefined {
  return decode(value, 0);
}

function decode(value: unknown, depth: number): FieldSet | undefined {
  if (!isObject(value) || depth > DEEPEST) return undefined;
  const out: Draft = {};
  for (const key of Object.keys(value)) {
    const name = key === SELF ? SELF : canonicalKey(key);
    const child = name === SELF ? LEAF : decode(own(value, key), depth + 1);
    if (name === undefined || child === undefined) return undefined;
    const known = out[name];
    out[name] = known === undefined ? child : joinNodes(known, child);
  }
  // A root or node that holds nothing but itself is an empty node.
  return Object.keys(out).length === 1 && out[SELF] !== undefined ? LEAF : out;
}

function canonicalKey(key: string): string | undefined {
  if (key.startsWith('f:')) return key;
  const value = parsed(key.slice(2));
  if (value === undefined) return undefined;
  if (key.startsWith('v:')) return `v:${JSON.stringify(value)}`;
  if (key.startsWith('i:')) return Number.isInteger(value) ? key : undefined;
  return key.startsWith('k:') && isObject(value) ? elementKey(value) : undefined;
}

/** The name of a list element that is known by some of its fields. */
export function elementKey(fields: Readonly<Record<string, unknown>>): string {
  const sorted: Record<string, unknown> = {};
  for (const name of Object.keys(fields).toSorted()) sorted[name] = fields[name];
  return `k:${JSON.stringify(sorted)}`;
}
