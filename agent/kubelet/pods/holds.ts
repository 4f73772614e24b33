/**
 * Containers that could not be started (image missing, creation failed): what went wrong and when the next try is due.
 * Units: milliseconds.
 * Source: image pull back-off as in the Kubernetes docs, 10 s doubling to 5 min.
 */
import type { Clock } from '#base/clock.ts';
import type { Hold } from './plan.ts';
import type { Waiting } from './status.ts';

const BASE_MS = 10_000;
const MAX_MS = 300_000;

interface Why {
  readonly reason: string;
  readonly message: string;
  /** That could not be pulled. */
  readonly image?: string | undefined;
}

interface Trouble extends Hold, Why {
  readonly failures: number;
}

export class Holds {
  readonly #clock: Clock;
  /** Pod UID -> container -> its trouble. */
  readonly #pods = new Map<string, Map<string, Trouble>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns how long the container has to wait now. */
  add(uid: string, container: string, { reason, message, image }: Why): number {
    const pod = this.#pods.get(uid) ?? new Map<string, Trouble>();
    this.#pods.set(uid, pod);
    const failures = (pod.get(container)?.failures ?? 0) + 1;
    const waitMs = Math.min(BASE_MS * 2 ** Math.min(failures - 1, 10), MAX_MS);
    pod.set(container, { container, untilMs: this.#clock.nowMs() + waitMs, reason, message, image, failures });
    return waitMs;
  }

  clear(uid: string, container: string): void {
    this.#pods.get(uid)?.delete(container);
  }

  /** What a container waits for may be there now. */
  clearReason(uid: string, reason: string): void {
    const pod = this.#pods.get(uid);
    for (const [container, trouble] of pod ?? []) if (trouble.reason === reason) pod?.delete(container);
  }

  forget(uid: string): void {
    this.#pods.delete(uid);
  }

  of(uid: string | undefined): Hold[] {
    return [...(this.#pods.get(uid ?? '')?.values() ?? [])];
  }

  /** As a status shows it: a pull that failed more than once is in back-off. */
  waiting(uid: string | undefined): Waiting[] {
    return [...(this.#pods.get(uid ?? '')?.values() ?? [])].map(({ container, reason, message, image, failures }) =>
      reason === 'ErrImagePull' && failures > 1
        ? { container, reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ErrImagePull: ${message}` }
        : { container, reason, message },
    );
  }
}
