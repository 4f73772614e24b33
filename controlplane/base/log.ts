/**
 * The one logger. pino decides what is logged; the stream below turns each record into one line that journald reads:
 * the sd-daemon priority prefix, a constant message, then key=value. On a terminal the line gets a time and a word instead.
 *
 * Repeats are folded: a warning or error that says the same again is printed at growing distances, with folded=<lines left out>.
 * Source: sd-daemon(3) for the priority prefix.
 */
import { pino } from 'pino';
import type { Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import { journalEntry, openJournal } from '#base/journal.ts';

export type Fields = Readonly<Record<string, unknown>>;
export type Level = 'error' | 'warn' | 'info' | 'debug';

export interface Logger {
  error(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  debug(message: string, fields?: Fields): void;
  with(fields: Fields): Logger;
}

const PRIORITY = { error: 3, warn: 4, info: 6, debug: 7 } as const;
const WORD = { error: 'ERROR', warn: 'WARN ', info: 'INFO ', debug: 'DEBUG' } as const;
const LEVEL_OF: Readonly<Record<number, Level>> = { 50: 'error', 40: 'warn', 30: 'info', 20: 'debug' };

/** One event, one line: newlines are escaped, because journald would file each line by itself. */
export function formatLine(level: Level, message: string, fields: Fields): string {
  return `<${PRIORITY[level]}>${message}${formatFields(fields)}`;
}

function formatFields(fields: Fields): string {
  let out = '';
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    out += ` ${key}=${/^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text)}`;
  }
  return out;
}

/** Fields that change from one repetition of the same trouble to the next. */
const VARYING = new Set(['retryInMs', 'lookAgainInMs', 'tookMs', 'restarts', 'times']);
const FIRST_GAP_MS = 60_000;
const LONGEST_GAP_MS = 3_600_000;
const REMEMBERED_LINES = 1_000;

interface Repeat {
  printedAtMs: number;
  gapMs: number;
  folded: number;
}

/** Decides whether a line is printed now: at once the first time, then at growing distances while it keeps coming. */
export class Folder {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Repeat>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** undefined: leave it out. Otherwise how many equal lines were left out since the last one printed. */
  admit(message: string, fields: Fields): number | undefined {
    const key = message + formatFields(Object.fromEntries(Object.entries(fields).filter(([k]) => !VARYING.has(k))));
    const nowMs = this.#clock.nowMs();
    const repeat = this.#seen.get(key);
    if (repeat !== undefined && nowMs < repeat.printedAtMs + repeat.gapMs) {
      repeat.folded += 1;
      return undefined;
    }
    const wentOn = repeat !== undefined && repeat.folded > 0;
    this.#seen.delete(key);
    this.#seen.set(key, { printedAtMs: nowMs, gapMs: wentOn ? Math.min(repeat.gapMs * 2, LONGEST_GAP_MS) : FIRST_GAP_MS, folded: 0 });
    if (this.#seen.size > REMEMBERED_LINES) {
      for (const oldest of this.#seen.keys()) {
        this.#seen.delete(oldest);
        break;
      }
    }
    return repeat?.folded ?? 0;
  }
}

export interface LogOptions {
  readonly write: (line: string) => void;
  readonly clock: Clock;
  readonly level?: Level;
  /** Where entries go with their fields; false: it did not take this one, and it is written as a line. */
  readonly journal?: ((priority: number, message: string, fields: Fields) => boolean) | undefined;
  /** A person reads: local time and a word instead of the priority prefix. */
  readonly terminal?: boolean;
}

export function makeLogger({ write, clock, level = 'info', terminal = false, journal }: LogOptions): Logger {
  const folder = new Folder(clock);
  const stream = {
    write(record: string): void {
      const { level: pinoLevel, msg, ...fields } = JSON.parse(record) as { level: number; msg: string } & Record<string, unknown>;
      const at = LEVEL_OF[pinoLevel] ?? 'error';
      const folded = at === 'error' || at === 'warn' ? folder.admit(msg, fields) : 0;
      if (folded === undefined) return;
      const all = folded > 0 ? { ...fields, folded } : fields;
      if (journal?.(PRIORITY[at], `${msg}${formatFields(all)}`, all) === true) return;
      const time = new Date(clock.nowMs()).toTimeString().slice(0, 8);
      write(terminal ? `${time} ${WORD[at]} ${msg}${formatFields(all)}` : formatLine(at, msg, all));
    },
  };
  return wrap(pino({ level, base: null, timestamp: false }, stream));
}

interface PinoLike {
  error(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  debug(fields: Fields, message: string): void;
  child(fields: Fields): PinoLike;
}

function wrap(p: PinoLike): Logger {
  const at =
    (level: Level) =>
    (message: string, fields: Fields = {}) =>
      p[level](flatten(fields), message);
  return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug'), with: (fields) => wrap(p.child(flatten(fields))) };
}

/** err becomes its text, with its code right behind it. */
function flatten(fields: Fields): Fields {
  if (!('err' in fields)) return fields;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (key === 'err') Object.assign(out, { err: explain(value), code: fields['code'] ?? codeOf(value) });
    else if (key !== 'code') out[key] = value;
  }
  return out;
}

/** To stderr, as a daemon logs; to the journal with fields when stderr is the journal. name: SYSLOG_IDENTIFIER. */
export function makeDaemonLogger(clock: Clock, level: Level = 'info', name = 'kijabi'): Logger {
  const send = openJournal(process.env);
  return makeLogger({
    write: (line) => void process.stderr.write(`${line}\n`),
    clock,
    level,
    terminal: process.stderr.isTTY,
    journal: send === undefined ? undefined : (priority, message, fields) => send(journalEntry(priority, message, name, fields)),
  });
}
