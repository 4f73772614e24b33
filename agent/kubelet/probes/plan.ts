/**
 * What the answers of a probe add up to. Pure.
 *
 * So many answers of one kind in a row turn the verdict; until then the last verdict stands. Before the first verdict a container with
 * a startup probe counts as not started, with a readiness probe as not ready, and with a liveness probe as alive.
 * Units: milliseconds. Source: "Configure Liveness, Readiness and Startup Probes" in the Kubernetes docs.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Probe } from '#api/kinds/core/probes.ts';

export const PROBE_KINDS = ['startup', 'liveness', 'readiness'] as const;
export type ProbeKind = (typeof PROBE_KINDS)[number];

/** What is known of one container. */
export interface ProbeVerdict {
  readonly started: boolean;
  readonly ready: boolean;
  /** The probe that gave the container up: it is to be ended, and started again unless its policy is Never. */
  readonly failed?: 'liveness' | 'startup';
}

/** The verdict of each probe that has one. */
export type ProbeResults = { readonly [kind in ProbeKind]?: boolean };

/** Of what was kept over a restart. Throws for what is not ours. */
export function parseResults(value: unknown): [string, ProbeResults][] {
  if (!Array.isArray(value)) throw new TypeError('want a list');
  return value.map((entry: unknown): [string, ProbeResults] => {
    const [id, results] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof id !== 'string' || typeof results !== 'object' || results === null)
      throw new TypeError('want pairs of an id and its verdicts');
    const given = results as Readonly<Record<string, unknown>>;
    return [id, Object.fromEntries(PROBE_KINDS.filter((k) => typeof given[k] === 'boolean').map((k) => [k, given[k]]))];
  });
}

export interface Run {
  readonly good: boolean;
  readonly length: number;
}

export function probeOf(c: Container, kind: ProbeKind): Probe | undefined {
  switch (kind) {
    case 'startup':
      return c.startupProbe;
    case 'liveness':
      return c.livenessProbe;
    case 'readiness':
      return c.readinessProbe;
  }
}

export function hasProbes(c: Container): boolean {
  return PROBE_KINDS.some((kind) => probeOf(c, kind) !== undefined);
}

export function verdictOf(c: Container, results: ProbeResults): ProbeVerdict {
  const started = c.startupProbe === undefined || results.startup === true;
  const ready = started && (c.readinessProbe === undefined || results.readiness === true);
  if (c.startupProbe !== undefined && results.startup === false) return { started, ready, failed: 'startup' };
  if (c.livenessProbe !== undefined && results.liveness === false) return { started, ready, failed: 'liveness' };
  return { started, ready };
}

/** Which probes ask at this stage: first the one for the start alone, then the others. */
export function activeProbes(c: Container, results: ProbeResults): ProbeKind[] {
  if (verdictOf(c, results).failed !== undefined) return [];
  if (c.startupProbe !== undefined && results.startup !== true) return ['startup'];
  return (['liveness', 'readiness'] as const).filter((kind) => probeOf(c, kind) !== undefined);
}

export function extend(run: Run | undefined, good: boolean): Run {
  return run?.good === good ? { good, length: run.length + 1 } : { good, length: 1 };
}

/** undefined: not enough in a row yet. */
export function decide(run: Run, probe: Probe): boolean | undefined {
  const threshold = run.good ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  return run.length >= threshold ? run.good : undefined;
}

export interface Timing {
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** 0 to 1: many that are due at once are spread over a period by it. */
  readonly chance: number;
}

/** How long until the first question. A clock that was set back makes nobody wait longer than the manifest says. */
export function firstDelayMs(probe: Probe, { startedAtMs, nowMs, chance }: Timing): number {
  const delayMs = (probe.initialDelaySeconds ?? 0) * 1_000;
  const dueMs = startedAtMs + delayMs - nowMs;
  return dueMs <= 0 ? Math.floor(chance * periodOf(probe)) : Math.min(dueMs, delayMs);
}

export const periodOf = (probe: Probe): number => (probe.periodSeconds ?? 10) * 1_000;
export const timeoutOf = (probe: Probe): number => (probe.timeoutSeconds ?? 1) * 1_000;
