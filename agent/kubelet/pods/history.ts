/**
 * The last ends of each container of a pod, with exit code and last lines, also of those that the runtime has no longer. Bounded, and kept
 * over restarts of the kubelet. No effects of its own: who sees an end tells how its lines are read.
 */
import type { RuntimeContainer } from '../runtime/types.ts';

export interface Termination {
  readonly attempt: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly lastLines: readonly string[];
}

export interface PodHistory {
  readonly [container: string]: readonly Termination[];
}

/** Of each container. */
const KEPT = 5;
const PODS = 500;
const LONGEST_LINE = 500;

export class TerminationHistory {
  /** Pod UID -> its containers; the pod that was told last is the last. */
  readonly #pods: Map<string, PodHistory>;
  readonly #save: (all: readonly (readonly [string, PodHistory])[]) => void;

  constructor(before: readonly (readonly [string, PodHistory])[], save: (all: readonly (readonly [string, PodHistory])[]) => void) {
    this.#pods = new Map(before);
    this.#save = save;
  }

  knows(uid: string, container: string, attempt: number): boolean {
    const known = this.#pods.get(uid)?.[container] ?? [];
    // Those before the oldest that is kept were forgotten on purpose.
    return known.some((t) => t.attempt === attempt) || (known.length >= KEPT && attempt < (known[0]?.attempt ?? 0));
  }

  add(uid: string, container: string, end: Termination): void {
    if (this.knows(uid, container, end.attempt)) return;
    const pod = this.#pods.get(uid) ?? {};
    const lastLines = end.lastLines.map((line) => line.slice(0, LONGEST_LINE));
    const ends = [...(pod[container] ?? []), { ...end, lastLines }].toSorted((a, b) => a.attempt - b.attempt).slice(-KEPT);
    this.#pods.delete(uid);
    this.#pods.set(uid, { ...pod, [container]: ends });
    for (const oldest of this.#pods.keys()) {
      if (this.#pods.size <= PODS) break;
      this.#pods.delete(oldest);
    }
    this.#save([...this.#pods]);
  }

  /** The ends that are new, before the containers and their logs are tidied away. */
  async remember(
    uid: string,
    containers: readonly RuntimeContainer[],
    lastLines: (c: RuntimeContainer) => Promise<readonly string[]>,
  ): Promise<void> {
    for (const c of containers) {
      if (c.state !== 'exited' || c.uid !== uid || this.knows(uid, c.name, c.attempt)) continue;
      const { attempt, exitCode, startedAtMs, finishedAtMs } = c;
      const reason = c.reason === '' ? (exitCode === 0 ? 'Completed' : 'Error') : c.reason;
      this.add(uid, c.name, { attempt, exitCode, reason, startedAtMs, finishedAtMs, lastLines: await lastLines(c) });
    }
  }

  of(uid: string | undefined): PodHistory {
    return this.#pods.get(uid ?? '') ?? {};
  }

  forget(uid: string): void {
    if (this.#pods.delete(uid)) this.#save([...this.#pods]);
  }
}

/** Throws TypeError for what is not ours. */
export function parseHistory(value: unknown): [string, PodHistory][] {
  if (!Array.isArray(value)) throw new TypeError('want a list');
  return value.map((entry: unknown): [string, PodHistory] => {
    const [uid, pod] = Array.isArray(entry) ? (entry as unknown[]) : [];
    const lists = typeof pod === 'object' && pod !== null ? Object.values(pod) : undefined;
    if (typeof uid !== 'string' || lists === undefined || !lists.every((list) => Array.isArray(list) && list.every(isTermination)))
      throw new TypeError('want pairs of a UID and the ends of its containers');
    return [uid, pod as PodHistory];
  });
}

function isTermination(value: unknown): boolean {
  const { attempt, exitCode, reason, startedAtMs, finishedAtMs, lastLines } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const numbers = [attempt, exitCode, startedAtMs, finishedAtMs].every((n) => Number.isFinite(n));
  return numbers && typeof reason === 'string' && Array.isArray(lastLines) && lastLines.every((line) => typeof line === 'string');
}
