/**
 * From the syntax tree of a YAML document to a plain JSON value. Pure.
 * Scalars mean what Go's YAML reads for Kubernetes: YAML 1.1 booleans (yes, on), octal 0644, 0x and 0b numbers, 1_000; but no base-60
 * numbers (80:80 is a text) and no dates. Keys are texts, as in JSON; `<<` merges.
 * Source: YAML 1.1 and the resolver of sigs.k8s.io/yaml.
 */
import { isAlias, isMap, isScalar, isSeq, type Alias, type Document, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml';
import { keyOf, type Segment } from '#api/fieldPath.ts';

export type Wanted = 'key' | 'value';

export interface ValueProblem {
  readonly offset: number;
  readonly message: string;
}

export interface ReadValue {
  readonly value: unknown;
  readonly problems: readonly ValueProblem[];
}

const DEEPEST = 100;
const MOST_ALIASED = 100_000;
const MOST_PROBLEMS = 20;

const WORDS = new Map<string, null | boolean>([
  ...['', '~', 'null', 'Null', 'NULL'].map((w) => [w, null] as const),
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((w) => [w, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((w) => [w, false] as const),
]);
const INTEGER = /^[-+]?(?:0|[1-9][0-9]*)$/;
const BASED = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+))$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const NOT_FINITE = /^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/;
const TAG = 'tag:yaml.org,2002:';

/** What a plain (unquoted) scalar means. */
export function plainValue(text: string): string | number | boolean | null {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (!/^[-+.0-9]/.test(text)) return text;
  const digits = text.includes('_') && /^[-+]?[0-9]/.test(text) ? text.replaceAll('_', '') : text;
  if (INTEGER.test(digits)) return Number(digits);
  const [, sign, hex, octal, binary] = BASED.exec(digits) ?? [];
  if (sign !== undefined) {
    const size =
      hex !== undefined ? Number.parseInt(hex, 16) : octal !== undefined ? Number.parseInt(octal, 8) : Number.parseInt(binary ?? '', 2);
    return sign === '-' ? -size : size;
  }
  return FLOAT.test(digits) ? Number(digits) : text;
}

/** The state of reading one document. */
class Reading {
  readonly problems: ValueProblem[] = [];
  readonly anchors = new Map<string, Node>();
  /** Nodes being read right now, to see an alias that contains itself. */
  readonly open = new Set<Node>();
  aliased = 0;
  inAlias = 0;
  isBlown = false;

  problem(node: { readonly range?: readonly number[] | null }, message: string): undefined {
    if (this.problems.length < MOST_PROBLEMS) this.problems.push({ offset: node.range?.[0] ?? 0, message });
    return undefined;
  }
}

export function toValue(document: Document.Parsed): ReadValue {
  const reading = new Reading();
  const value = read(document.contents, reading, 0);
  return { value, problems: reading.problems };
}

function read(node: unknown, reading: Reading, depth: number): unknown {
  if (isAlias(node)) return readAlias(node, reading, depth);
  if (isScalar(node)) {
    remember(node, reading);
    return scalarValue(node, reading);
  }
  if (!isMap(node) && !isSeq(node)) return null;
  remember(node, reading);
  if (depth >= DEEPEST) return reading.problem(node, `nested more than ${DEEPEST} levels deep`);
  if (node.tag !== undefined && node.tag !== `${TAG}map` && node.tag !== `${TAG}seq`)
    return reading.problem(node, `the tag ${node.tag} means nothing here`);
  reading.open.add(node);
  const value = isMap(node) ? readMap(node, reading, depth) : node.items.map((item) => read(item, reading, depth + 1));
  reading.open.delete(node);
  return value;
}

function remember(node: Node & { readonly anchor?: string }, reading: Reading): void {
  if (node.anchor !== undefined && reading.inAlias === 0) reading.anchors.set(node.anchor, node);
  if (reading.inAlias > 0) reading.aliased += 1;
}

function readAlias(alias: Alias, reading: Reading, depth: number): unknown {
  const target = reading.anchors.get(alias.source);
  if (target === undefined) return reading.problem(alias, `the alias *${alias.source} has no anchor before it`);
  if (reading.open.has(target)) return reading.problem(alias, `the alias *${alias.source} contains itself`);
  if (reading.isBlown) return undefined; // said once, where it became too much
  if (reading.aliased > MOST_ALIASED) {
    reading.isBlown = true;
    return reading.problem(alias, 'the aliases of this document blow it up beyond measure');
  }
  reading.inAlias += 1;
  const value = read(target, reading, depth);
  reading.inAlias -= 1;
  return value;
}

function scalarValue(node: Scalar, reading: Reading): unknown {
  const text = typeof node.value === 'string' ? node.value : '';
  if (node.tag === undefined) {
    if (node.type !== 'PLAIN') return text;
    return NOT_FINITE.test(text) ? reading.problem(node, `${text} is no number that JSON has`) : plainValue(text);
  }
  const value = plainValue(text);
  switch (node.tag) {
    case '!':
    case `${TAG}str`:
      return text;
    case `${TAG}int`:
      if (Number.isInteger(value)) return value;
      break;
    case `${TAG}float`:
      if (typeof value === 'number') return value;
      break;
    case `${TAG}bool`:
      if (typeof value === 'boolean') return value;
      break;
    case `${TAG}null`:
      if (value === null) return value;
      break;
    default:
  }
  return reading.problem(node, `the tag ${node.tag.replace(TAG, '!!')} means nothing here`);
}

function readMap(map: YAMLMap, reading: Reading, depth: number): unknown {
  const out: Record<string, unknown> = {};
  const seen = new Set<string>();
  const merges: Pair[] = [];
  for (const pair of map.items) {
    if (isMergeKey(pair.key)) {
      merges.push(pair);
      continue;
    }
    const key = readKey(pair.key, map, reading);
    if (key === undefined) continue;
    if (seen.has(key)) reading.problem((pair.key as Node | null) ?? map, `the key ${JSON.stringify(key)} stands here twice`);
    seen.add(key);
    setOwn(out, key, read(pair.value, reading, depth + 1));
  }
  for (const pair of merges) mergeInto(out, seen, { from: pair.value, reading, depth });
  return out;
}

const isMergeKey = (key: unknown): boolean => isScalar(key) && key.type === 'PLAIN' && key.value === '<<';

interface Merge {
  readonly from: unknown;
  readonly reading: Reading;
  readonly depth: number;
}

/** What the map itself says wins over what it merges, and the first of several merged maps wins over later ones. */
function mergeInto(out: Record<string, unknown>, seen: Set<string>, { from, reading, depth }: Merge): void {
  const value = read(from, reading, depth + 1);
  for (const source of Array.isArray(value) ? value : [value]) {
    if (typeof source !== 'object' || source === null || Array.isArray(source)) {
      reading.problem(from as Node, '<< wants a map, or a list of maps');
      return;
    }
    for (const [key, item] of Object.entries(source)) {
      if (seen.has(key)) continue;
      seen.add(key);
      setOwn(out, key, item);
    }
  }
}

/** Keys are texts in JSON: 80 and true become "80" and "true", as upstream has it. */
function readKey(key: unknown, map: YAMLMap, reading: Reading): string | undefined {
  const value = read(key, reading, 0);
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === undefined) return undefined;
  return reading.problem((key as Node | null) ?? map, value === null ? 'the key is empty' : 'a key must be a text, not a map or a list');
}

function setOwn(out: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
  else out[key] = value;
}

/** The offset of the value at a path or of the key in front of it; of what surrounds it when it is not there. */
export function findNode(document: Document.Parsed, path: readonly Segment[], wanted: Wanted): number {
  let node: unknown = document.contents;
  let offset = offsetOf(node) ?? 0;
  for (const [i, segment] of path.entries()) {
    const here = isAlias(node) ? node.resolve(document) : node;
    const step = stepInto(here, segment);
    if (step === undefined) return offset;
    const last = i === path.length - 1;
    const isBlock = isMap(step.value) || isSeq(step.value);
    // A collection begins on the next line; its key is where people look.
    offset =
      (wanted === 'key' || !last || isBlock ? offsetOf(step.key) : undefined) ?? offsetOf(step.value) ?? offsetOf(step.key) ?? offset;
    node = step.value;
  }
  return offset;
}

const offsetOf = (node: unknown): number | undefined => (node as { range?: readonly number[] | null } | null)?.range?.[0];

interface Step {
  readonly key: unknown;
  readonly value: unknown;
}

function stepInto(node: unknown, segment: Segment): Step | undefined {
  if (isSeq(node))
    return typeof segment === 'number' && segment < node.items.length ? { key: undefined, value: node.items[segment] } : undefined;
  if (!isMap(node)) return undefined;
  for (const name of [segment, keyOf(segment)]) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(name));
    if (pair !== undefined) return { key: pair.key, value: pair.value };
  }
  return undefined;
}
