/**
 * What is wrong with a document, in upstream's words ("Invalid value: "x": must be ..."), because people and programs search for them.
 * Pure.
 * Source: the texts of k8s.io/apimachinery field errors, Kubernetes 1.36.
 */
import { formatPath, type FieldPath, type Segment } from '#api/fieldPath.ts';

export type ProblemKind =
  | 'unknown'
  | 'type'
  | 'required'
  | 'invalid'
  | 'notSupported'
  | 'duplicate'
  | 'tooLong'
  | 'tooMany'
  | 'tooFew'
  | 'forbidden'
  | 'notFound';

export interface Problem {
  readonly path: readonly Segment[];
  readonly kind: ProblemKind;
  /** Without the path: `Invalid value: "x": must be ...` */
  readonly message: string;
  readonly value?: unknown;
  /** What was probably meant. */
  readonly suggestion?: string;
}

/** "spec.containers[0].prots: unknown field, did you mean ports?" */
export function formatProblem(problem: Problem): string {
  const path = formatPath(problem.path);
  return path === '' ? problem.message : `${path}: ${problem.message}`;
}

/** The reason of a cause in an API Status. */
export const CAUSE_REASONS: Readonly<Record<ProblemKind, string>> = {
  unknown: 'FieldValueInvalid',
  type: 'FieldValueTypeInvalid',
  required: 'FieldValueRequired',
  invalid: 'FieldValueInvalid',
  notSupported: 'FieldValueNotSupported',
  duplicate: 'FieldValueDuplicate',
  tooLong: 'FieldValueTooLong',
  tooMany: 'FieldValueTooMany',
  tooFew: 'FieldValueTooFew',
  forbidden: 'FieldValueForbidden',
  notFound: 'FieldValueNotFound',
};

const LONGEST_VALUE = 200;

/** A value as it stands in a message; long ones are cut, so that a message stays a line. */
export function showValue(value: unknown): string {
  const text = toText(value);
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE)}...`;
}

const withDetail = (head: string, detail: string): string => (detail === '' ? head : `${head}: ${detail}`);

function toText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value; // no JSON value, or one that contains itself
  }
}

export function invalidText(value: unknown, detail: string): string {
  return withDetail(`Invalid value: ${showValue(value)}`, detail);
}

export function unsupportedText(value: unknown, supported: readonly string[]): string {
  const texts = supported.toSorted().map((s) => JSON.stringify(s));
  return withDetail(`Unsupported value: ${showValue(value)}`, texts.length === 0 ? '' : `supported values: ${texts.join(', ')}`);
}

/** Collects what the validators of a kind find. */
export class Problems {
  readonly #found: Problem[] = [];

  get found(): readonly Problem[] {
    return this.#found;
  }

  get count(): number {
    return this.#found.length;
  }

  invalid(path: FieldPath, value: unknown, detail: string): void {
    this.#add('invalid', path, invalidText(value, detail), value);
  }

  /** One problem per text, as upstream does when a name breaks several rules. */
  invalidAll(path: FieldPath, value: unknown, details: readonly string[]): void {
    for (const detail of details) this.invalid(path, value, detail);
  }

  required(path: FieldPath, detail = ''): void {
    this.#add('required', path, withDetail('Required value', detail), '');
  }

  forbidden(path: FieldPath, detail: string): void {
    this.#add('forbidden', path, withDetail('Forbidden', detail), '');
  }

  duplicate(path: FieldPath, value: unknown, detail = ''): void {
    this.#add('duplicate', path, withDetail(`Duplicate value: ${showValue(value)}`, detail), value);
  }

  notSupported(path: FieldPath, value: unknown, supported: readonly string[]): void {
    this.#add('notSupported', path, unsupportedText(value, supported), value);
  }

  notFound(path: FieldPath, value: unknown): void {
    this.#add('notFound', path, `Not found: ${showValue(value)}`, value);
  }

  tooLong(path: FieldPath, maxBytes: number): void {
    this.#add('tooLong', path, `Too long: may not be more than ${maxBytes} ${maxBytes === 1 ? 'byte' : 'bytes'}`, undefined);
  }

  tooMany(path: FieldPath, actual: number, max: number): void {
    this.#add('tooMany', path, `Too many: ${actual}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`, actual);
  }

  #add(kind: ProblemKind, path: FieldPath, message: string, value: unknown): void {
    this.#found.push({ path: path.toArray(), kind, message, ...(value === undefined ? {} : { value }) });
  }
}
