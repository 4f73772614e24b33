/**
 * Labels and the two forms of selectors: the text of kubectl -l ("app=web,tier in (a,b),!old") and the LabelSelector object. Pure.
 * Throws: AppError SELECTOR_INVALID from parseSelector and fromLabelSelector.
 * Source: the grammar of k8s.io/apimachinery labels.Parse, Kubernetes 1.36.
 */
import { AppError } from '#base/errors.ts';
import { labelValue, qualifiedName } from '#api/names.ts';
import type { LabelSelector } from '#api/kinds/meta/selectors.ts';

export type Labels = Readonly<Record<string, string>>;

export type Requirement =
  | { readonly kind: 'in' | 'notIn'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'exists' | 'doesNotExist'; readonly key: string }
  | { readonly kind: 'greaterThan' | 'lessThan'; readonly key: string; readonly value: number };

/** All requirements must hold; none at all matches everything. */
export type Selector = readonly Requirement[];

export const everything: Selector = [];

export function matches(selector: Selector, labels: Labels | undefined): boolean {
  return selector.every((requirement) => holds(requirement, labels));
}

function holds(requirement: Requirement, labels: Labels | undefined): boolean {
  const { key } = requirement;
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (requirement.kind) {
    case 'in':
      return value !== undefined && requirement.values.includes(value);
    case 'notIn':
      return value === undefined || !requirement.values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'doesNotExist':
      return value === undefined;
    case 'greaterThan':
      return value !== undefined && /^[-+]?[0-9]+$/.test(value) && Number(value) > requirement.value;
    default:
      return value !== undefined && /^[-+]?[0-9]+$/.test(value) && Number(value) < requirement.value;
  }
}

/** A plain map, such as the selector of a service: every pair must be there. */
export function fromMap(labels: Labels | undefined): Selector {
  return Object.entries(labels ?? {}).map(([key, value]) => ({ kind: 'in', key, values: [value] }));
}

const OPERATORS = { In: 'in', NotIn: 'notIn', Exists: 'exists', DoesNotExist: 'doesNotExist' } as const;

/** An empty LabelSelector matches everything; a missing one matches nothing, so it is the caller's to decide. */
export function fromLabelSelector(selector: LabelSelector): Selector {
  const expressions = (selector.matchExpressions ?? []).map((e): Requirement => {
    const kind = Object.hasOwn(OPERATORS, e.operator) ? OPERATORS[e.operator] : undefined;
    if (kind === undefined) throw refuse(`${JSON.stringify(e.operator)} is not a valid label selector operator`, e.key);
    return kind === 'in' || kind === 'notIn' ? { kind, key: e.key, values: e.values ?? [] } : { kind, key: e.key };
  });
  return [...fromMap(selector.matchLabels), ...expressions];
}

const refuse = (why: string, text: string): AppError =>
  new AppError('SELECTOR_INVALID', `Cannot read selector ${JSON.stringify(text)}: ${why}`, { selector: text });

const WORDS = /\s*(==|!=|=|!|<|>|,|\(|\)|[^\s=!<>,()]+)/y;

/** Words and signs of the grammar; undefined where a character has no place. */
function words(text: string): string[] | undefined {
  const out: string[] = [];
  WORDS.lastIndex = 0;
  let end = 0;
  for (let m = WORDS.exec(text); m !== null; m = WORDS.exec(text)) {
    out.push(m[1] ?? '');
    end = WORDS.lastIndex;
  }
  return text.slice(end).trim() === '' ? out : undefined;
}

class Reader {
  readonly #words: readonly string[];
  readonly #text: string;
  #next = 0;

  constructor(text: string) {
    const found = words(text);
    if (found === undefined) throw refuse('it has characters that cannot stand in a selector', text);
    this.#words = found;
    this.#text = text;
  }

  get done(): boolean {
    return this.#next >= this.#words.length;
  }

  peek(): string {
    return this.#words[this.#next] ?? '';
  }

  take(): string {
    this.#next += 1;
    return this.#words[this.#next - 1] ?? '';
  }

  expect(word: string): void {
    const found = this.take();
    if (found !== word) throw this.fail(`found '${found}', expected: '${word}'`);
  }

  fail(why: string): AppError {
    return refuse(why, this.#text);
  }
}

const isWord = (word: string): boolean => word !== '' && !/^[=!<>,()]/.test(word);

export function parseSelector(text: string): Selector {
  const reader = new Reader(text);
  const out: Requirement[] = [];
  while (!reader.done) {
    out.push(requirement(reader));
    if (reader.done) break;
    reader.expect(',');
    if (reader.done) throw reader.fail("found '', expected: identifier after ','");
  }
  return out;
}

function requirement(reader: Reader): Requirement {
  const negated = reader.peek() === '!';
  if (negated) reader.take();
  const key = reader.take();
  if (!isWord(key)) throw reader.fail(`found '${key}', expected: !, identifier, or 'end of string'`);
  const [bad] = qualifiedName(key);
  if (bad !== undefined) throw reader.fail(`key ${JSON.stringify(key)}: ${bad}`);
  if (negated) return { kind: 'doesNotExist', key };
  if (reader.done || reader.peek() === ',') return { kind: 'exists', key };
  return operation(reader, key);
}

function operation(reader: Reader, key: string): Requirement {
  const operator = reader.take();
  switch (operator) {
    case '=':
    case '==':
      return { kind: 'in', key, values: [oneValue(reader)] };
    case '!=':
      return { kind: 'notIn', key, values: [oneValue(reader)] };
    case 'in':
      return { kind: 'in', key, values: values(reader) };
    case 'notin':
      return { kind: 'notIn', key, values: values(reader) };
    case '>':
    case '<':
      return { kind: operator === '>' ? 'greaterThan' : 'lessThan', key, value: integer(reader) };
    default:
      throw reader.fail(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
  }
}

function integer(reader: Reader): number {
  const text = reader.take();
  if (!/^[-+]?[0-9]+$/.test(text)) throw reader.fail(`for 'Gt', 'Lt' operators, the value must be an integer, found '${text}'`);
  return Number(text);
}

/** May be empty: "app=" asks for the label with the empty value. */
function oneValue(reader: Reader): string {
  if (reader.done || reader.peek() === ',') return '';
  return checkedValue(reader, reader.take());
}

function checkedValue(reader: Reader, value: string): string {
  if (!isWord(value)) throw reader.fail(`found '${value}', expected: identifier`);
  const [bad] = labelValue(value);
  if (bad !== undefined) throw reader.fail(`value ${JSON.stringify(value)}: ${bad}`);
  return value;
}

function values(reader: Reader): readonly string[] {
  reader.expect('(');
  const out: string[] = [];
  for (;;) {
    const word = reader.peek();
    out.push(word === ',' || word === ')' ? '' : checkedValue(reader, reader.take()));
    const sign = reader.take();
    if (sign === ')') return out.toSorted();
    if (sign !== ',') throw reader.fail(`found '${sign}', expected: ',' or ')'`);
  }
}

/** The canonical text; parseSelector reads it back to the same selector. */
export function formatSelector(selector: Selector): string {
  return selector
    .map((r) => {
      switch (r.kind) {
        case 'in':
          return r.values.length === 1 ? `${r.key}=${r.values[0]}` : `${r.key} in (${r.values.toSorted().join(',')})`;
        case 'notIn':
          return r.values.length === 1 ? `${r.key}!=${r.values[0]}` : `${r.key} notin (${r.values.toSorted().join(',')})`;
        case 'exists':
          return r.key;
        case 'doesNotExist':
          return `!${r.key}`;
        case 'greaterThan':
          return `${r.key}>${r.value}`;
        default:
          return `${r.key}<${r.value}`;
      }
    })
    .join(',');
}
