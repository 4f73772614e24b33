/**
 * Log entries for journald with structured fields, so that `journalctl POD=default/web CODE=...` finds them; the readable line is MESSAGE.
 * Used only when stderr is the journal: systemd says so in JOURNAL_STREAM.
 * Source: "Native Journal Protocol" and systemd.exec(5) (JOURNAL_STREAM) of systemd.
 */
import { fstatSync } from 'node:fs';
import { datagramSender } from '#base/datagram.ts';

const SOCKET = '/run/systemd/journal/socket';
const STDERR = 2;

/** KEY=value lines; a value of several lines goes behind its length. Pure. */
export function journalEntry(priority: number, message: string, identifier: string, fields: Readonly<Record<string, unknown>>): Buffer {
  const parts: Buffer[] = [];
  const add = (name: string, value: string): void => {
    if (!value.includes('\n')) return void parts.push(Buffer.from(`${name}=${value}\n`));
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    parts.push(Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n'));
  };
  add('MESSAGE', message);
  add('PRIORITY', String(priority));
  add('SYSLOG_IDENTIFIER', identifier);
  for (const [key, value] of Object.entries(fields)) {
    const name = fieldName(key);
    if (value === undefined || name === undefined) continue;
    add(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return Buffer.concat(parts);
}

const OURS = new Set(['MESSAGE', 'PRIORITY', 'SYSLOG_IDENTIFIER']);

/** "lookAgainInMs" -> LOOK_AGAIN_IN_MS; undefined: cannot be one. Pure. */
export function fieldName(key: string): string | undefined {
  const name = key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
  return /^[A-Z][A-Z0-9_]{0,63}$/.test(name) && !OURS.has(name) ? name : undefined;
}

export interface JournalEnv {
  readonly JOURNAL_STREAM?: string | undefined;
}

/**
 * undefined: stderr is not the journal. What it gives answers whether the entry was taken: one that is too large for a datagram, or that
 * came while journald was restarted, is not, and belongs on stderr as a plain line.
 */
export function openJournal(env: JournalEnv, socket = SOCKET, fd = STDERR): ((entry: Buffer) => boolean) | undefined {
  try {
    const { dev, ino } = fstatSync(fd);
    if (env.JOURNAL_STREAM !== `${dev}:${ino}`) return undefined;
    const ffi = process.getBuiltinModule('node:ffi');
    const send = datagramSender(ffi, socket);
    return (entry) => {
      try {
        send(entry);
        return true;
      } catch {
        return false;
      }
    };
  } catch {
    return undefined; // plain lines then
  }
}
