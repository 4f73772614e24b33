/**
 * Follows a daemon's log file and hands on what is worth telling people: its warnings and errors, by the priority at the line's start.
 * Units: bytes for offsets.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

/** Not more than this at a time; a daemon that writes faster is read at the next turn. */
const CHUNK_BYTES = 256 * 1024;
const WARNING = 4;

export class LogTail {
  readonly #path: string;
  #offset = 0;
  #rest = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** Warnings and errors written since the last call, without their prefix. */
  warnings(): string[] {
    return warningsOf(this.#newLines());
  }

  #newLines(): string[] {
    if (!existsSync(this.#path)) return [];
    const fd = openSync(this.#path, 'r');
    try {
      if (fstatSync(fd).size < this.#offset) this.#offset = 0; // begun anew
      const buffer = Buffer.alloc(CHUNK_BYTES);
      const read = readSync(fd, buffer, 0, CHUNK_BYTES, this.#offset);
      this.#offset += read;
      const lines = (this.#rest + buffer.toString('utf8', 0, read)).split('\n');
      this.#rest = lines.pop() ?? '';
      return lines;
    } finally {
      closeSync(fd);
    }
  }
}

/** Pure. A line without a prefix is no log line of a daemon: what a crash prints, and worth telling. */
export function warningsOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, priority, text] = /^(?:<([0-7])>)?(.*)$/s.exec(line) ?? [];
    if (text === undefined || text.trim() === '') return [];
    return priority === undefined || Number(priority) <= WARNING ? [text] : [];
  });
}
