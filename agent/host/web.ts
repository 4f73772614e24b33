/** Asks a web server what anybody would ask first, and keeps the lines people want to see. */
import type { Clock } from '#base/clock.ts';
import { AppError, explain } from '#base/errors.ts';
import type { Answer } from './progress.ts';

const AGAIN_MS = 25;
const ONE_REQUEST_MS = 5_000;

export interface AskOptions {
  readonly clock: Clock;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

/** Asks again until there is an answer, whatever its status. Throws HTTP_NO_ANSWER. */
export async function askWeb(url: string, { clock, withinMs, signal }: AskOptions): Promise<Answer> {
  const startedMs = clock.monotonicMs();
  for (;;) {
    try {
      return await ask(url, clock, signal);
    } catch (err) {
      signal.throwIfAborted();
      if (clock.monotonicMs() - startedMs > withinMs) {
        const next = 'see what the pod logs, and whether it listens on its containerPort';
        throw new AppError(
          'HTTP_NO_ANSWER',
          `No HTTP answer from ${url} within ${withinMs / 1000} s: ${next}`,
          { next, last: explain(err) },
          err,
        );
      }
    }
    await clock.sleep(AGAIN_MS, signal);
  }
}

async function ask(url: string, clock: Clock, signal: AbortSignal): Promise<Answer> {
  const startedMs = clock.monotonicMs();
  const giveUp = new AbortController();
  const until = AbortSignal.any([signal, giveUp.signal]);
  clock.sleep(ONE_REQUEST_MS, until).then(
    () => giveUp.abort(),
    () => undefined, // answered
  );
  try {
    const response = await fetch(url, { signal: until, headers: { connection: 'close' }, redirect: 'manual' });
    const text = await response.text();
    return {
      status: response.status,
      statusLine: `HTTP/1.1 ${response.status} ${response.statusText}`.trim(),
      server: response.headers.get('server') ?? undefined,
      title: /<title>([^<]*)<\/title>/i.exec(text)?.[1]?.trim(),
      tookMs: Math.round((clock.monotonicMs() - startedMs) * 10) / 10,
    };
  } finally {
    giveUp.abort();
  }
}
