/**
 * /healthz in upstream's forms: `ok`, ?verbose, ?exclude=, /healthz/<check>. Pure but for the checks it is given.
 *
 * Differs: says why a check fails, where upstream withholds the reason: 10250 knows who asks, 10248 listens for this host alone.
 * Source: the answers of k8s.io/apiserver's healthz, Kubernetes 1.36.
 */
export interface HealthCheck {
  readonly name: string;
  /** Why it fails; undefined: it is well. */
  readonly problem: () => Promise<string | undefined> | string | undefined;
}

export interface HealthAnswer {
  readonly status: 200 | 500;
  readonly text: string;
  readonly outcomes: readonly Outcome[];
}

export interface Outcome {
  readonly name: string;
  readonly problem: string | undefined;
}

/** check: the one that is asked for alone. undefined: there is no such check. */
export async function answerHealth(
  checks: readonly HealthCheck[],
  { check, query }: { readonly check: string | undefined; readonly query: URLSearchParams },
): Promise<HealthAnswer | undefined> {
  if (check === undefined) return answerAll(checks, query);
  const found = checks.find(({ name }) => name === check);
  if (found === undefined) return undefined;
  const outcome = await look(found);
  const { problem } = outcome;
  return { status: problem === undefined ? 200 : 500, text: problem === undefined ? 'ok' : `${problem}\n`, outcomes: [outcome] };
}

async function answerAll(checks: readonly HealthCheck[], query: URLSearchParams): Promise<HealthAnswer> {
  const excluded = new Set(query.getAll('exclude').filter((name) => name !== ''));
  const outcomes = await Promise.all(checks.filter(({ name }) => !excluded.has(name)).map(look));
  const lines = checks.map(({ name }) => {
    if (excluded.delete(name)) return `[+]${name} excluded: ok`;
    const problem = outcomes.find((o) => o.name === name)?.problem;
    return problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`;
  });
  if (excluded.size > 0)
    lines.push(
      `warn: some health checks cannot be excluded: no matches for ${[...excluded].map((name) => JSON.stringify(name)).join(',')}`,
    );
  const failed = outcomes.some(({ problem }) => problem !== undefined);
  if (failed) return { status: 500, text: `${lines.join('\n')}\nhealthz check failed\n`, outcomes };
  return { status: 200, text: query.has('verbose') ? `${lines.join('\n')}\nhealthz check passed\n` : 'ok', outcomes };
}

async function look({ name, problem }: HealthCheck): Promise<Outcome> {
  try {
    return { name, problem: await problem() };
  } catch (err) {
    return { name, problem: err instanceof Error ? err.message : String(err) };
  }
}
