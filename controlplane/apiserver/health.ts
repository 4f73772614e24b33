/**
 * /healthz, /livez and /readyz, with the one-check and the verbose forms of upstream. Pure but for the checks it is given.
 * Source: the answers of k8s.io/apiserver healthz, Kubernetes 1.36: "[+]ping ok", "[-]etcd failed: reason withheld", exclude=.
 */
import type { Answer, ApiCall } from './call.ts';

export interface HealthCheck {
  readonly name: string;
  /** Resolves with why it fails; undefined: it is well. */
  readonly run: (signal: AbortSignal) => Promise<string | undefined>;
}

export type HealthPath = 'healthz' | 'livez' | 'readyz';

export interface HealthOptions {
  readonly checks: Readonly<Record<HealthPath, () => readonly HealthCheck[]>>;
  readonly onFailure: (path: HealthPath, check: string, why: string) => void;
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
    if (why !== undefined) options.onFailure(asked.path, check.name, why);
    return why === undefined
      ? { kind: 'text', code: 200, contentType: PLAIN, text: 'ok', headers }
      : { kind: 'text', code: 500, contentType: PLAIN, text: 'internal server error: reason withheld\n', headers };
  }
  return answerAll(asked.path, all, call, options);
}

async function answerAll(path: HealthPath, all: readonly HealthCheck[], call: ApiCall, options: HealthOptions): Promise<Answer> {
  const exclude = new Set(call.query.all('exclude'));
  const outcomes = await Promise.all(
    all.map(async (check) => ({ check, why: exclude.has(check.name) ? undefined : await outcome(check, call.signal) })),
  );
  const lines = outcomes.map(({ check: { name }, why }) => {
    if (exclude.delete(name)) return `[+]${name} excluded: ok`;
    return why === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`;
  });
  for (const name of exclude) lines.push(`warn: some health checks cannot be excluded: no matches for ${JSON.stringify(name)}`);
  const failed = outcomes.filter(({ why }) => why !== undefined);
  for (const { check, why = '' } of failed) options.onFailure(path, check.name, why);
  if (failed.length > 0) {
    return { kind: 'text', code: 500, contentType: PLAIN, text: `${lines.join('\n')}\n${path} check failed\n`, headers };
  }
  const verbose = call.query.get('verbose') !== undefined;
  const text = verbose ? `${lines.join('\n')}\n${path} check passed\n` : 'ok';
  return { kind: 'text', code: 200, contentType: PLAIN, text, headers };
}

async function outcome(check: HealthCheck, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await check.run(signal);
  } catch (err) {
    return err instanceof Error ? err.message : String(err);
  }
}
