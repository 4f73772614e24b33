/**
 * When a container that ended may start again. Pure.
 *
 * Every container carries the delay that follows its own end (an annotation the runtime keeps), so that the
 * back-off survives a restart of the kubelet: 0 for the first, then base, doubling up to max.
 * A container that ran for twice the maximum starts the series anew.
 *
 * Units: milliseconds.
 * Source: "container restart policy" in the Kubernetes docs: 10 s, 20 s, ... capped at 5 min, reset after 10 min.
 */
export interface CrashBackoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

export const DEFAULT_CRASH_BACKOFF: CrashBackoff = { baseMs: 10_000, maxMs: 300_000 };

export interface EndedContainer {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** The delay to keep after this container's end. */
  readonly backoffMs: number;
}

export interface NextStart {
  readonly notBeforeMs: number;
  /** What the next container carries as its backoffMs. */
  readonly backoffMs: number;
}

export function nextStart(ended: EndedContainer, { baseMs, maxMs }: CrashBackoff): NextStart {
  const ranMs = ended.startedAtMs > 0 ? ended.finishedAtMs - ended.startedAtMs : 0;
  if (ranMs >= 2 * maxMs) return { notBeforeMs: ended.finishedAtMs, backoffMs: baseMs };
  return {
    notBeforeMs: ended.finishedAtMs + Math.min(ended.backoffMs, maxMs),
    backoffMs: ended.backoffMs === 0 ? baseMs : Math.min(ended.backoffMs * 2, maxMs),
  };
}

/** A wait longer than the longest delay there is means that the clock was set back since: it would not end in time, so it ends now. */
export function isDue(notBeforeMs: number, nowMs: number, longestMs: number): boolean {
  return notBeforeMs <= nowMs || notBeforeMs - nowMs > longestMs;
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

/** Exit codes after which a container starts again whatever its policy says. */
export interface ExitCodeRule {
  readonly operator: 'In' | 'NotIn';
  readonly values: readonly number[];
}

/** The policy of one container: rules first, in their order. */
export interface RestartRules {
  readonly policy: RestartPolicy;
  readonly rules?: readonly ExitCodeRule[];
}

export function shouldRestart(policy: RestartPolicy, exitCode: number, rules: readonly ExitCodeRule[] = []): boolean {
  if (rules.some(({ operator, values }) => values.includes(exitCode) === (operator === 'In'))) return true;
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}
