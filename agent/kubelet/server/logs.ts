/**
 * Reads a container's log, what was put aside of it included, and when asked to goes on while the container runs, also when the file is
 * rotated meanwhile. Memory stays bounded whatever the size of the files.
 */
import { createReadStream } from 'node:fs';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import type { Clock } from '#base/clock.ts';
import { asideOf } from '../logs/rotate.ts';
import { formatLogLine, tailOffset, type LogOptions } from '../logs/format.ts';

export interface ReadLogOptions extends LogOptions {
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  readonly follow: boolean;
  readonly clock: Clock;
  /** False once the container ended: what is in the file then is all there will be. */
  readonly stillRuns: () => boolean;
}

const CHUNK_BYTES = 64 << 10;
/** How often a followed file is looked at: a look is one read call. */
const FOLLOW_MS = 100;
/** A line longer than this is given in parts. */
const LONGEST_LINE = 1 << 20;

export async function* readLog(file: string, options: ReadLogOptions, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  let left = options.limitBytes ?? Infinity;
  for await (const line of allLines(file, options, signal)) {
    const text = formatLogLine(line, options);
    if (text === undefined) continue;
    const size = Buffer.byteLength(text);
    if (size >= left) {
      yield Buffer.from(text).subarray(0, left).toString('utf8');
      return;
    }
    left -= size;
    yield text;
  }
}

async function* allLines(file: string, options: ReadLogOptions, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  const handle = await open(file, 'r');
  const first = { handle, position: 0 };
  try {
    const { tailLines } = options;
    let missing = Infinity;
    if (tailLines !== undefined) {
      const tail = await findTail(handle, tailLines);
      first.position = tail.position;
      missing = tailLines - tail.lines;
    }
    if (missing > 0) yield* asideLines(file, missing, signal);
  } catch (err) {
    await handle.close();
    throw err;
  }
  yield* currentLines(file, first, options, signal);
}

/** The last `wanted` lines of what was put aside: each file is counted before it is given, the newest first, and none is held whole. */
async function* asideLines(file: string, wanted: number, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  const dir = dirname(file);
  const names = asideOf(basename(file), await readdir(dir));
  let begin = 0;
  let skip = 0;
  if (wanted !== Infinity) {
    let left = wanted;
    for (begin = names.length; begin > 0 && left > 0;) {
      begin -= 1;
      let lines = 0;
      for await (const _ of wholeFile(join(dir, names[begin] ?? ''), signal)) lines += 1;
      skip = Math.max(0, lines - left);
      left -= lines;
    }
  }
  for (const name of names.slice(begin)) {
    for await (const line of wholeFile(join(dir, name), signal)) {
      if (skip > 0) skip -= 1;
      else yield line;
    }
  }
}

async function* wholeFile(path: string, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  const raw = createReadStream(path, { signal });
  const bytes = path.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  raw.on('error', (err) => bytes.destroy(err));
  const cut = new LineCutter();
  for await (const chunk of bytes) yield* cut.lines(chunk as Buffer);
  yield* cut.rest();
}

async function* currentLines(
  file: string,
  from: { handle: FileHandle; position: number },
  options: ReadLogOptions,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  const cut = new LineCutter();
  let { handle, position } = from;
  try {
    while (!signal.aborted) {
      const ended = !options.follow || !options.stillRuns(); // asked before the read, so that nothing written in between is missed
      const rotated = options.follow && (await isAnother(file, handle));
      const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position);
      position += bytesRead;
      if (bytesRead > 0) yield* cut.lines(buffer.subarray(0, bytesRead));
      else if (rotated) {
        // Put aside, and read to its end since: the next one goes on where it left off.
        const next = await open(file, 'r').catch(() => undefined);
        if (next === undefined) continue;
        await handle.close();
        [handle, position] = [next, 0];
      } else if (ended) {
        yield* cut.rest();
        return;
      } else {
        await options.clock.sleep(FOLLOW_MS, signal).catch(() => undefined);
      }
    }
  } finally {
    await handle.close();
  }
}

/** Whether the name stands for another file by now. */
async function isAnother(file: string, handle: FileHandle): Promise<boolean> {
  const [now, ours] = await Promise.all([stat(file).catch(() => undefined), handle.stat()]);
  return now !== undefined && now.ino !== ours.ino;
}

class LineCutter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  *lines(bytes: Buffer): Generator<string, void, undefined> {
    const parts = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = parts.pop() ?? '';
    yield* parts;
    if (this.#rest.length > LONGEST_LINE) {
      yield this.#rest;
      this.#rest = '';
    }
  }

  *rest(): Generator<string, void, undefined> {
    if (this.#rest !== '') yield this.#rest;
    this.#rest = '';
  }
}

/** Reads backwards until enough lines are in hand. lines: how many there are from position on, at most as many as wanted. */
async function findTail(handle: FileHandle, tailLines: number): Promise<{ position: number; lines: number }> {
  const { size } = await handle.stat();
  let begin = size;
  let tail = Buffer.alloc(0);
  while (begin > 0) {
    const length = Math.min(CHUNK_BYTES, begin);
    begin -= length;
    const chunk = Buffer.alloc(length);
    await handle.read(chunk, 0, length, begin);
    tail = Buffer.concat([chunk, tail]);
    const offset = tailOffset(tail, tailLines);
    if (offset > 0 || tailLines <= 0) return { position: begin + offset, lines: tailLines };
  }
  return {
    position: 0,
    lines: Math.min(
      tailLines,
      tail
        .toString('latin1')
        .split('\n')
        .filter((line) => line !== '').length,
    ),
  };
}
