/**
 * JSON texts: read at full speed by the platform, then looked over once for what JSON.parse lets through (a key twice, depth), and
 * searched for the place of a value when there is a problem to point at. Pure; never throws.
 */
import type { Segment } from '#api/fieldPath.ts';
import type { Wanted } from '#api/yamlValues.ts';

export type ReadJson =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'problem'; readonly offset: number; readonly message: string }
  /** Not JSON at all. */
  | { readonly kind: 'other' };

const DEEPEST = 100;

export function readJson(text: string): ReadJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'other' };
  }
  const problem = new Scan(text).problem();
  return problem === undefined ? { kind: 'value', value } : { kind: 'problem', ...problem };
}

interface Problem {
  readonly offset: number;
  readonly message: string;
}

/** One level of nesting: the keys seen in an object, or undefined in an array. */
interface Level {
  readonly keys: Set<string> | undefined;
  index: number;
  key: string;
  keyAt: number;
}

/** Walks a text that is known to be JSON. Not recursive, so depth costs nothing. */
class Scan {
  readonly #text: string;
  readonly #levels: Level[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  problem(): Problem | undefined {
    return this.#walk((kind, level, offset) => {
      if (kind === 'open' && this.#levels.length > DEEPEST) return { offset, message: `nested more than ${DEEPEST} levels deep` };
      if (kind !== 'key' || level?.keys === undefined) return undefined;
      if (level.keys.has(level.key)) return { offset, message: `the key ${JSON.stringify(level.key)} stands here twice` };
      level.keys.add(level.key);
      return undefined;
    });
  }

  /** The offset of the value at a path, or of its key; of the deepest part of the path that is there. */
  find(path: readonly Segment[], wanted: Wanted): number {
    let deepest = this.#text.search(/\S/);
    let matched = -1;
    this.#walk((kind, _level, offset) => {
      if (kind !== 'value' && kind !== 'open') return undefined;
      const depth = kind === 'open' ? this.#levels.length - 1 : this.#levels.length;
      if (depth > path.length || depth <= matched || !this.#isAt(path, depth)) return undefined;
      matched = depth;
      const parent = this.#levels[depth - 1];
      const keyAt = parent?.keys === undefined ? undefined : parent.keyAt;
      deepest = wanted === 'key' || kind === 'open' ? (keyAt ?? offset) : offset;
      return undefined;
    });
    return deepest;
  }

  #isAt(path: readonly Segment[], depth: number): boolean {
    for (let i = 0; i < depth; i++) {
      const level = this.#levels[i];
      if (level === undefined || String(level.keys === undefined ? level.index : level.key) !== String(path[i])) return false;
    }
    return true;
  }

  #walk<R>(visit: (kind: 'open' | 'key' | 'value', level: Level | undefined, offset: number) => R | undefined): R | undefined {
    const text = this.#text;
    while (this.#at < text.length) {
      const start = this.#at;
      const level = this.#levels.at(-1);
      const found = this.#step(level, start);
      if (found === undefined) continue;
      const answer = visit(found, found === 'open' ? this.#levels.at(-1) : level, start);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  #step(level: Level | undefined, start: number): 'open' | 'key' | 'value' | undefined {
    const c = this.#text[start];
    this.#at += 1;
    switch (c) {
      case '{':
      case '[':
        this.#levels.push({ keys: c === '{' ? new Set() : undefined, index: 0, key: '', keyAt: start });
        return 'open';
      case '}':
      case ']':
        this.#levels.pop();
        return undefined;
      case ',':
        if (level !== undefined) level.index += 1;
        return undefined;
      case '"':
        return this.#string(level, start);
      default:
        if (c === undefined || /[\s:]/.test(c)) return undefined;
        while (/[-+.\w]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
        return 'value';
    }
  }

  #string(level: Level | undefined, start: number): 'key' | 'value' {
    while (this.#text[this.#at] !== '"' && this.#at < this.#text.length) this.#at += this.#text[this.#at] === '\\' ? 2 : 1;
    this.#at += 1;
    if (level?.keys === undefined) return 'value';
    let next = this.#at;
    while (/\s/.test(this.#text[next] ?? '')) next += 1;
    if (this.#text[next] !== ':') return 'value';
    level.key = JSON.parse(this.#text.slice(start, this.#at)) as string;
    level.keyAt = start;
    return 'key';
  }
}

export function findInJson(text: string, path: readonly Segment[], wanted: Wanted): number {
  return new Scan(text).find(path, wanted);
}
