/**
 * The command line of a program of the control plane, as Go reads it: --name value, --name=value, booleans alone or with =true and =false,
 * lists with commas or by repeating, underscores for dashes. Pure. Throws AppError FLAG_INVALID with everything that is wrong.
 */
import { parseArgs } from 'node:util';
import { durationMs, isDuration } from '#api/formats.ts';
import { closest } from '#api/suggest.ts';
import { AppError } from '#base/errors.ts';
import type { FlagRow, FlagTable } from './flagRows.ts';

export interface ProgramFlags {
  /** "kube-apiserver" */
  readonly program: string;
  /** What it is, in a sentence for the help. */
  readonly about: string;
  readonly table: FlagTable;
}

export interface CommandLine {
  readonly help: boolean;
  readonly version: boolean;
  readonly values: FlagValues;
}

/** What the flags say, their defaults included. Asking for a flag that is not honoured is a bug. */
export class FlagValues {
  readonly #table: FlagTable;
  readonly #given: ReadonlyMap<string, readonly string[]>;

  constructor(table: FlagTable, given: ReadonlyMap<string, readonly string[]>) {
    this.#table = table;
    this.#given = given;
  }

  isGiven(name: string): boolean {
    return this.#given.has(name);
  }

  text(name: string): string | undefined {
    return this.#given.get(name)?.at(-1) ?? this.#row(name).initial;
  }

  /** undefined also for "". */
  file(name: string): string | undefined {
    const value = this.text(name);
    return value === '' ? undefined : value;
  }

  list(name: string): readonly string[] {
    return (this.#given.get(name) ?? [this.#row(name).initial ?? ''])
      .flatMap((value) => value.split(','))
      .map((value) => value.trim())
      .filter((value) => value !== '');
  }

  whole(name: string): number {
    return Number(this.text(name));
  }

  ms(name: string): number {
    return durationMs(this.text(name) ?? '') ?? 0;
  }

  isOn(name: string): boolean {
    return isTrue(this.text(name) ?? 'false');
  }

  #row(name: string): FlagRow {
    const row = this.#table[name];
    if (row === undefined) throw new TypeError(`There is no flag --${name}`);
    return row;
  }
}

const TRUE = /^(1|t|T|true|TRUE|True)$/;
const FALSE = /^(0|f|F|false|FALSE|False)$/;
const isTrue = (text: string): boolean => TRUE.test(text);

export function parseFlags({ program, table }: ProgramFlags, argv: readonly string[]): CommandLine {
  const { tokens } = parseArgs({
    args: argv.flatMap(asParsed),
    options: Object.fromEntries([
      ...Object.entries(table).map(([name, { type }]) => [
        name,
        { type: type === 'bool' ? ('boolean' as const) : ('string' as const), multiple: true, ...(name === 'v' ? { short: 'v' } : {}) },
      ]),
      ['help', { type: 'boolean', short: 'h' }],
      ['version', { type: 'boolean' }],
    ]),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const problems: string[] = [];
  const given = new Map<string, string[]>();
  let [help, version] = [false, false];
  for (const token of tokens) {
    if (token.kind === 'positional') problems.push(`${JSON.stringify(token.value)}: ${program} takes flags alone`);
    if (token.kind !== 'option') continue;
    const { name, value = table[token.name]?.type === 'bool' ? 'true' : undefined } = token;
    if (name === 'help') help = true;
    else if (name === 'version') version = true;
    else {
      const problem = problemOf(table, name, value);
      if (problem !== undefined) problems.push(problem);
      else given.set(name, [...(given.get(name) ?? []), value ?? '']);
    }
  }
  if (problems.length > 0 && !help && !version) {
    throw new AppError('FLAG_INVALID', `${problems.join('; ')}; ${program} --help lists the flags`);
  }
  return { help, version, values: new FlagValues(table, given) };
}

/** To what parseArgs knows: dashes, and an = that belongs to a boolean stays with its value. */
function asParsed(arg: string): readonly string[] {
  const found = /^--?([A-Za-z0-9_-]+)(=.*)?$/s.exec(arg);
  if (found === null || !/[a-z]/.test(found[1] ?? '')) return [arg];
  const name = (found[1] ?? '').replaceAll('_', '-');
  return name === 'h' ? ['--help'] : [`--${name}${found[2] ?? ''}`];
}

function problemOf(table: FlagTable, name: string, value: string | undefined): string | undefined {
  const row = table[name];
  if (row === undefined) {
    const [meant, edits] = closest(Object.keys(table), name);
    return `--${name}: unknown flag${meant === undefined || edits > 2 ? '' : `, did you mean --${meant}?`}`;
  }
  if (value === undefined) return `--${name}: want a value`;
  const wrong = typeProblem(row, value);
  if (wrong !== undefined) return `--${name}: ${wrong}, got ${JSON.stringify(value)}`;
  const { use } = row;
  if (use.kind === 'refused') return value === '' ? undefined : `--${name}: cannot be honoured: ${use.why}`;
  if (use.kind === 'only' && !use.values.some((allowed) => isSame(row, allowed, value))) {
    return `--${name}: only ${use.values.join(' or ')} can be honoured, got ${JSON.stringify(value)}: ${use.why}`;
  }
  return undefined;
}

function typeProblem({ type }: FlagRow, value: string): string | undefined {
  switch (type) {
    case 'bool':
      return TRUE.test(value) || FALSE.test(value) ? undefined : 'want true or false';
    case 'int':
      return /^-?\d{1,15}$/.test(value) ? undefined : 'want a whole number';
    case 'duration':
      return isDuration(value) && !value.startsWith('-') ? undefined : 'want a duration such as 1m30s';
    default:
      return undefined;
  }
}

function isSame({ type }: FlagRow, a: string, b: string): boolean {
  if (type === 'bool') return isTrue(a) === isTrue(b);
  if (type === 'duration') return durationMs(a) === durationMs(b);
  return type === 'int' ? Number(a) === Number(b) : a === b;
}

export function usage({ program, about, table }: ProgramFlags): string {
  const rows = Object.entries(table);
  const helped = rows.filter(([, { help }]) => help !== undefined);
  const wide = Math.max(...helped.map(([name]) => name.length)) + 4;
  const line = ([name, { help, initial }]: [string, FlagRow]): string =>
    `      ${`--${name}`.padEnd(wide)}${help}${initial === undefined || initial === '' || help?.includes('(default') === true ? '' : ` (default ${initial})`}\n`;
  const names = (kind: 'only' | 'refused'): string =>
    rows
      .filter(([, { use }]) => use.kind === kind)
      .map(([name, { use }]) => `      --${name}${use.kind === 'only' ? `=${use.values.join('|')}` : ''}\n`)
      .join('');
  return `Usage: ${program} [flags]

${about}

${helped.map(line).join('')}      ${'-h, --help'.padEnd(wide)}print this and exit
      ${'--version'.padEnd(wide)}print the version and exit
${section(`Flags of upstream's ${program} that have one value here:`, names('only'))}${section(`Flags of upstream's ${program} that are refused, with the reason:`, names('refused'))}`;
}

const section = (title: string, lines: string): string => (lines === '' ? '' : `\n${title}\n${lines}`);
