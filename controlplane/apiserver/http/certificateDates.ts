/**
 * Certificates of the server that have ended, have not begun or end soon are named in its log, once for each state.
 * Units: milliseconds. Source: nobody renews them but people (kijabi certs renew), so that somebody has to say so in time.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';

const LOOK_EVERY_MS = 3_600_000;
const SOON_MS = 14 * 86_400_000;
/** Of a life that is short: who renews by a tool does so in its last fifth. */
const SOON_SHARE = 0.1;

export interface DatesProblem {
  readonly kind: 'ended' | 'early' | 'soon';
  readonly text: string;
}

/** The first certificate of a PEM text. undefined: nothing is wrong with its dates, or it is no certificate. Pure. */
export function datesProblem(pem: string, nowMs: number): DatesProblem | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    return undefined; // whoever uses it says so
  }
  const [fromMs, toMs] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  const date = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
  if (toMs <= nowMs) return { kind: 'ended', text: `it ended on ${date(toMs)}` };
  if (fromMs > nowMs) return { kind: 'early', text: `it begins on ${date(fromMs)}: is the clock right?` };
  return toMs - nowMs < Math.min(SOON_MS, (toMs - fromMs) * SOON_SHARE) ? { kind: 'soon', text: `it ends on ${date(toMs)}` } : undefined;
}

export interface DatesOptions {
  readonly files: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks at the start and every hour, until the signal aborts. */
export async function watchCertificateDates({ files, clock, log }: DatesOptions, signal: AbortSignal): Promise<void> {
  const told = new Map<string, string>();
  while (!signal.aborted) {
    for (const file of files) {
      const pem = await readFile(file, 'utf8').catch(() => undefined); // whoever uses it says so
      const problem = pem === undefined ? undefined : datesProblem(pem, clock.nowMs());
      if (problem?.text === told.get(file)) continue;
      told.delete(file);
      if (problem === undefined) continue;
      told.set(file, problem.text);
      const next = problem.kind === 'early' ? {} : { next: 'kijabi certs check-expiration; kijabi certs renew NAME' };
      const level = problem.kind === 'soon' ? 'warn' : 'error';
      log[level]('A certificate of the server is out of its time or soon will be', { file, because: problem.text, ...next });
    }
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}
