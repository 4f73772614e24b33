/**
 * When a schedule is due. Pure but for the time zone of the process, which holds where a CronJob names none.
 * Units: milliseconds since the Unix epoch.
 * Source: the syntax of robfig/cron v3, which upstream reads schedules with; croner does the calendar.
 * Throws: whatever croner says of a time zone it does not know.
 */
import { Cron } from 'croner';
import { durationMs } from '#api/formats.ts';

const WORDS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const EVERY = '@every ';
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
/** Smallest and largest of each field, and names beside numbers. */
const FIELDS: readonly (readonly [number, number, readonly string[]])[] = [
  [0, 59, []],
  [0, 23, []],
  [1, 31, []],
  [1, 12, ['', ...MONTHS]],
  [0, 6, DAYS],
];

export interface Schedule {
  /** The first time after this one; undefined: never again. */
  next(afterMs: number): number | undefined;
}

/** text: one that the API has taken. timeZone absent: that of the process. */
export function parseSchedule(text: string, timeZone: string | undefined): Schedule {
  if (text.startsWith(EVERY)) {
    const everyMs = Math.max(1_000, Math.floor((durationMs(text.slice(EVERY.length)) ?? 0) / 1_000) * 1_000);
    return { next: (afterMs) => Math.floor(afterMs / 1_000) * 1_000 + everyMs };
  }
  const fields = (WORDS[text] ?? text).split(/\s+/).filter((field) => field !== '');
  const pattern = FIELDS.map((field, i) => expanded(fields[i] ?? '*', field)).join(' ');
  const cron = new Cron(pattern, { paused: true, mode: '5-part', ...(timeZone === undefined ? {} : { timezone: timeZone }) });
  return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() };
}

/** In numbers. "*" stays: a day counts by week and month together only when neither is "*". */
function expanded(text: string, [min, max, names]: readonly [number, number, readonly string[]]): string {
  const parts = text.split(',').filter((part) => part !== '');
  if (parts.some((part) => /^[*?](\/1)?$/.test(part))) return '*';
  const numberOf = (word: string): number => (names.includes(word.toLowerCase()) ? names.indexOf(word.toLowerCase()) : Number(word));
  const numbers = parts.flatMap((part) => {
    const [range = '', step] = part.split('/');
    const [low = '', high] = range.split('-');
    const isAll = low === '*' || low === '?';
    const from = isAll ? min : numberOf(low);
    const to = high !== undefined ? numberOf(high) : isAll || step !== undefined ? max : from;
    const by = Number(step ?? 1);
    return Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, i) => from + i * by);
  });
  return [...new Set(numbers)].toSorted((a, b) => a - b).join(',');
}

export interface Due {
  /** The last time it was due; undefined: not since then. */
  readonly atMs: number | undefined;
  /** About how many times it was, this one included. */
  readonly missed: number;
}

/** Between two times. However often that was, a few steps of the calendar are enough. */
export function lastDue(schedule: Schedule, sinceMs: number, nowMs: number): Due {
  const first = schedule.next(sinceMs);
  if (first === undefined || first > nowMs) return { atMs: undefined, missed: 0 };
  const second = schedule.next(first);
  if (second === undefined || second > nowMs) return { atMs: first, missed: 1 };
  const missed = Math.floor((nowMs - first) / (second - first)) + 1;
  // Backwards from now until a time is due in between; the spans of a calendar are not all alike.
  for (let spanMs = second - first; ; spanMs *= 2) {
    let at = schedule.next(Math.max(first, nowMs - spanMs));
    if (at === undefined || at > nowMs) {
      if (nowMs - spanMs > first) continue;
      return { atMs: first, missed };
    }
    for (let next = schedule.next(at); next !== undefined && next <= nowMs; next = schedule.next(at)) at = next;
    return { atMs: at, missed };
  }
}

/** As the clocks of the zone show it: "2026-01-01T09:00:00+09:00". */
export function zonedTime(ms: number, timeZone: string | undefined): string {
  const zone = timeZone === undefined ? {} : { timeZone };
  const parts = new Intl.DateTimeFormat('en-US', { ...zone, timeZoneName: 'longOffset' }).formatToParts(ms);
  const offset = /([+-])(\d\d):(\d\d)/.exec(parts.find(({ type }) => type === 'timeZoneName')?.value ?? '');
  const shown = offset?.[0] === '+00:00' ? null : offset;
  const [text = 'Z', sign = '+', hours = '0', minutes = '0'] = shown ?? [];
  const shiftMs = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  return `${new Date(ms + shiftMs).toISOString().slice(0, 19)}${text}`;
}
