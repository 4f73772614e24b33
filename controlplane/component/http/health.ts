/**
 * What /healthz, /livez and /readyz answer, with the one-check and the verbose forms of upstream. Pure.
 * Source: the answers of k8s.io/apiserver healthz, Kubernetes 1.36: "[+]ping ok", "[-]etcd failed: reason withheld", exclude=.
 */
export interface Outcome {
  readonly name: string;
  /** Why it fails; undefined: it is well, or nobody asked. */
  readonly why: string | undefined;
}

export interface HealthText {
  readonly code: 200 | 500;
  readonly text: string;
}

/** Of one check. */
export function answerOne(why: string | undefined): HealthText {
  return why === undefined ? { code: 200, text: 'ok' } : { code: 500, text: 'internal server error: reason withheld\n' };
}

export function answerAll(
  path: string,
  outcomes: readonly Outcome[],
  { exclude, verbose }: { readonly exclude: Iterable<string>; readonly verbose: boolean },
): HealthText {
  const excluded = new Set([...exclude].filter((name) => name !== ''));
  let failed = false;
  const lines = outcomes.map(({ name, why }) => {
    if (excluded.delete(name)) return `[+]${name} excluded: ok`;
    if (why === undefined) return `[+]${name} ok`;
    failed = true;
    return `[-]${name} failed: reason withheld`;
  });
  for (const name of excluded) lines.push(`warn: some health checks cannot be excluded: no matches for ${JSON.stringify(name)}`);
  if (failed) return { code: 500, text: `${lines.join('\n')}\n${path} check failed\n` };
  return { code: 200, text: verbose ? `${lines.join('\n')}\n${path} check passed\n` : 'ok' };
}
