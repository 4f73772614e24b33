/** Answers without an end: watches and logs. A client that has not read what it was sent within the time limit is cut off. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '#base/clock.ts';
import type { Sink } from '../call.ts';
import { drained } from './reply.ts';

/** How long a client may leave its connection full before it is cut: it would otherwise hold on to memory for ever. */
export const SLOW_CLIENT_MS = 60_000;

export interface SinkOptions {
  readonly res: ServerResponse;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly onSlow: () => void;
}

export function makeSink({ res, signal, clock, onSlow }: SinkOptions): Sink {
  return {
    write: (bytes) => !res.writableEnded && res.write(bytes) && !res.writableNeedDrain,
    drained: async () => {
      if (!res.writableNeedDrain) return;
      const done = new AbortController();
      const cut = clock.sleep(SLOW_CLIENT_MS, done.signal).then(
        () => {
          onSlow();
          res.destroy();
        },
        () => undefined,
      );
      try {
        await drained(res);
      } finally {
        done.abort();
        await cut;
      }
    },
    end: () => res.end(),
    signal,
  };
}
