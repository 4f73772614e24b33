/**
 * Joins two connections: bytes both ways, untouched, until both have ended. What one side has sent before it went still reaches the other,
 * however slowly that one reads: who copies a file out of a container must get its last bytes too.
 * Units: milliseconds.
 */
import type { Duplex } from 'node:stream';

/** For a side that neither takes what is left nor goes. */
const LAST_WORDS_MS = 60_000;

/** Resolves when both are closed; the signal closes them at once. */
export function joinDuplex(one: Duplex, other: Duplex, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let open = 2;
    const stop = (): void => {
      one.destroy();
      other.destroy();
    };
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      from.on('error', () => undefined); // it closes, and that is what counts
      from.once('close', () => {
        lastWords(to);
        open -= 1;
        if (open > 0) return;
        signal.removeEventListener('abort', stop);
        resolve();
      });
      from.pipe(to);
    }
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    // One of them went before this was called: nobody will say so again.
    for (const side of [one, other]) if (side.destroyed) side.emit('close');
  });
}

/** The other side is gone: this one gets what is on its way, and its end; what it says now is for nobody. */
function lastWords(side: Duplex): void {
  if (side.destroyed) return;
  const timer = setTimeout(() => side.destroy(), LAST_WORDS_MS).unref();
  side.once('close', () => clearTimeout(timer));
  // A connection that is closed while bytes lie in it unread is reset, and the other end would lose what it has not read yet.
  side.resume();
  if (!side.writableEnded) side.end();
}
