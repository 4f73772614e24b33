/**
 * Whether a text is a schedule of a CronJob: five fields, or a word. Pure.
 * Source: the syntax and the texts of robfig/cron v3, which upstream reads schedules with (its standard parser).
 */

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Field[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: DAYS },
];
const WORDS = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const EVERY = '@every ';

class Unreadable extends Error {}

/** What is wrong with it; undefined: nothing. */
export function scheduleProblem(text: string, isDuration: (text: string) => boolean): string | undefined {
  if (text.startsWith('@')) return wordProblem(text, isDuration);
  const fields = text.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== FIELDS.length) return `expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(' ')}]`;
  try {
    for (const [i, field] of FIELDS.entries()) for (const part of (fields[i] ?? '').split(',')) if (part !== '') checkRange(part, field);
    return undefined;
  } catch (err) {
    if (err instanceof Unreadable) return err.message;
    throw err;
  }
}

function wordProblem(text: string, isDuration: (text: string) => boolean): string | undefined {
  if (WORDS.has(text)) return undefined;
  if (!text.startsWith(EVERY)) return `unrecognized descriptor: ${text}`;
  const duration = text.slice(EVERY.length);
  return isDuration(duration) ? undefined : `failed to parse duration ${text}: time: invalid duration ${JSON.stringify(duration)}`;
}

/** "*", "5", "1-5", "mon-fri", each with "/2". */
function checkRange(text: string, field: Field): void {
  const [range = '', stepText, ...moreSteps] = text.split('/');
  const [low = '', high, ...moreBounds] = range.split('-');
  const isAll = low === '*' || low === '?';
  const start = isAll ? field.min : valueOf(low, field.names);
  if (!isAll && moreBounds.length > 0) throw new Unreadable(`too many hyphens: ${text}`);
  let end = isAll ? field.max : high === undefined ? start : valueOf(high, field.names);
  if (moreSteps.length > 0) throw new Unreadable(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1 : intOf(stepText);
  if (stepText !== undefined && !isAll && high === undefined) end = field.max;
  if (start < field.min) throw new Unreadable(`beginning of range (${start}) below minimum (${field.min}): ${text}`);
  if (end > field.max) throw new Unreadable(`end of range (${end}) above maximum (${field.max}): ${text}`);
  if (start > end) throw new Unreadable(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new Unreadable(`step of range should be a positive number: ${text}`);
}

function valueOf(text: string, names: readonly string[]): number {
  const at = names.indexOf(text.toLowerCase());
  return at < 0 ? intOf(text) : at + (names === MONTHS ? 1 : 0);
}

function intOf(text: string): number {
  if (!/^[-+]?\d+$/.test(text))
    throw new Unreadable(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (value < 0) throw new Unreadable(`negative number (${value}) not allowed: ${text}`);
  return value;
}
