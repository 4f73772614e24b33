/**
 * Pods that the node ended for its own sake, or did not let begin: which and why. Evictions, preemptions and shutdowns are remembered
 * over a restart of the kubelet; a refusal to begin is found out again.
 */
import type { StopReason } from './plan.ts';
import type { Ended } from './status.ts';

export interface Fate extends Ended {
  readonly why: StopReason;
  /** Where it is not the pod's own. */
  readonly graceMs?: number;
  /** Its own fault: it does not begin again when the node has enough. */
  readonly stays?: true;
}

export class Fates {
  readonly #fates: Map<string, Fate>;
  readonly #keep: (fates: readonly (readonly [string, Fate])[]) => void;

  constructor(
    known: Iterable<readonly [string, Fate]> = [],
    keep: (fates: readonly (readonly [string, Fate])[]) => void = () => undefined,
  ) {
    this.#fates = new Map(known);
    this.#keep = keep;
  }

  of(uid: string | undefined): Fate | undefined {
    return this.#fates.get(uid ?? '');
  }

  set(uid: string, fate: Fate): void {
    this.#fates.set(uid, fate);
    if (fate.why !== 'rejected') this.#save();
  }

  clear(uid: string): void {
    const fate = this.#fates.get(uid);
    if (this.#fates.delete(uid) && fate?.why !== 'rejected') this.#save();
  }

  /** UIDs of those that ended for this reason, and not by their own fault. */
  endedBy(why: StopReason): string[] {
    return [...this.#fates].filter(([, fate]) => fate.why === why && fate.stays !== true).map(([uid]) => uid);
  }

  #save(): void {
    this.#keep([...this.#fates].filter(([, fate]) => fate.why !== 'rejected'));
  }
}

/** Throws for what is not ours. */
export function parseFates(value: unknown): [string, Fate][] {
  if (!Array.isArray(value)) throw new TypeError('want a list');
  return value.map((entry: unknown): [string, Fate] => {
    const [uid, fate] = Array.isArray(entry) ? (entry as unknown[]) : [];
    const { why, reason, message, stays } = (fate ?? {}) as Record<string, unknown>;
    const isOurs =
      (why === 'evicted' || why === 'preempted' || why === 'nodeShutdown') && typeof reason === 'string' && typeof message === 'string';
    if (typeof uid !== 'string' || !isOurs) throw new TypeError('want pairs of a UID and what became of the pod');
    return [uid, { why, reason, message, disruption: 'TerminationByKubelet', ...(stays === true ? { stays } : {}) }];
  });
}
