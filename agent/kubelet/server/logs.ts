/** Reads a container's log file and, when asked to, goes on while the container runs. Memory stays bounded whatever the size of the file. */
import { open, type FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '#base/clock.ts';
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
  const handle = await open(file, 'r');
  try {
    let left = options.limitBytes ?? Infinity;
    for await (const line of lines(handle, options, signal)) {
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
  } finally {
    await handle.close();
  }
}

async function* lines(handle: FileHandle, options: ReadLogOptions, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8');
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let position = options.tailLines === undefined ? 0 : await findTail(handle, options.tailLines);
  let rest = '';
  while (!signal.aborted) {
    const ended = !options.follow || !options.stillRuns(); // asked before the read, so that nothing written in between is missed
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position);
    position += bytesRead;
    if (bytesRead > 0) {
      const parts = (rest + decoder.write(buffer.subarray(0, bytesRead))).split('\n');
      rest = parts.pop() ?? '';
      yield* parts;
      if (rest.length > LONGEST_LINE) {
        yield rest;
        rest = '';
      }
    } else if (ended) {
      if (rest !== '') yield rest;
      return;
    } else {
      await options.clock.sleep(FOLLOW_MS, signal).catch(() => undefined);
    }
  }
}

/** Reads backwards until enough lines are in hand. */
async function findTail(handle: FileHandle, tailLines: number): Promise<number> {
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
    if (offset > 0 || tailLines <= 0) return begin + offset;
  }
  return 0;
}
