/**
 * /healthz, /livez and /readyz of the API server. Pure but for the checks it is given.
 */
import { answerAll, answerOne, type HealthText } from '../component/http/health.ts';
import type { Answer, ApiCall } from './call.ts';

export interface HealthCheck {
  readonly name: string;
  /** Resolves with why it fails; undefined: it is well. */
  readonly run: (signal: AbortSignal) => Promise<string | undefined>;
  /** It fails while the server starts, and nothing is wrong then. */
  readonly startsLate?: true;
}

export type HealthPath = 'healthz' | 'livez' | 'readyz';

export interface HealthOptions {
  readonly checks: Readonly<Record<HealthPath, () => readonly HealthCheck[]>>;
  readonly onFailure: (path: HealthPath, check: HealthCheck, why: string) => void;
}

const PLAIN = 'text/plain; charset=utf-8';
const headers = { 'X-Content-Type-Options': 'nosniff' };

/** undefined: no path of health. */
export function healthPathOf(path: string): { readonly path: HealthPath; readonly check: string | undefined } | undefined {
  const found = /^\/(healthz|livez|readyz)(?:\/([^/]+))?\/?$/.exec(path);
  return found === null ? undefined : { path: found[1] as HealthPath, check: found[2] };
}

export async function answerHealth(call: ApiCall, options: HealthOptions): Promise<Answer | undefined> {
  const asked = healthPathOf(call.path);
  if (asked === undefined) return undefined;
  const all = options.checks[asked.path]();
  if (asked.check !== undefined) {
    const check = all.find((c) => c.name === asked.check);
    if (check === undefined) return undefined;
    const why = await outcome(check, call.signal);
    if (why !== undefined) options.onFailure(asked.path, check, why);
    return textOf(answerOne(why));
  }
  return lookAtAll(asked.path, all, call, options);
}

async function lookAtAll(path: HealthPath, all: readonly HealthCheck[], call: ApiCall, options: HealthOptions): Promise<Answer> {
  const exclude = new Set(call.query.all('exclude'));
  const outcomes = await Promise.all(
    all.map(async (check) => ({ check, name: check.name, why: exclude.has(check.name) ? undefined : await outcome(check, call.signal) })),
  );
  for (const { check, why } of outcomes) if (why !== undefined) options.onFailure(path, check, why);
  return textOf(answerAll(path, outcomes, { exclude, verbose: call.query.get('verbose') !== undefined }));
}

function textOf(answer: HealthText): Answer {
  return { kind: 'text', contentType: PLAIN, headers, ...answer };
}

async function outcome(check: HealthCheck, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await check.run(signal);
  } catch (err) {
    return err instanceof Error ? err.message : String(err);
  }
}
