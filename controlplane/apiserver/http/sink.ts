/** The way to a client that reads for as long as it likes: a watch, a log. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '#base/clock.ts';
import type { Chunk, Sink } from '../call.ts';
import { chunkOf, contentOf } from './chunk.ts';
import { drained } from './reply.ts';

/** How long a client may leave its connection full before it is cut: it would otherwise hold on to memory for ever. */
export const SLOW_CLIENT_MS = 60_000;

export interface SinkOptions {
  readonly res: ServerResponse;
  /** false: nothing of what is written is sent. */
  readonly hasBody: boolean;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly onSlow: () => void;
}

export function makeSink({ res, hasBody, signal, clock, onSlow }: SinkOptions): Sink {
  const isFull = (): boolean => res.writableNeedDrain || res.socket?.writableNeedDrain === true;
  const writeChunk = (chunk: Chunk): boolean => {
    if (!hasBody) return true;
    if (res.writableEnded) return false;
    const { socket } = res;
    // Straight to the connection, because Node would pack it again. Until it is this answer's turn there, Node has to keep it.
    return socket === null ? res.write(contentOf(chunk)) : socket.write(chunk);
  };
  return {
    write: (bytes) => (bytes.length === 0 ? !isFull() : writeChunk(chunkOf([bytes]))),
    writeChunk,
    drained: async () => {
      if (!isFull()) return;
      const done = new AbortController();
      const cut = clock.sleep(SLOW_CLIENT_MS, done.signal).then(
        () => {
          onSlow();
          res.destroy();
        },
        () => undefined,
      );
      try {
        while (isFull()) await drained(res);
      } finally {
        done.abort();
        await cut;
      }
    },
    end: () => res.end(),
    signal,
  };
}
