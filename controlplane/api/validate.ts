/**
 * Structure: does a JSON value have the fields and types of its schema? Pure; never throws, whatever the value.
 * A schema is compiled once to closures; a value without problems is walked once and nothing is allocated for it.
 * null counts as absent, and as the zero value inside lists and maps, as in Go.
 * Limits: 100 problems (of which 50 unknown fields), 100 levels of nesting; what lies beyond is not looked at.
 * Differs: upstream decodes first and stops at the first wrong type; here all of them are told at once. A missing required field is told
 *   here too, and filled in with its zero value, so that the rules of the kind still run over the rest.
 */
import { isBase64, isDuration, isTime } from '#api/formats.ts';
import { mapKey, type Segment } from '#api/fieldPath.ts';
import { invalidText, unsupportedText, type Problem, type ProblemKind } from '#api/problem.ts';
import { quantityProblem } from '#api/quantity.ts';
import { isOptionalEnum, type Schema } from '#api/schema.ts';
import { suggestField } from '#api/suggest.ts';

export type Validator = (value: unknown) => readonly Problem[];

type Check = (value: unknown, walk: Walk) => void;

const MOST_PROBLEMS = 100;
const MOST_UNKNOWN = 50;
const DEEPEST = 100;
const NONE: readonly Problem[] = [];

/** The state of one walk: where it is and what it found. Reused from walk to walk. */
class Walk {
  readonly root: Schema;
  readonly path: Segment[] = [];
  #found: Problem[] = [];
  #unknown = 0;

  constructor(root: Schema) {
    this.root = root;
  }

  get count(): number {
    return this.#found.length;
  }

  /** The segment at this depth of the newest problems is a key of a map, not a field. Done only when there are problems: it costs a text. */
  markKey(depth: number, from: number): void {
    for (let i = from; i < this.#found.length; i++) {
      const problem = this.#found[i];
      if (problem !== undefined) this.#found[i] = { ...problem, path: problem.path.map((s, at) => (at === depth ? mapKey(String(s)) : s)) };
    }
  }

  get full(): boolean {
    return this.#found.length >= MOST_PROBLEMS;
  }

  finish(): readonly Problem[] {
    this.path.length = 0;
    if (this.#found.length === 0) return NONE;
    const found = this.#found;
    this.#found = [];
    this.#unknown = 0;
    return found;
  }

  add(kind: ProblemKind, message: string, value: unknown): void {
    if (!this.full) this.#found.push({ path: [...this.path], kind, message, value });
  }

  wrongType(value: unknown, wanted: string): void {
    this.add('type', invalidText(value, `want ${wanted}${hint(value, wanted)}`), value);
  }

  required(name: string): void {
    if (!this.full) this.#found.push({ path: [...this.path, name], kind: 'required', message: 'Required value', value: '' });
  }

  unknown(name: string, value: unknown): void {
    if (this.full || this.#unknown >= MOST_UNKNOWN) return;
    this.#unknown += 1;
    const guess = suggestField(this.root, this.path, name);
    const more = guess === undefined ? '' : `, ${guess.text}`;
    const suggestion = guess === undefined ? {} : { suggestion: guess.suggestion };
    this.#found.push({ path: [...this.path, name], kind: 'unknown', message: `unknown field${more}`, value, ...suggestion });
  }
}

/** What most often lies behind a wrong type in YAML. */
function hint(value: unknown, wanted: string): string {
  if (wanted === 'a string' && (typeof value === 'number' || typeof value === 'boolean')) return ': put it in quotes';
  if (typeof value === 'string' && /number|integer/.test(wanted) && /^[-+]?\d+(\.\d+)?$/.test(value)) return ': take the quotes away';
  if (typeof value === 'string' && wanted === 'true or false') return /^(yes|no|on|off|true|false)$/i.test(value) ? ': without quotes' : '';
  if (wanted === 'a list' && typeof value === 'object' && value !== null) return ": put '- ' in front of each element";
  if (wanted === 'an object' && Array.isArray(value)) return ": without '- ' in front";
  return '';
}

/** Compiles a schema, once; call the result as often as needed (not from inside itself). */
export function compile(schema: Schema): Validator {
  const check = checkOf(schema);
  const walk = new Walk(schema);
  return (value) => {
    check(value, walk);
    return walk.finish();
  };
}

/** Types are shared between kinds, so their checks are too. */
const compiled = new WeakMap<object, Check>();

function checkOf(schema: Schema): Check {
  if (schema['x-kijabi-ref'] !== undefined) return lazily(schema['x-kijabi-ref']);
  switch (schema.format) {
    case 'quantity':
      return checkQuantity;
    case 'int-or-string':
      return checkIntOrString;
    case 'date-time':
    case 'micro-time':
      return textWith(isTime, 'a time such as 2026-01-31T23:59:59Z');
    case 'duration':
      return textWith(isDuration, 'a duration such as 1h30m');
    case 'byte':
      return textWith(isBase64, 'base64 text');
    default:
  }
  switch (schema.type) {
    case 'string':
      return stringCheck(schema);
    case 'integer':
      return integerCheck(schema);
    case 'number':
      return checkNumber;
    case 'boolean':
      return checkBoolean;
    case 'array':
      return arrayCheck(schema);
    case 'object':
      return objectCheck(schema);
    default:
      return checkDepth;
  }
}

function lazily(target: () => Schema): Check {
  let check: Check | undefined;
  return (value, walk) => {
    if (walk.path.length > DEEPEST) return walk.add('invalid', `nested more than ${DEEPEST} levels deep`, undefined);
    check ??= checkOf(target());
    check(value, walk);
  };
}

const checkNumber: Check = (value, walk) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) walk.wrongType(value, 'a number');
};

const checkBoolean: Check = (value, walk) => {
  if (typeof value !== 'boolean') walk.wrongType(value, 'true or false');
};

const checkQuantity: Check = (value, walk) => {
  if (typeof value !== 'string' && (typeof value !== 'number' || !Number.isFinite(value))) {
    return walk.wrongType(value, 'a quantity such as 100m, 1.5 or 2Gi');
  }
  const problem = quantityProblem(value);
  if (problem !== undefined) walk.add('type', invalidText(value, problem), value);
};

const checkIntOrString: Check = (value, walk) => {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value) && value >= INT32.least && value <= INT32.most))
    return;
  walk.wrongType(value, 'an integer or a string');
};

function textWith(isGood: (text: string) => boolean, wanted: string): Check {
  return (value, walk) => {
    if (typeof value !== 'string' || !isGood(value)) walk.wrongType(value, wanted);
  };
}

function stringCheck(schema: Schema): Check {
  const { maxLength, enum: values, pattern } = schema;
  const isString: Check = (value, walk) => {
    if (typeof value !== 'string') walk.wrongType(value, 'a string');
  };
  if (values !== undefined) {
    const known = new Set<unknown>(values);
    return (value, walk) => {
      if (known.has(value)) return;
      if (typeof value !== 'string') return walk.wrongType(value, 'a string');
      walk.add('notSupported', unsupportedText(value, values), value);
    };
  }
  if (maxLength === undefined && pattern === undefined) return isString;
  const regex = pattern === undefined ? undefined : new RegExp(pattern, 'u');
  return (value, walk) => {
    if (typeof value !== 'string') return walk.wrongType(value, 'a string');
    if (maxLength !== undefined && value.length > maxLength) {
      walk.add('tooLong', `Too long: may not be more than ${maxLength} characters`, undefined);
    }
    if (regex !== undefined && !regex.test(value)) walk.add('invalid', invalidText(value, `must match ${pattern}`), value);
  };
}

const INT32 = { least: -(2 ** 31), most: 2 ** 31 - 1 };
const INT64 = { least: Number.MIN_SAFE_INTEGER, most: Number.MAX_SAFE_INTEGER };

function integerCheck(schema: Schema): Check {
  const { least, most } = schema.format === 'int32' ? INT32 : INT64;
  const { minimum, maximum } = schema;
  return (value, walk) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) return walk.wrongType(value, 'an integer');
    if (value < least || value > most) return walk.wrongType(value, `an integer between ${least} and ${most}`);
    if (minimum !== undefined && value < minimum)
      walk.add('invalid', invalidText(value, `must be greater than or equal to ${minimum}`), value);
    if (maximum !== undefined && value > maximum)
      walk.add('invalid', invalidText(value, `must be less than or equal to ${maximum}`), value);
  };
}

/** null inside a list or map is looked at as the zero value of its type. */
function zeroFor(schema: Schema | undefined): unknown {
  return schema?.type === 'object' ? {} : undefined;
}

function arrayCheck(schema: Schema): Check {
  const check = checkOf(schema.items ?? {});
  const zero = zeroFor(schema.items);
  return (value, walk) => {
    if (!Array.isArray(value)) return walk.wrongType(value, 'a list');
    const depth = walk.path.length;
    for (let i = 0; i < value.length && !walk.full; i++) {
      const item: unknown = value[i] ?? zero;
      walk.path[depth] = i;
      if (item !== undefined) check(item, walk);
    }
    walk.path.length = depth;
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function objectCheck(schema: Schema): Check {
  const identity = schema.properties ?? schema.additionalProperties ?? schema;
  const known = typeof identity === 'object' ? compiled.get(identity) : undefined;
  if (known !== undefined) return known;
  const check = schema.properties === undefined ? mapCheck(schema) : structCheck(schema, schema.properties);
  if (typeof identity === 'object') compiled.set(identity, check);
  return check;
}

function mapCheck(schema: Schema): Check {
  if (typeof schema.additionalProperties !== 'object') {
    return (value, walk) => (isObject(value) ? checkDepth(value, walk) : walk.wrongType(value, 'an object'));
  }
  const check = checkOf(schema.additionalProperties);
  const zero = zeroFor(schema.additionalProperties);
  return (value, walk) => {
    if (!isObject(value)) return walk.wrongType(value, 'an object');
    const depth = walk.path.length;
    for (const key in value) {
      if (walk.full) break;
      const item = value[key] ?? zero;
      if (item === undefined) continue;
      const before = walk.count;
      walk.path[depth] = key;
      check(item, walk);
      if (walk.count > before) walk.markKey(depth, before);
    }
    walk.path.length = depth;
  };
}

/** The checks of fields are made when a document first has the field: most kinds have many that few documents use. */
function structCheck(schema: Schema, properties: Readonly<Record<string, Schema>>): Check {
  const checks = new Map<string, Check | undefined>(Object.keys(properties).map((name) => [name, undefined]));
  const required = schema.required ?? [];
  // What is always there is looked at even when it was left out: a pod without spec lacks spec.containers.
  const implied = Object.keys(properties).filter((name) => impliesRequired(properties[name]));
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const checkFor = (name: string): Check | undefined => {
    const made = checks.get(name);
    if (made !== undefined || !checks.has(name)) return made;
    const check = fieldCheck(properties[name] ?? {});
    checks.set(name, check);
    return check;
  };
  return (value, walk) => {
    if (!isObject(value)) return walk.wrongType(value, 'an object');
    const depth = walk.path.length;
    for (const name in value) {
      const field = value[name];
      const check = checkFor(name);
      if (check === undefined) {
        if (!open && field !== undefined) walk.unknown(name, field);
      } else if (field !== null && field !== undefined) {
        walk.path[depth] = name;
        check(field, walk);
        walk.path.length = depth;
      }
      if (walk.full) return;
    }
    for (const name of required) if (value[name] === undefined || value[name] === null) walk.required(name);
    for (const name of implied) {
      if (value[name] !== undefined && value[name] !== null) continue;
      walk.path[depth] = name;
      checkFor(name)?.({}, walk);
      walk.path.length = depth;
    }
  };
}

/** Is there something in it that must be there, although the field itself may be left out? */
export function impliesRequired(schema: Schema | undefined): boolean {
  if (schema?.['x-kijabi-presence'] !== 'always' || schema.properties === undefined) return false;
  return (schema.required ?? []).length > 0 || Object.values(schema.properties).some(impliesRequired);
}

/** Go cannot tell "" from absent, so "" in an optional field is no unsupported value. normalize drops it. */
function fieldCheck(schema: Schema): Check {
  const check = checkOf(schema);
  if (!isOptionalEnum(schema)) return check;
  return (value, walk) => {
    if (value !== '') check(value, walk);
  };
}

/** For what is kept as it is: only the nesting is limited, because everything that reads it later recurses. */
const checkDepth: Check = (value, walk) => {
  if (deeperThan(value, DEEPEST - walk.path.length)) walk.add('invalid', `nested more than ${DEEPEST} levels deep`, undefined);
};

function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels <= 0) return true;
  for (const key in value) if (deeperThan((value as Record<string, unknown>)[key], levels - 1)) return true;
  return false;
}
