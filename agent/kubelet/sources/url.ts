/**
 * Static pods from a URL: asked now and then, read like a file. What it gave last is kept on disk (readable by root alone), so that a
 * kubelet that starts while the URL cannot be reached goes on with the pods it had.
 */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { FileReading } from './fileSet.ts';
import { shown, type UrlToFetch } from './http/fetch.ts';

export interface UrlSourceDeps {
  readonly url: UrlToFetch & { readonly everyMs: number };
  readonly clock: Clock;
  readonly log: Logger;
  readonly fetch: (url: UrlToFetch, signal: AbortSignal) => Promise<Uint8Array>;
  readonly read: (file: string, bytes: Uint8Array) => FileReading;
  /** Told first with what was kept, or with nothing. */
  readonly onLook: (look: { readonly readings: ReadonlyMap<string, FileReading>; readonly present: ReadonlySet<string> }) => void;
  readonly kept: { load(): Promise<string | undefined>; save(text: string): void };
}

export async function watchUrl(deps: UrlSourceDeps, signal: AbortSignal): Promise<void> {
  const { url, clock, log, fetch, kept } = deps;
  const name = shown(url.url);
  let last: string | undefined;
  let failing = false;
  const take = (text: string): boolean => {
    if (text === last) return false;
    last = text;
    deps.onLook({ readings: new Map([[name, deps.read(name, Buffer.from(text))]]), present: new Set([name]) });
    return true;
  };
  const before = await kept.load();
  if (before !== undefined) take(before);
  let told = before !== undefined;
  while (!signal.aborted) {
    try {
      const text = Buffer.from(await fetch(url, signal)).toString('utf8');
      if (failing) log.info('Static pods can be fetched again', { url: name });
      failing = false;
      if (take(text)) kept.save(text);
      told = true;
    } catch (err) {
      if (signal.aborted) return;
      if (!failing) log.error('Cannot fetch static pods, those it gave before keep running', { url: name, err });
      failing = true;
      // Nothing was ever had from it: there is nothing to wait for.
      if (!told) deps.onLook({ readings: new Map(), present: new Set() });
      told = true;
    }
    await clock.sleep(url.everyMs, signal).catch(() => undefined);
  }
}
